"""LossCurveDisplay: how training went, epoch by epoch, of one model or of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier

from ._models import RecurrentEstimator, recurrent_estimator
from ._plotting import COLORS, artist_options, axes_for, require_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

# Of several models: told apart by the markers where colors are not seen. Solid and dashed are training and validation.
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "d", "1", "|")
_COLORS = (*COLORS, "#6f9bd8", "#7c2d12", "#14532d", "#e59ac6", "#111111", "#7b5ea7")
MOST_MODELS = len(_MARKERS)
_STAR: dict[str, Any] = {"marker": "*", "markersize": 15, "markeredgecolor": "white"}
_RING: dict[str, Any] = {"marker": "o", "markersize": 12, "markerfacecolor": "none", "markeredgewidth": 1.8}
# With more models than this the legend names each once, beside the axes.
_MOST_NAMED_TWICE = 4


class LossCurveDisplay:
    """Training and validation curves by epoch; the epoch that is kept and the one with the best validation are marked.

    Usually made by `from_estimator`.

    Parameters
    ----------
    training_curves : list of array-like or None
        One curve for each model, a value for each epoch; None where there is none.
    validation_curves : list of array-like or None, default=None
        Alike. None: there is none.
    names : list of str, default=None
        Of the models. None leaves a single one unnamed, and numbers several.
    best_epochs : list of int or None, default=None
        Of each model, the epoch to mark by a star, counted from 1; it is marked on the curve that `best_on` says.
    best_on : list of {"training", "validation"}, default=None
        None: validation where there is such a curve.
    best_labels : list of str, default=None
        Why it is the best, for the legend, such as "least training loss". None: nothing is said of it.
    higher_is_better : bool, default=False
        Whether the values are scores, of which the highest is the best one, and not losses.
    xlabel, ylabel : str, default="epoch", "loss"

    Attributes
    ----------
    training_lines_, validation_lines_ : list of Line2D or None
    validation_epochs : list of int or None
        Of each model, the epoch with the best value of the validation curve.
    best_points_ : list of Line2D or None
        The stars.
    validation_points_ : list of Line2D or None
        The rings around the best value of each validation curve; None where a star stands there.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn_rnn import LossCurveDisplay
    >>> display = LossCurveDisplay([[1.0, 0.5, 0.3]], validation_curves=[[1.1, 0.7, 0.8]], best_epochs=[2])
    >>> display.validation_curves[0].tolist(), display.best_epochs, display.validation_epochs
    ([1.1, 0.7, 0.8], [2], [2])
    """

    ax_: Axes
    figure_: Figure
    training_lines_: list[Line2D | None]
    validation_lines_: list[Line2D | None]
    best_points_: list[Line2D | None]
    validation_points_: list[Line2D | None]

    def __init__(
        self,
        training_curves: Sequence[ArrayLike | None],
        *,
        validation_curves: Sequence[ArrayLike | None] | None = None,
        names: Sequence[str] | None = None,
        best_epochs: Sequence[int | None] | None = None,
        best_on: Sequence[Literal["training", "validation"]] | None = None,
        best_labels: Sequence[str] | None = None,
        higher_is_better: bool = False,
        xlabel: str = "epoch",
        ylabel: str = "loss",
    ) -> None:
        n = len(training_curves)
        self.training_curves = [_curve(curve) for curve in training_curves]
        self.validation_curves = [_curve(curve) for curve in _as_many(validation_curves, n, "validation_curves")]
        self.names = None if names is None else [str(name) for name in _as_many(names, n, "names")]
        if names is None and n > 1:
            self.names = [f"model {i + 1}" for i in range(n)]
        self.best_epochs = list(_as_many(best_epochs, n, "best_epochs"))
        usual = ["training" if curve is None else "validation" for curve in self.validation_curves]
        self.best_on = usual if best_on is None else list(_as_many(best_on, n, "best_on"))
        self.best_labels = list(_as_many(best_labels, n, "best_labels"))
        self.higher_is_better = higher_is_better
        sign = -1.0 if higher_is_better else 1.0
        self.validation_epochs = [None if c is None else _first_least(sign * c) for c in self.validation_curves]
        self.xlabel, self.ylabel = xlabel, ylabel

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        names: str | Sequence[str] | None = None,
        curve: Literal["loss", "score"] = "loss",
        log_scale: bool | None = None,
        ax: Axes | None = None,
        line_kw: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the curves of a fitted estimator, or of several on one pair of axes.

        Parameters
        ----------
        estimator : estimator, list of them, or dict of name to estimator
            Up to 12, fitted: an RNNRegressor, RNNSequenceClassifier or RNNTextGenerator; a pipeline, search or
            TransformedTargetRegressor around one; or an RNNForecaster, the network of which is shown (the first of
            `regressors_`, without what it is combined with, on windows that are normalised).
        names : str or list of str, default=None
            For the legend. None: the keys of the dict, or else the names of the classes, numbered where they are alike.
        curve : {"loss", "score"}, default="loss"
            "loss": `loss_curve_` and, if there is one, `validation_loss_curve_`. The former holds the L2 penalty and
            is measured while the weights change, with dropout; the latter after each epoch and without both. So it may
            be the lower one. "score": `validation_scores_`, which there are with early stopping and a `scoring`.
        log_scale : bool or None, default=None
            Whether losses stand on a logarithmic scale. If one of them is 0 or below, as Poisson losses may be, the
            scale is linear all the same. Scores always stand on a linear one. None: they do, but for axes that hold
            something already, the scale of which is left as it is. False leaves the scale of any axes as it is.
        ax : matplotlib Axes, default=None
            To draw on; None opens a figure.
        line_kw : dict, default=None
            Passed on to every line of a curve (``linewidth=1``).

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        NotFittedError
            If an estimator is not fitted.
        TypeError
            If an estimator is or holds no recurrent network.
        ValueError
            If an estimator has no epoch or no scores, there are not as many names as estimators, or more estimators
            than can be told apart (12); or the axes are polar or three-dimensional.
        ImportError
            If matplotlib is not installed.

        Notes
        -----
        The star marks the best epoch, of which `fit` keeps the weights: with early_stopping, the one with the lowest
        validation loss or, if there is a `scoring`, the highest score. Otherwise the one with the lowest training
        loss, also where validation data were given to be recorded; that loss is measured from the first weights of the
        epoch on, so that these are kept, and the last ones where the last epoch was the best. `partial_fit` keeps the
        newest weights, whichever epoch was the best; a warm start the best of its own epochs. Where the curve is, or
        may be, of several calls, there is a star only if the last epoch is the best of all, which is kept in any case.
        One `fit` is known by ``warm_start=False`` with no more epochs than `max_iter`, of which all were validated, or
        none and training went on to `max_iter` or converged. (Just `max_iter` epochs of `partial_fit` look the same.)

        A ring marks the best value of the validation curve, if that is of another epoch. A star far to the right of
        it is a net that went on to learn its training data by heart: early_stopping=True keeps the epoch of the ring.

        Epochs that were not validated, such as those of `partial_fit` after `fit`, are gaps in the validation curve.

        Examples
        --------
        >>> import numpy as np
        >>> from matplotlib.figure import Figure
        >>> from sklearn_rnn import LossCurveDisplay, RNNRegressor
        >>> X = np.sin(np.arange(200.0)).reshape(40, 5)
        >>> model = RNNRegressor(4, solver="lbfgs", random_state=0).fit(X, X[:, 0])
        >>> display = LossCurveDisplay.from_estimator(model, ax=Figure().subplots())  # in a script: without ax
        >>> display.ax_.get_ylabel()
        'loss (half the squared error)'
        """
        require_matplotlib(f"{cls.__name__}.from_estimator")
        if curve not in ("loss", "score"):
            raise ValueError(f"curve must be 'loss' or 'score', got {curve!r}.")
        names, networks = _named_networks(estimator, names)
        training, validation, best, on, why = [], [], [], [], []
        for number, network in enumerate(networks):
            name = type(network).__name__ if names is None else names[number]
            if not len(network.loss_curve_):
                raise ValueError(
                    f"{name} has no epoch to draw: its loss_curve_ is empty, as after a training that was interrupted "
                    "in its first epoch. Fit it again."
                )
            scores = getattr(network, "validation_scores_", None)
            if curve == "score" and scores is None:
                raise ValueError(
                    f"{name} has no validation scores. Fit it with early_stopping=True, or X_val and y_val, and with a "
                    "scoring that is not 'loss' (None for its own score); or use curve='loss'."
                )
            epoch, where = _best_epoch(network)
            training.append(None if curve == "score" else network.loss_curve_)
            validation.append(scores if curve == "score" else network.validation_loss_curve_)
            # an epoch that was chosen by its training loss is none of a score's
            is_drawn = where == "validation" if curve == "score" else True
            best.append(epoch if is_drawn and (epoch == network.n_iter_ or _is_of_one_fit(network)) else None)
            on.append(where)
            by_score = where == "validation" and scores is not None
            why.append("highest validation score" if by_score else f"least {where} loss")
        display = cls(
            training,
            validation_curves=validation,
            names=names,
            best_epochs=best,
            best_on=on,
            best_labels=why,
            higher_is_better=curve == "score",
            xlabel="iteration" if all(getattr(n, "solver", "") == "lbfgs" for n in networks) else "epoch",
            ylabel=_common([_score_name(n) if curve == "score" else _loss_name(n) for n in networks], curve),
        )
        return display.plot(ax=ax, log_scale=log_scale if curve == "loss" else False, line_kw=line_kw)

    def plot(
        self, ax: Axes | None = None, *, log_scale: bool | None = None, line_kw: Mapping[str, Any] | None = None
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax, log_scale, line_kw
            As in `from_estimator`.

        Returns
        -------
        self : object

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If ax is not one matplotlib Axes.
        ValueError
            If there are more than 12 models, or the axes are polar or three-dimensional.
        """
        n = len(self.training_curves)
        if n > MOST_MODELS:
            raise ValueError(
                f"{n} models cannot be told apart on one pair of axes, {MOST_MODELS} at most. Choose some, or draw "
                "them on several axes (ax=)."
            )
        many = n > _MOST_NAMED_TWICE
        room: dict[str, Any] = {"figsize": (8.5, 4.8)} if many else {}  # for the legend beside the axes
        self.figure_, self.ax_ = axes_for(ax, f"{type(self).__name__}.plot", **room)
        ax, one = self.ax_, n == 1
        log_scale = not ax.has_data() if log_scale is None else log_scale
        self.training_lines_, self.validation_lines_, self.best_points_, self.validation_points_ = [], [], [], []
        for i, (training, validation) in enumerate(zip(self.training_curves, self.validation_curves)):
            lines: list[Line2D | None] = []
            for kind, values in (("training", training), ("validation", validation)):
                if values is None:
                    lines.append(None)
                    continue
                style: dict[str, Any] = {"linestyle": "-" if kind == "training" else "--", "linewidth": 1.8}
                # one model: two colors; several: a color and a marker each
                style["color"] = _COLORS[(kind == "validation") if one else i]
                every = max(1, len(values) // 8)
                if not one:
                    style |= {"marker": _MARKERS[i], "markersize": 6.5 if many else 5, "markevery": (i % every, every)}
                    style["markerfacecolor"] = style["color"] if kind == "training" else "white"
                elif len(values) == 1:
                    style["marker"] = "o"  # a line of one point is not seen
                label = kind if self.names is None else f"{self.names[i]}: {kind}"
                epochs = np.arange(1, len(values) + 1)
                lines += ax.plot(epochs, values, label=label, **artist_options(style, line_kw))
            self.training_lines_.append(lines[0])
            self.validation_lines_.append(lines[1])
            star, ring = self.best_epochs[i], self.validation_epochs[i]
            starred = lines[self.best_on[i] == "validation"]
            self.best_points_.append(self._mark(star, starred, self.best_points_, self._star_label(i), _STAR))
            if star == ring and starred is lines[1]:
                ring = None
            label = "highest validation score" if self.higher_is_better else "least validation loss"
            label += f": {self.xlabel} {ring}" if one else ""
            self.validation_points_.append(self._mark(ring, lines[1], self.validation_points_, label, _RING))
        self._label(ax, log_scale)
        return self

    def _star_label(self, i: int) -> str:
        """What the star of a model says; of several models, what all of their stars say."""
        reasons = {label for label, epoch in zip(self.best_labels, self.best_epochs) if epoch is not None}
        one, told = len(self.training_curves) == 1, self.best_labels[i] is not None
        name = "kept by fit" if told else f"best {self.xlabel}"
        if one:
            name += f": {self.xlabel} {self.best_epochs[i]}" if told else f": {self.best_epochs[i]}"
        gap = "\n" if one else " "
        return f"{name}{gap}({self.best_labels[i]})" if told and len(reasons) == 1 else name

    def _mark(
        self, epoch: int | None, line: Line2D | None, before: list[Line2D | None], label: str, style: Mapping[str, Any]
    ) -> Line2D | None:
        """A star or ring at an epoch; in the legend there is one for all models."""
        if epoch is None or line is None:
            return None
        if any(point is not None for point in before):
            label = "_" + label
        color = "black" if len(self.training_curves) == 1 else line.get_color()
        value = float(np.asarray(line.get_ydata())[epoch - 1])
        return self.ax_.plot([epoch], [value], color=color, label=label, linestyle="none", zorder=4, **style)[0]

    def _label(self, ax: Axes, log_scale: bool) -> None:
        from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

        drawn = [line for line in (*self.training_lines_, *self.validation_lines_) if line is not None]
        values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in drawn] or [np.zeros(1)])
        if log_scale and (values[np.isfinite(values)] > 0).all():
            ax.set_yscale("log")
            low, high = ax.get_ylim()
            if high < 1000 * low:  # powers of 10 alone would be few ticks
                ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
                ax.yaxis.set_major_formatter(StrMethodFormatter("{x:.4g}"))
                ax.yaxis.set_minor_formatter(NullFormatter())
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.set(xlabel=self.xlabel, ylabel=self.ylabel)
        ax.grid(True, axis="y", which="major", color="0.9")
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
        self._legend(ax)

    def _legend(self, ax: Axes) -> None:
        """Lines first, then what marks them. Of many models each is named once, beside the axes."""
        from matplotlib.lines import Line2D

        marks = [mark for mark in (*self.best_points_, *self.validation_points_) if mark is not None]
        entries = sorted(zip(*ax.get_legend_handles_labels()), key=lambda entry: entry[0] in marks)
        if len(self.training_curves) <= _MOST_NAMED_TWICE:
            ax.legend(*zip(*entries), frameon=False)
            return
        pairs = list(zip(self.training_lines_, self.validation_lines_))
        named: list[tuple[Any, str]] = [(a or b, name) for (a, b), name in zip(pairs, self.names or ())]
        if any(training is not None for training, _ in pairs):
            named.append((Line2D([], [], color="0.3", linestyle="-"), "training"))
        if any(validation is not None for _, validation in pairs):
            named.append((Line2D([], [], color="0.3", linestyle="--"), "validation"))
        named += [entry for entry in entries if entry[0] in marks]
        outside: dict[str, Any] = {
            "loc": "upper left",
            "bbox_to_anchor": (1.01, 1.0),
            "borderaxespad": 0.0,
            "fontsize": "small",
        }
        ax.legend(*zip(*named), frameon=False, **outside)


def _curve(values: ArrayLike | None) -> np.ndarray | None:
    if values is None:
        return None
    curve = np.asarray(values, dtype=float)
    if curve.ndim != 1 or not len(curve):
        raise ValueError(f"A curve must hold one value for each epoch, got an array of shape {curve.shape}.")
    return curve


def _as_many(given: Sequence | None, n: int, name: str) -> Sequence:
    """One for each of n models; None is none of any."""
    if given is None:
        return [None] * n
    if isinstance(given, str):
        given = [given]
    if len(given) != n:
        raise ValueError(f"{name} must have an entry for each of {n} models, got {len(given)}: {given!r}.")
    return given


def _named_networks(
    estimator: Any, names: str | Sequence[str] | None
) -> tuple[list[str] | None, list[RecurrentEstimator]]:
    """The recurrent networks of one estimator or several, and what to call them; None for one that nobody named."""
    if isinstance(estimator, Mapping):
        if names is not None:
            raise ValueError("names are the keys of the dict of estimators; do not give others.")
        names, estimators = [str(key) for key in estimator], list(estimator.values())
    else:
        estimators = list(estimator) if isinstance(estimator, (list, tuple)) else [estimator]
    if not estimators:
        raise ValueError("There is no estimator to draw: the list or dict is empty.")
    networks = [recurrent_estimator(one) for one in estimators]
    if names is not None:
        return [str(name) for name in _as_many(names, len(networks), "names")], networks
    if len(networks) == 1:
        return None, networks
    kinds = [type(network).__name__ for network in networks]
    return [k if kinds.count(k) == 1 else f"{k} {kinds[: i + 1].count(k)}" for i, k in enumerate(kinds)], networks


def _best_epoch(network: RecurrentEstimator) -> tuple[int | None, Literal["training", "validation"]]:
    """The epoch that training counts as the best, from 1 on, and by which curve."""
    losses = network.validation_loss_curve_
    if not (network.early_stopping and losses is not None):
        return _first_least(network.loss_curve_), "training"
    scores = getattr(network, "validation_scores_", None)
    return _first_least(losses if scores is None else -np.asarray(scores, dtype=float)), "validation"


def _is_of_one_fit(network: Any) -> bool:
    """Whether all epochs are of one call of `fit`, which kept the best of them, as far as fitted attributes tell."""
    n, validation = network.n_iter_, network.validation_loss_curve_
    if getattr(network, "warm_start", False) or n > network.max_iter:
        return False
    if validation is not None:  # `partial_fit` does not validate
        return len(validation) == n and not np.isnan(np.asarray(validation, dtype=float)).any()
    reason = getattr(network, "stopped_by_", None)  # older releases did not say
    # of `partial_fit` it is "max_iter" after its one epoch, or as of a `fit` that was broken off; L-BFGS has none
    return reason == "converged" or n == network.max_iter or network.solver == "lbfgs"


def _first_least(values: ArrayLike) -> int | None:
    """Where the least one is, counted from 1; what is no number, or infinite, is never the best."""
    values = np.asarray(values, dtype=float)
    return int(np.argmin(np.where(np.isnan(values), np.inf, values))) + 1 if np.isfinite(values).any() else None


def _loss_name(network: RecurrentEstimator) -> str:
    if not hasattr(network, "loss"):
        return "loss (log loss)" if is_classifier(network) else "loss (nats per token)"
    return (
        "loss (half the squared error)"
        if network.loss == "squared_error"
        else f"loss ({network.loss})".replace("_", " ")
    )


def _score_name(network: Any) -> str:
    scoring = network.scoring
    if scoring is None:
        scoring = "accuracy" if is_classifier(network) else "R²"
    return f"validation score ({scoring})" if isinstance(scoring, str) else "validation score"


def _common(labels: list[str], otherwise: str) -> str:
    """The label that all share, or what is left of it."""
    return labels[0] if len(set(labels)) == 1 else otherwise
