"""GradientFlowDisplay: how much of the loss's gradient arrives how many steps back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from ._hidden_states import (
    Direction,
    check_direction,
    check_layer,
    network_with_states,
    padded,
    steps_in_words,
    units_of,
)
from ._plotting import artist_options, axes_for, require_matplotlib, series_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The gates of each cell, in the order of their blocks of rows in W_h.
_BLOCKS = {"rnn": ("W_h",), "gru": ("W_hr", "W_hz", "W_hn"), "lstm": ("W_hi", "W_hf", "W_hg", "W_ho")}

# So many times off its norms a fitted decay may be before the legend tells.
_FAR_OFF = 2.0


class GradientFlowDisplay:
    r"""Norm of the gradient dL/dh_t against how many steps back t lies: vanishing and exploding gradients.

    Make it with :meth:`from_estimator`.

    The gradient that the loss sends to a state passes one more Jacobian with every step back, so it shrinks or grows
    about geometrically [1]_ [2]_ [3]_. What vanishes before it reaches a step cannot teach the network anything about
    that step; what explodes drowns all else. Drawn for every layer:

    - lag 0 is where the gradient comes from: each sequence's last step for the forward direction, its first for the
      backward one;
    - the norm of a lag is the root mean square over sequences of the Euclidean norm over units. So gradients that are
      zero count as zero, and sequences with a large loss count for more, as they do in training. Only sequences that
      are long enough have a lag; where lengths differ, sequences leave the mean one after the other;
    - the decay is the factor by which the norm changes with each step back: the line of least squares through
      the logarithm of the norm on the lag, each lag weighing as the number of its sequences. Lag 0 is left out, since
      there the gradient has come through the readout only and through no recurrence; (an LSTM's goes on mainly
      through its cell c_t, which at lag 0 does not show in dL/dh_t). So are lags at which the norm is not finite, zero,
      or below the smallest normal number, where digits are lost: they are told of and not fitted. Not every curve is
      near a line: units that remember for different times bend it. Where the norm is more than twice the fitted one
      somewhere, or less than half of it, the legend tells by how much.

    A network that puts out one target a sequence sends its whole loss back from the last state if
    ``pooling="last"``. With any other pooling each step **also gets gradient from the pooling directly**, at no
    distance, and the norm need not decay even if nothing passes the recurrence; the figure says so. With a target at
    every step it is the loss of the last step that is drawn. In a stack, a lower layer also gets gradient from the
    layer above at every step, so its curve mixes the ways.

    For "rnn" with its nonlinearity f and what it is applied to, a_t, the recurrent weights bound the decay [3]_:

    .. math::

        \frac{\partial L}{\partial h_{t-1}}
        = W_h^T \, \mathrm{diag}(f'(a_t)) \, \frac{\partial L}{\partial h_t},
        \qquad 0 \le f' \le 1 .

    So each step multiplies the norm by at most the largest singular value of W_h, and where that is below 1 the
    gradient vanishes. Small tanh states and many steps bring the factor near the spectral radius. "indrnn" multiplies
    each unit by its u or by 0. In the gated cells no one matrix is a bound: the state also goes on past W_h, through
    the forget gate f ("lstm"), z ("gru") or 1 - z ("mingru"), which is what they were made for. The bound is drawn for
    a last layer that gets its gradient at lag 0 only, from sequences of one length; the legend tells where it leaves
    the figure, which is drawn for the norms.

    Parameters
    ----------
    norms : dict of int to ndarray of shape (n_lags,)
        Norm at each lag, by layer.
    n_sequences : ndarray of shape (n_lags,)
        How many sequences have the lag.
    recurrent_norms : dict of int to dict, default=None
        See `recurrent_norms_`.
    smallest_normal : float, default=2.2250738585072014e-308
        Norms below it are not fitted: the smallest normal number of the dtype that the gradients were computed in.
    bound_layer : int or None, default=None
        Layer whose decay is bounded by its largest singular value, if there is one.
    direction : {"forward", "backward"}, default="forward"
    title : str or None, default=None
        Name of the model in the title.
    note : str or None, default=None
        Second line of the title.
    patch_size : int, default=1
        How many time steps of X one step of the network is.

    Attributes
    ----------
    decay_rate_ : dict of int to float
        Factor of the norm for each step back, by layer: below 1 vanishing, above 1 exploding. NaN where there are
        fewer than two lags to fit to.
    decay_misfit_ : dict of int to float
        By layer, the largest ratio of a norm to the fitted one, or of the fitted one to the norm: 1 for a decay that is
        geometric. NaN where there is no fit.
    vanished_lag_ : dict of int to int or None
        From which lag on the norm is zero or below the smallest normal number to the end, by layer; None if it is not.
    overflow_lag_ : dict of int to int or None
        First lag at which the norm is not finite, by layer; None if there is none.
    recurrent_norms_ : dict of int to dict
        By layer and matrix, ``{"largest_singular_value": ..., "spectral_radius": ...}`` of the recurrent matrices:
        "W_h" of cell="rnn"; each gate's block of W_h by itself, "W_hr", "W_hz", "W_hn" of "gru" and "W_hi", "W_hf",
        "W_hg", "W_ho" of "lstm"; the diagonal matrix "u" of "indrnn". Empty for "mingru", which has none, and for cells
        that are not of this package.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of int to matplotlib Line2D
        Norms by lag.
    fit_lines_ : dict of int to matplotlib Line2D
        The fitted decays, of layers that have one: wide and pale in the colour of the layer, behind its curve.
    bound_line_ : matplotlib Line2D or None
        What the largest singular value allows at most.

    References
    ----------
    .. [1] Hochreiter, S. (1991). Untersuchungen zu dynamischen neuronalen Netzen. Diploma thesis, TU München.
    .. [2] Bengio, Y., Simard, P. and Frasconi, P. (1994). Learning long-term dependencies with gradient descent is
       difficult. IEEE Transactions on Neural Networks 5, 157-166.
    .. [3] Pascanu, R., Mikolov, T. and Bengio, Y. (2013). On the difficulty of training recurrent neural networks.
       ICML, 1310-1318.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from sklearn_rnn import GradientFlowDisplay, RNNRegressor
    >>> X = np.sin(np.arange(200.0)).reshape(20, 10)
    >>> net = RNNRegressor(8, cell="rnn", solver="lbfgs", alpha=0.1, random_state=0).fit(X[:, :-1], X[:, -1])
    >>> ax = Figure().add_subplot()  # without ax=, a new figure is opened
    >>> display = GradientFlowDisplay.from_estimator(net, X[:, :-1], X[:, -1], ax=ax)
    >>> display.decay_rate_[0] < display.recurrent_norms_[0]["W_h"]["largest_singular_value"]
    True
    """

    lines_: dict[int, Any]
    fit_lines_: dict[int, Any]
    bound_line_: Any

    def __init__(
        self,
        norms: dict[int, np.ndarray],
        n_sequences: np.ndarray,
        *,
        recurrent_norms: dict[int, dict[str, dict[str, float]]] | None = None,
        smallest_normal: float = float(np.finfo(np.float64).tiny),
        bound_layer: int | None = None,
        direction: Direction = "forward",
        title: str | None = None,
        note: str | None = None,
        patch_size: int = 1,
    ):
        self.norms = norms
        self.n_sequences = n_sequences
        self.recurrent_norms_ = {} if recurrent_norms is None else recurrent_norms
        self.smallest_normal = smallest_normal
        self.bound_layer = bound_layer
        self.direction = direction
        self.title = title
        self.note = note
        self.patch_size = patch_size
        self._fits = {layer: self._fit(norm) for layer, norm in norms.items()}
        self.decay_rate_ = {layer: float(np.exp(slope)) for layer, (slope, _) in self._fits.items()}
        self.decay_misfit_ = {layer: self._misfit(layer) for layer in norms}
        self.vanished_lag_ = {layer: self._vanished(norm) for layer, norm in norms.items()}
        self.overflow_lag_ = {layer: _first(~np.isfinite(norm)) for layer, norm in norms.items()}

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        layer: int | None = None,
        direction: Direction = "forward",
        log_scale: bool | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Gradients of the loss of X and y.

        Parameters
        ----------
        estimator : estimator
            A fitted RNNRegressor or RNNSequenceClassifier, or a pipeline, search or other meta-estimator around one.
            The steps of a pipeline before it are applied to X, the transformer of a TransformedTargetRegressor to y.
        X : as the estimator takes it
        y : as the estimator takes it
        layer : int or None, default=None
            Which layer, from 0; negative numbers count from the last. None is all.
        direction : {"forward", "backward"}, default="forward"
            Which direction of a bidirectional network.
        log_scale : bool or None, default=None
            Whether norms stand on a logarithmic scale. None: they do, but for axes that hold something already, the
            scale of which is left as it is. False leaves the scale of any axes as it is.
        ax : matplotlib Axes or None, default=None
            Where to draw; None opens a new figure.
        **kwargs
            Handed to matplotlib's `plot` for each of the lines of norms.

        Returns
        -------
        display : GradientFlowDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator is or holds no network with hidden states.
        ValueError
            If the layer or the direction does not exist, or X or y is not as the estimator takes it; for
            direction="backward" of a network with an output at every step, where the loss of the last step reaches
            only one state of the backward direction; or the axes are polar or three-dimensional.
        """
        caller = f"{cls.__name__}.from_estimator"
        require_matplotlib(caller)
        network, X, y = network_with_states(estimator, X, y, caller)
        sizes = network.hidden_layer_sizes_
        layers = range(len(sizes)) if layer is None else [check_layer(layer, len(sizes))]
        check_direction(direction, network.bidirectional_)
        per_step = network.mapping != "many-to-one"
        if per_step and direction == "backward":
            raise ValueError(
                f"direction='backward' does not go with mapping={network.mapping!r}: the backward direction reads the "
                "last step first, so the loss of the last step comes from its first state and goes back no further. "
                "Use direction='forward'."
            )
        backward = direction == "backward"
        lags = _lags(padded(network.hidden_states(X)), backward)
        norms, smallest = {}, 0.0
        for k in layers:
            gradients = padded(network.hidden_gradients(X, y, layer=k, steps="last"))[
                :, :, units_of(direction, sizes[k])
            ]
            smallest = float(np.finfo(gradients.dtype).tiny)
            norms[k] = _by_lag(_size(gradients), lags)
        direct = not per_step and network.pooling_ != "last"
        n_sequences = np.bincount(lags[lags >= 0])
        recurrent_norms = {k: _recurrent_norms(network, k, "_reverse" if backward else "") for k in layers}
        last = len(sizes) - 1
        is_bounded = network.cell_ in ("rnn", "indrnn") and not direct and bool((n_sequences == n_sequences[0]).all())
        display = cls(
            norms,
            n_sequences,
            recurrent_norms=recurrent_norms,
            smallest_normal=smallest,
            bound_layer=last if is_bounded and last in norms else None,
            direction=direction,
            title=network.cell_ + (f", {direction}" if network.bidirectional_ else ""),
            note=_note(network, direct),
            patch_size=network.patch_size_,
        )
        return display.plot(ax=ax, log_scale=log_scale, **kwargs)

    def plot(self, ax: Axes | None = None, *, log_scale: bool | None = None, **kwargs: Any) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None opens a new figure.
        log_scale : bool or None, default=None
            As in `from_estimator`.
        **kwargs
            Handed to matplotlib's `plot` for each of the lines of norms.

        Returns
        -------
        self : GradientFlowDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If ax is not one matplotlib Axes.
        ValueError
            If it is polar or three-dimensional.
        """
        from matplotlib.ticker import MaxNLocator

        self.figure_, self.ax_ = axes_for(ax, type(self).__name__)
        if not self.ax_.has_data() if log_scale is None else log_scale:
            self.ax_.set_yscale("log", nonpositive="mask")
        self.lines_, self.fit_lines_, self.bound_line_ = {}, {}, None
        lags = np.arange(len(self.n_sequences))
        for k, (layer, norm) in enumerate(self.norms.items()):
            drawn = np.where(np.isfinite(norm) & (norm > 0), norm, np.nan)
            usual = {**series_style(k), "linewidth": 2, "label": self._describe(layer)}
            usual |= {"marker": "o", "markersize": 3.5} if len(lags) <= 30 else {}
            (self.lines_[layer],) = self.ax_.plot(lags, drawn, **artist_options(usual, kwargs))
            slope, at_zero = self._fits[layer]
            if np.isfinite(slope):
                fitted = lags[self._usable(norm)][[0, -1]]
                pale = {"color": self.lines_[layer].get_color(), "alpha": 0.3, "linewidth": 6, "zorder": 1.5}
                (self.fit_lines_[layer],) = self.ax_.plot(
                    fitted, np.exp(at_zero + slope * fitted), solid_capstyle="butt", label="_fit", **pale
                )
        if self.fit_lines_:  # one name for all, the last in the legend
            each = ", each in the color of its layer" if len(self.fit_lines_) > 1 else ""
            list(self.fit_lines_.values())[-1].set_label("fitted decay" + each)
        if self.bound_layer is not None:
            self._plot_bound(self.bound_layer, lags)
        way = "back from the last" if self.direction == "forward" else "on from the first"
        self.ax_.set(
            xlabel=f"lag: {steps_in_words(self.patch_size, plural=True)} {way}",
            ylabel=r"$\|\partial L\,/\,\partial h_t\|$, RMS over sequences",
            title="\n".join(
                line
                for line in ("Gradient flow through time" + (f" ({self.title})" if self.title else ""), self.note)
                if line
            ),
        )
        self.ax_.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
        self.ax_.legend(loc="best", fontsize="small")
        return self

    # -- numbers ----------------------------------------------------------------------------------------------------

    def _usable(self, norm: np.ndarray) -> np.ndarray:
        """Lags that a decay may be fitted to."""
        usable = np.isfinite(norm) & (norm >= self.smallest_normal)
        usable[:1] = False
        return usable

    def _fit(self, norm: np.ndarray) -> tuple[float, float]:
        """Slope and intercept of log(norm) on the lag; NaN where fewer than two lags are usable."""
        usable = self._usable(norm)
        if usable.sum() < 2:
            return np.nan, np.nan
        lag, log, weight = np.flatnonzero(usable), np.log(norm[usable]), self.n_sequences[usable]
        mean_lag, mean_log = np.average(lag, weights=weight), np.average(log, weights=weight)
        slope = (weight * (lag - mean_lag) * (log - mean_log)).sum() / (weight * (lag - mean_lag) ** 2).sum()
        return float(slope), float(mean_log - slope * mean_lag)

    def _misfit(self, layer: int) -> float:
        """How many times the norm is off the fitted decay, at the lag where it is most."""
        norm, (slope, at_zero) = self.norms[layer], self._fits[layer]
        if not np.isfinite(slope):
            return np.nan
        lag = np.flatnonzero(self._usable(norm))
        return float(np.exp(np.abs(np.log(norm[lag]) - at_zero - slope * lag).max()))

    def _vanished(self, norm: np.ndarray) -> int | None:
        """The lag from which on nothing is left."""
        left = np.flatnonzero(~(norm < self.smallest_normal))
        first = int(left[-1]) + 1 if len(left) else 0
        return first if first < len(norm) else None

    # -- in words ---------------------------------------------------------------------------------------------------

    def _describe(self, layer: int) -> str:
        vanished, overflow, rate = self.vanished_lag_[layer], self.overflow_lag_[layer], self.decay_rate_[layer]
        told = [f"factor {_factor(rate)} per step" if np.isfinite(rate) else "too few lags to fit a decay"]
        if self.decay_misfit_[layer] > _FAR_OFF:
            told[0] += f" (fit is off by up to {min(self.decay_misfit_[layer], 1e300):.2g} times)"
        if vanished is not None:
            none_left = not self.norms[layer][vanished:].any()
            told.append(f"{'zero' if none_left else f'below {self.smallest_normal:.0e}'} from lag {vanished} on")
        if overflow is not None:
            told.append(f"overflows at lag {overflow}")
        return f"layer {layer}: " + (",\n" if "off by" in told[0] else ", ").join(told)

    def _plot_bound(self, layer: int, lags: np.ndarray) -> None:
        """What the largest singular value allows at most, from lag 0 on."""
        ((name, found),) = self.recurrent_norms_[layer].items()
        start = self.norms[layer][0]
        if not (np.isfinite(start) and start > 0):
            return
        sigma = found["largest_singular_value"]
        of = f" of layer {layer}" if len(self.norms) > 1 else ""
        if name == "u":
            label = f"bound{of}: largest $u$ = {_factor(sigma)}"
        else:
            label = (
                rf"bound{of}: $\sigma_{{max}}(W_h)$ = {_factor(sigma)}"
                rf" (spectral radius {_factor(found['spectral_radius'])})"
            )
        with np.errstate(over="ignore", under="ignore"):
            bound = start * sigma ** lags.astype(np.float64)
        limits = self.ax_.get_ylim()  # of the norms: a bound far above them would press them flat
        over = bound.copy()
        bound = np.where(np.isfinite(bound) & (bound > 0), bound, np.nan)
        (self.bound_line_,) = self.ax_.plot(lags, bound, color="#777777", linestyle=(0, (1, 1.5)), label=label)
        self.ax_.set_ylim(limits)
        line = self.bound_line_

        def tell_where_it_leaves(ax: Axes) -> None:
            """In the label, and in the legend if there is one already: limits may be set later."""
            outside, before = _first(over > ax.get_ylim()[1]), line.get_label()
            line.set_label(label + ("" if outside is None else f",\nabove the figure from lag {outside} on"))
            legend = ax.get_legend()
            for text in () if legend is None else legend.get_texts():
                if text.get_text() == before:
                    text.set_text(line.get_label())

        tell_where_it_leaves(self.ax_)
        self.ax_.callbacks.connect("ylim_changed", tell_where_it_leaves)


def _factor(x: float) -> str:
    """Three digits; where that would read 1, as many as show on which side of 1 it lies."""
    digits = 3
    while digits < 6 and x != 1 and float(f"{x:.{digits}g}") == 1:
        digits += 1
    return f"{x:.{digits}g}"


def _first(where: np.ndarray) -> int | None:
    found = np.flatnonzero(where)
    return int(found[0]) if len(found) else None


def _lags(states: np.ndarray, backward: bool) -> np.ndarray:
    """(n, T) steps between each step and where the gradient comes from; -1 at absent steps."""
    present = ~np.isnan(states).all(axis=2)
    t = np.arange(present.shape[1])
    first = present.argmax(axis=1)[:, None]
    last = first + present.sum(axis=1, keepdims=True) - 1
    return np.where(present, t - first if backward else last - t, -1)


def _size(A: np.ndarray, mean: bool = False) -> np.ndarray:
    """Euclidean norm over the last axis, or root mean square, in float64; the squares neither overflow nor vanish."""
    A = np.abs(A.astype(np.float64))
    largest = A.max(axis=-1)
    scale = np.where((largest > 0) & np.isfinite(largest), largest, 1.0)
    # not by division, which overflows for numbers that are not normal
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        squares = (A / scale[..., None]) ** 2
        return scale * np.sqrt(squares.mean(axis=-1) if mean else squares.sum(axis=-1))


def _by_lag(norms: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """Norms (n, T) as their root mean square over the sequences that have a lag, (n_lags,)."""
    return np.array([_size(norms[lags == lag], mean=True) for lag in range(lags.max() + 1)])


def _recurrent_norms(network: Any, layer: int, suffix: str) -> dict[str, dict[str, float]]:
    """Largest singular value and spectral radius of what a layer's state is multiplied by, by name."""
    weights = network.weights_
    if network.cell_ == "indrnn":
        nu = np.clip(weights[f"nu_l{layer}{suffix}"].astype(np.float64), -80.0, 30.0)  # as the cell does
        u = float(np.exp(-np.exp(nu)).max())
        return {"u": {"largest_singular_value": u, "spectral_radius": u}}
    names = _BLOCKS.get(network.cell_)
    if names is None:
        return {}
    blocks = np.split(weights[f"W_h_l{layer}{suffix}"].astype(np.float64), len(names))
    return {
        name: {
            "largest_singular_value": float(np.linalg.norm(W, 2)),
            "spectral_radius": float(np.abs(np.linalg.eigvals(W)).max()),
        }
        for name, W in zip(names, blocks)
    }


def _note(network: Any, direct: bool) -> str | None:
    """What the reader of the figure must know of where the gradient enters."""
    if direct:
        return f'pooling="{network.pooling_}": gradient also enters at every step directly'
    return None if network.mapping == "many-to-one" else "of the loss of the last step"
