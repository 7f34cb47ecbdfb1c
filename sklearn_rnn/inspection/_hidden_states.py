"""HiddenStateDisplay: what the units of a layer hold, over time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from ..text._generator import RNNTextGenerator
from ._models import network_and_data
from ._plotting import COLORS, artist_options, axes_for, require_matplotlib, series_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Kind = Literal["heatmap", "distribution", "units"]
Direction = Literal["forward", "backward"]

KINDS = ("heatmap", "distribution", "units")
SATURATED = 0.99
# Pairs of quantiles, the widest first; the darker, the nearer to the median.
BANDS = ((0.01, 0.99, "#d3dbe4"), (0.1, 0.9, "#9fb2c6"), (0.25, 0.75, "#5f7f9f"))
# Negative, zero, positive are told apart by hue, and in greyscale by darkness: from dark over middle grey to light.
_DIVERGING = ("#08204a", "#3d6a9e", "#a9a9a5", "#eba24f", "#fff6cf")
_MOST_LABELS = 16
_MARKERS = ("", "o", "s", "^", "v", "x")


def network_with_states(estimator: Any, X: Any, y: Any, caller: str) -> tuple[Any, Any, Any]:
    """The fitted network that an estimator is or holds, one with hidden states, and X and y as it takes them."""
    network, X, y = network_and_data(estimator, X, y)
    if isinstance(network, RNNTextGenerator):
        raise TypeError(
            f"{caller} needs sequences and their hidden states: a fitted RNNRegressor or RNNSequenceClassifier, got an "
            "RNNTextGenerator."
        )
    return network, X, y


def check_number(number: Any, n: int, name: str, of_what: str) -> int:
    """The number of one of n things, counted from the first, from one that may be counted from the last (-1)."""
    if not isinstance(number, Integral) or isinstance(number, bool):
        raise TypeError(f"{name} must be an int, got {number!r}.")
    number = int(number)
    if not -n <= number < n:
        raise ValueError(
            f"{name}={number} does not exist: {of_what}{'s' * (n > 1)}, so {name} must be from {-n} to {n - 1}."
        )
    return number % n


def check_layer(layer: Any, n_layers: int) -> int:
    """The number of a layer, counted from the first."""
    return check_number(layer, n_layers, "layer", f"this network has {n_layers} recurrent layer")


def check_direction(direction: Any, bidirectional: bool) -> None:
    """ValueError for a direction that there is not."""
    if direction not in ("forward", "backward"):
        raise ValueError(f"direction must be 'forward' or 'backward', got {direction!r}.")
    if direction == "backward" and not bidirectional:
        raise ValueError(
            "direction='backward' does not exist: this network reads forward only (bidirectional=False). Use "
            "direction='forward'."
        )


def units_of(direction: str | None, width: int) -> slice:
    """Which columns of the hidden states belong to a direction."""
    return {None: slice(None), "forward": slice(width), "backward": slice(width, None)}[direction]


def padded(steps: Any) -> np.ndarray:
    """(n, T, D) from hidden states of 3-D or ragged X; NaN at absent steps, ragged sequences padded at the end."""
    if steps.dtype != object:
        return steps
    out = np.full((len(steps), max(len(s) for s in steps), steps[0].shape[1]), np.nan, steps[0].dtype)
    for row, values in zip(out, steps):
        row[: len(values)] = values
    return out


def steps_in_words(patch_size: int, plural: bool = False) -> str:
    """What one step of the network is: a time step, or a patch of several."""
    if patch_size == 1:
        return "time steps" if plural else "time step"
    return f"patch{'es' if plural else ''} (of {patch_size} time steps)"


class HiddenStateDisplay:
    """Hidden states over time: a heat map, their distribution, or single units.

    Make it with :meth:`from_estimator`; :meth:`plot` draws the same states again in another way. Lines of single units
    show what each of them follows [2]_.

    What is stated in numbers depends on the cell. The states of "rnn" with tanh, "gru", "lstm" and "mingru" are bounded
    by -1 and 1, and the share that is **saturated**, beyond 0.99 in absolute value, is given. For "rnn" with tanh it
    means what it means for any tanh layer [1]_: there the derivative 1 - h^2 is below 0.02, so
    hardly any gradient passes this unit at this step. A gated cell can hold such a value on purpose: where its gate
    keeps the state, the gradient passes all the same. And an output gate that is nearly shut hides a saturated cell of
    an LSTM. "rnn" with relu and "indrnn" have no upper bound, so nothing is said of saturation; there the share of
    states that are **zero** is given, where no gradient passes, and the units that are zero all the time ("dead").

    Parameters
    ----------
    states : ndarray of shape (n_samples, n_timesteps, n_units)
        Hidden states, those of the forward direction first; NaN at absent steps.
    layer : int, default=0
        Number of the layer, from 0.
    direction : {"forward", "backward"} or None, default=None
        What the states are of; None where they are of both directions, or of the only one there is.
    n_forward : int or None, default=None
        How many of the units are of the forward direction; None: all. Of no meaning unless `direction` is None.
    nonlinearity : {"tanh", "relu"} or None, default=None
        What bounds the states: "tanh" from -1 to 1, "relu" from 0 on; None where nothing is known.
    title : str or None, default=None
        Name of the model in the title.
    patch_size : int, default=1
        How many time steps of X one step of the network is.

    Attributes
    ----------
    saturated_share_ : float or None
        Share of the states drawn last with an absolute value above 0.99; None where states are not bounded.
    zero_share_ : float or None
        Share of the states drawn last that are zero; None unless `nonlinearity` is "relu".
    dead_units_ : ndarray of int, or None
        Numbers of the units that are zero in all that was drawn last, and in no more: a heat map and lines of units
        show one sequence (and `units` may leave some out), in which a unit may rest that another sequence wakes. For
        all sequences of X draw kind="distribution". None unless `nonlinearity` is "relu".
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    heatmap_ : matplotlib AxesImage or None
        kind="heatmap": (units, steps).
    colorbar_ : matplotlib Colorbar or None
        kind="heatmap".
    quantiles_ : dict of float to ndarray, or None
        kind="distribution": quantile at every step, over sequences and units. NaN at steps that no sequence has.
    bands_ : list of matplotlib StepPatch, or None
        kind="distribution": the middle 98%, 80% and 50%.
    median_ : matplotlib StepPatch or None
        kind="distribution".
    lines_ : list of matplotlib Line2D, or None
        kind="units".

    References
    ----------
    .. [1] Glorot, X. and Bengio, Y. (2010). Understanding the difficulty of training deep feedforward neural networks.
       AISTATS, 249-256.
    .. [2] Karpathy, A., Johnson, J. and Fei-Fei, L. (2015). Visualizing and understanding recurrent networks.
       arXiv:1506.02078.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from sklearn_rnn import HiddenStateDisplay, RNNRegressor
    >>> X = np.sin(np.arange(200.0)).reshape(20, 10)
    >>> net = RNNRegressor(8, cell="rnn", solver="lbfgs", alpha=0.1, random_state=0).fit(X[:, :-1], X[:, -1])
    >>> ax = Figure().add_subplot()  # without ax=, a new figure is opened
    >>> display = HiddenStateDisplay.from_estimator(net, X[:, :-1], sample=3, ax=ax)
    >>> display.saturated_share_
    0.0
    """

    heatmap_: Any
    colorbar_: Any
    quantiles_: Any
    bands_: Any
    median_: Any
    lines_: Any

    def __init__(
        self,
        states: np.ndarray,
        *,
        layer: int = 0,
        direction: Direction | None = None,
        n_forward: int | None = None,
        nonlinearity: Literal["tanh", "relu"] | None = None,
        title: str | None = None,
        patch_size: int = 1,
    ):
        self.states = states
        self.layer = layer
        self.direction = direction
        self.n_forward = n_forward
        self.nonlinearity = nonlinearity
        self.title = title
        self.patch_size = patch_size

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        kind: Kind = "heatmap",
        sample: int = 0,
        layer: int = -1,
        direction: Direction | None = None,
        units: int | Sequence[int] | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Hidden states that X gives rise to.

        Parameters
        ----------
        estimator : estimator
            A fitted RNNRegressor or RNNSequenceClassifier, or a pipeline, search or other meta-estimator around one.
            The steps of a pipeline before it are applied to X.
        X : as the estimator takes it
            2-D, 3-D (steps that are NaN throughout at the start or the end are absent) or a list of sequences.
        kind : {"heatmap", "distribution", "units"}, default="heatmap"
            See `plot`.
        sample : int, default=0
            Which sequence of X a heat map or lines of units show.
        layer : int, default=-1
            Which layer, from 0; negative numbers count from the last.
        direction : {"forward", "backward"} or None, default=None
            Which direction of a bidirectional network; None is both, the forward units first.
        units : int, sequence of int or None, default=None
            See `plot`.
        ax : matplotlib Axes or None, default=None
            Where to draw; None opens a new figure.
        **kwargs
            See `plot`.

        Returns
        -------
        display : HiddenStateDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator is or holds no network with hidden states.
        ValueError
            If the layer, the direction, the sequence or a unit does not exist, or X is not as the estimator takes it.
        """
        caller = f"{cls.__name__}.from_estimator"
        require_matplotlib(caller)
        network, X, _ = network_with_states(estimator, X, None, caller)
        layer = check_layer(layer, len(network.hidden_layer_sizes_))
        if direction is not None:
            check_direction(direction, network.bidirectional_)
        width = network.hidden_layer_sizes_[layer]
        states = padded(network.hidden_states(X, layer=layer))[:, :, units_of(direction, width)]
        display = cls(
            states,
            layer=layer,
            direction=direction,
            n_forward=width,
            nonlinearity=_nonlinearity(network),
            title=f"{network.cell_}, layer {layer}",
            patch_size=network.patch_size_,
        )
        return display.plot(kind=kind, sample=sample, units=units, ax=ax, **kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        kind: Kind = "heatmap",
        sample: int = 0,
        units: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None opens a new figure. A heat map puts its colorbar beside it.
        kind : {"heatmap", "distribution", "units"}, default="heatmap"
            - "heatmap": units by time steps of one sequence. Bounded states are drawn from -1 to 1 whatever their
              values, so that pictures can be compared.
            - "distribution": at every step, over all sequences and units, the median and the middle 50%, 80% and 98%.
            - "units": chosen units of one sequence as lines.
        sample : int, default=0
            Which sequence a heat map or lines of units show; negative numbers count from the last.
        units : int, sequence of int or None, default=None
            Which units, from 0; where both directions are shown, the backward ones follow the forward ones. None:
            all; for kind="units", the five whose standard deviation over the steps of the sequence is largest.
        **kwargs
            Handed to matplotlib: to `imshow` for a heat map (`vmin`, `vmax`, `cmap`, ...), to `stairs` for the median
            of a distribution, to `plot` for each of the lines of units.

        Returns
        -------
        self : HiddenStateDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If ax is not one matplotlib Axes, or `sample` or a unit is no int.
        ValueError
            If the kind, the sequence or a unit does not exist, there are no states (NaN throughout), or ax is polar.
        """
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(map(repr, KINDS))}, got {kind!r}.")
        n = len(self.states)
        sample = check_number(sample, n, "sample", f"X holds {n} sequence")
        steps = self._steps(None if kind == "distribution" else sample)
        states = self.states[:, steps] if kind == "distribution" else self.states[sample, steps]
        chosen = self._units(units, states if kind == "units" else None)
        states = states[..., chosen]
        self.figure_, self.ax_ = axes_for(ax, type(self).__name__)
        self.heatmap_ = self.colorbar_ = self.quantiles_ = self.bands_ = self.median_ = self.lines_ = None
        told = self._tell(states, chosen)
        if kind == "heatmap":
            self._plot_heatmap(states.T, steps, chosen, kwargs)
        elif kind == "distribution":
            self._plot_distribution(states, steps, kwargs)
        else:
            self._plot_units(states, steps, chosen, kwargs)
        what = f"sequence {sample}"
        if kind == "distribution":
            what = f"all {n} sequences" if n > 1 else "the one sequence"
        name = ", ".join(part for part in (self.title, self.direction) if part)
        head = f"Hidden states of {what}" + (f" ({name})" if name else "")
        self.ax_.set(xlabel=steps_in_words(self.patch_size), title="\n".join(line for line in (head, told) if line))
        return self

    # -- what is to be shown ----------------------------------------------------------------------------------------

    def _steps(self, sample: int | None) -> slice:
        """From the first to the last step that the sequence has; None: that any has."""
        present = ~np.isnan(self.states).all(axis=2)
        if sample is None:
            there = present.any(axis=0)
        else:
            there = present[sample]
        found = np.flatnonzero(there)
        if not len(found):
            raise ValueError("There are no states to draw: they are NaN throughout.")
        return slice(int(found[0]), int(found[-1]) + 1)

    def _units(self, units: Any, states: np.ndarray | None) -> np.ndarray:
        """Numbers of units; None is all, or of the given states (steps, units) the five that move most."""
        n_units = self.states.shape[2]
        if units is None:
            if states is None:
                return np.arange(n_units)
            return np.sort(np.argsort(-states.std(axis=0, dtype=np.float64), kind="stable")[:5])
        given = list(units) if isinstance(units, Iterable) and not isinstance(units, str) else [units]
        if not all(isinstance(unit, Integral) and not isinstance(unit, (bool, np.bool_)) for unit in given):
            raise TypeError(f"units must be an int or a sequence of ints, got {units!r}.")
        if not given:
            raise ValueError("units is empty: give at least one unit, or None.")
        wrong = [int(unit) for unit in given if not 0 <= unit < n_units]
        if wrong:
            raise ValueError(
                f"units {wrong} do not exist: there are {n_units}, so units must be from 0 to {n_units - 1}."
            )
        return np.array(given, dtype=np.intp)

    def _tell(self, states: np.ndarray, chosen: np.ndarray) -> str:
        """Share of saturated or zero states among (..., units), as attributes and in words."""
        self.saturated_share_: float | None = None
        self.zero_share_: float | None = None
        self.dead_units_: np.ndarray | None = None
        rows = states.reshape(-1, states.shape[-1])
        rows = rows[~np.isnan(rows).all(axis=1)]
        if self.nonlinearity == "tanh":
            self.saturated_share_ = float((np.abs(rows) > SATURATED).mean())
            return f"{_percent(self.saturated_share_)} saturated (beyond ±{SATURATED})"
        if self.nonlinearity == "relu":
            zero = rows == 0
            self.zero_share_, self.dead_units_ = float(zero.mean()), chosen[zero.all(axis=0)]
            return f"{_percent(self.zero_share_)} zero; zero throughout: {len(self.dead_units_)} of {len(chosen)} units"
        return ""

    @property
    def _n_forward(self) -> int:
        """How many units come before the first backward one, where both directions are shown; else all."""
        n_units = self.states.shape[2]
        return n_units if self.direction is not None or self.n_forward is None else self.n_forward

    def _unit_name(self, unit: int) -> str:
        if self._n_forward == self.states.shape[2]:
            return str(unit)
        return f"{unit} (backward)" if unit >= self._n_forward else f"{unit} (forward)"

    # -- drawing ----------------------------------------------------------------------------------------------------

    def _plot_heatmap(self, H: np.ndarray, steps: slice, chosen: np.ndarray, options: dict) -> None:
        from matplotlib.colors import LinearSegmentedColormap

        largest = float(np.nanmax(np.abs(H))) or 1.0
        if self.nonlinearity == "relu":  # nothing is negative, and zero is what to look for: the darkest
            usual: dict = {"vmin": 0.0, "vmax": largest, "cmap": "cividis"}
        else:
            end = 1.0 if self.nonlinearity == "tanh" else largest
            usual = {"vmin": -end, "vmax": end, "cmap": LinearSegmentedColormap.from_list("hidden", _DIVERGING)}
        extent = (steps.start - 0.5, steps.stop - 0.5, len(H) - 0.5, -0.5)
        usual |= {"aspect": "auto", "interpolation": "nearest", "extent": extent}
        if "norm" in options:
            del usual["vmin"], usual["vmax"]
        self.heatmap_ = self.ax_.imshow(H, **usual | options)
        self.colorbar_ = self.figure_.colorbar(self.heatmap_, ax=self.ax_, label="hidden state $h_t$")
        self._integer_steps()
        label, names = "unit", [self._unit_name(unit) for unit in chosen]
        n_above = int((chosen < self._n_forward).sum())
        if 0 < n_above < len(chosen) and (chosen[:n_above] < self._n_forward).all():
            for color, width in (("black", 4.0), ("white", 1.5)):
                self.ax_.axhline(n_above - 0.5, color=color, linewidth=width)
            label, names = "unit (backward: below the line)", [str(unit) for unit in chosen]
        if len(names) <= _MOST_LABELS:
            self.ax_.set_yticks(range(len(names)), names)
        else:
            self.ax_.set_yticks(*_some(names))
        self.ax_.set_ylabel(label)

    def _plot_distribution(self, states: np.ndarray, steps: slice, options: dict) -> None:
        wanted = [0.5] + [q for low, high, _ in BANDS for q in (low, high)]
        found = np.full((len(wanted), states.shape[1]), np.nan)
        for t in range(states.shape[1]):
            values = states[:, t]
            values = values[~np.isnan(values)]
            if len(values):
                found[:, t] = np.quantile(values, wanted)
        self.quantiles_ = dict(zip(wanted, found))
        # Steps with edges, not a line from step to step: there is nothing in between; and one step shows as well.
        edges = np.arange(steps.start, steps.stop + 1) - 0.5
        self.bands_ = [
            self.ax_.stairs(
                self.quantiles_[high],
                edges,
                baseline=self.quantiles_[low],
                fill=True,
                color=color,
                label=f"middle {high - low:.0%}",
            )
            for low, high, color in BANDS
        ]
        usual = {"baseline": None, "color": "black", "linewidth": 2, "label": "median"}
        self.median_ = self.ax_.stairs(self.quantiles_[0.5], edges, **artist_options(usual, options))
        self._mark_saturation()
        self._integer_steps()
        self.ax_.set_ylabel("hidden state $h_t$ over sequences and units")
        self.ax_.margins(x=0)
        self._legend([self.median_, *self.bands_[::-1]], n_columns=4)

    def _plot_units(self, states: np.ndarray, steps: slice, chosen: np.ndarray, options: dict) -> None:
        t = np.arange(steps.start, steps.stop)
        self.lines_ = []
        for k, unit in enumerate(chosen):
            # beyond the sixth line, the styles come again with a marker
            marker = _MARKERS[k // len(COLORS) % len(_MARKERS)] or ("o" if len(t) == 1 else "")
            usual = {**series_style(k), "marker": marker, "markersize": 4, "markevery": max(1, len(t) // 15)}
            usual["label"] = f"unit {self._unit_name(unit)}"
            self.lines_ += self.ax_.plot(t, states[:, k], **artist_options(usual, options))
        self._mark_saturation()
        self._integer_steps()
        self.ax_.set_ylabel("hidden state $h_t$")
        self._legend(self.lines_, n_columns=5 if self._n_forward == self.states.shape[2] else 3)

    def _mark_saturation(self) -> None:
        if self.nonlinearity == "tanh":
            for bound in (-SATURATED, SATURATED):
                self.ax_.axhline(bound, color="#555555", linestyle=":", linewidth=1.2)
            self.ax_.set_ylim(-1.08, 1.08)
            self.ax_.set_yticks(np.linspace(-1.0, 1.0, 9))
        else:
            self.ax_.axhline(0.0, color="#555555", linestyle=":", linewidth=1.2)

    def _legend(self, artists: list, n_columns: int) -> None:
        """A legend inside the axes, in room that is made for it above what is drawn."""
        low, high = self.ax_.get_ylim()
        n_rows = -(-len(artists) // n_columns)
        self.ax_.set_ylim(low, high + (high - low) * (0.03 + 0.065 * n_rows))
        self.ax_.legend(handles=artists, loc="upper center", ncols=n_columns, fontsize="small", columnspacing=1.2)

    def _integer_steps(self) -> None:
        from matplotlib.ticker import MaxNLocator

        self.ax_.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))


def _nonlinearity(network: Any) -> Literal["tanh", "relu"] | None:
    """What the states of this cell are bounded by."""
    if network.cell_ in ("gru", "lstm", "mingru"):
        return "tanh"
    if network.cell_ == "indrnn":
        return "relu"
    return network.activation_ if network.cell_ == "rnn" else None


def _some(names: list[str]) -> tuple[list[int], list[str]]:
    """Positions and names of some of them, evenly spaced."""
    every = next(n for n in (2, 5, 10, 20, 50, 100, 200, 500, len(names)) if len(names) <= 10 * n)
    return list(range(0, len(names), every)), names[::every]


def _percent(share: float) -> str:
    """To the tenth; what is not none is never said to be 0.0%."""
    return "<0.1%" if 0 < share < 0.0005 else f"{share:.1%}"
