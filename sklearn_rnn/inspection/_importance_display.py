"""SequenceImportanceDisplay: bars, a line over time, or a map."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils import Bunch

from ._importance import sequence_importance
from ._parts import check_count
from ._plotting import COLORS, artist_options, axes_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_LINE = 0.16  # inches from one line of labels to the next


class SequenceImportanceDisplay:
    """What `sequence_importance` found, as a picture.

    By feature: one bar for each channel, the most important on top, with the repeats as points. By timestep: a line
    over time, with a band from the least to the largest of the repeats. By block: a map, channels by time. Labels tell
    the score that is lost, "R² lost", or where it is minus an error, what is gained, "log loss gained". Of very many
    channels or blocks, as many are named as there is room for. Make one with `from_estimator` or `from_importances`.

    Parameters
    ----------
    importances : Bunch
        As from `sequence_importance`; of several scores, one of them.

    Attributes
    ----------
    importances : Bunch
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : BarContainer
        By feature.
    points_ : Line2D
        The repeats, by feature.
    line_ : Line2D
        By timestep.
    band_ : artist
        By timestep.
    image_ : QuadMesh
        By block.
    colorbar_ : Colorbar
        By block.

    See Also
    --------
    sequence_importance : The numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNRegressor, SequenceImportanceDisplay
    >>> X = np.random.default_rng(0).normal(size=(300, 6, 3))
    >>> y = X[:, 4, 1]  # one channel at one time
    >>> model = RNNRegressor(16, learning_rate_init=0.01, early_stopping=True, random_state=0).fit(X, y)
    >>> display = SequenceImportanceDisplay.from_estimator(model, X, y, by="block", n_blocks=3, random_state=0)
    >>> display.image_.get_array().shape  # channels by time
    (3, 3)
    """

    def __init__(self, importances: Bunch) -> None:
        self.importances = importances

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        by: str = "feature",
        ax: Axes | None = None,
        max_features: int | None = None,
        plot_options: dict | None = None,
        **options: Any,
    ) -> Self:
        """Measure the importance, and draw it.

        Parameters
        ----------
        estimator, X, y, by : as in `sequence_importance`
        ax : matplotlib Axes, default=None
            To draw on; None makes a figure.
        max_features : int, default=None
            As in `plot`.
        plot_options : dict, default=None
            For matplotlib, as in `plot`.
        **options
            As in `sequence_importance`: `n_repeats`, `scoring`, `random_state`, ...

        Returns
        -------
        SequenceImportanceDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator cannot be scored, or ax is not one matplotlib Axes.
        ValueError
            If an argument is invalid, X holds no sequences, X and y differ in length, or `scoring` names several
            scores.
        """
        _check_max_features(max_features)  # before the long work
        importances = sequence_importance(estimator, X, y, by=by, **options)  # type: ignore[arg-type]
        return cls.from_importances(importances, ax=ax, max_features=max_features, **(plot_options or {}))

    @classmethod
    def from_importances(
        cls, importances: Bunch, *, ax: Axes | None = None, max_features: int | None = None, **plot_options: Any
    ) -> Self:
        """Draw what `sequence_importance` returned.

        Parameters
        ----------
        importances : Bunch
        ax, max_features, **plot_options : as in `plot`

        Returns
        -------
        SequenceImportanceDisplay

        Raises
        ------
        ImportError, TypeError
            As in `plot`.
        ValueError
            If it holds several scores, or is of another function.
        """
        return cls(importances).plot(ax=ax, max_features=max_features, **plot_options)

    def plot(self, ax: Axes | None = None, *, max_features: int | None = None, **options: Any) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        max_features : int, default=None
            So many of the most important channels are drawn; None draws all.
        **options
            For matplotlib: of `barh` by feature, of `plot` by timestep, of `pcolormesh` by block.

        Returns
        -------
        SequenceImportanceDisplay
            This one.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If ax is not one matplotlib Axes.
        ValueError
            If it is polar or three-dimensional.
        """
        _check_importances(self.importances)
        _check_max_features(max_features)
        by = self.importances.by
        height = {}
        if by != "timestep":
            n_rows = len(self.importances.importances)
            n_rows = n_rows if max_features is None else min(n_rows, max_features)
            height = {"figsize": (6.4, float(np.clip(1.4 + 0.4 * n_rows, 2.4 if by == "feature" else 3.0, 12)))}
        self.figure_, self.ax_ = axes_for(ax, type(self).__name__, **height)
        {"feature": self._bars, "timestep": self._line, "block": self._map}[by](max_features, options)
        return self

    def _largest(self, max_features: int | None) -> np.ndarray:
        """Rows, the most important first; those without an importance last."""
        mean = self.importances.importances_mean
        if mean.ndim == 2:
            mean = np.nan_to_num(mean).sum(axis=1)
        return np.argsort(-np.nan_to_num(mean, nan=-np.inf), kind="stable")[:max_features]

    def _bars(self, max_features, options):
        found, ax = self.importances, self.ax_
        rows = self._largest(max_features)
        places = np.arange(len(rows))
        usual = {"color": COLORS[0], "alpha": 0.55, "height": 0.6, "label": "mean"}
        options = artist_options(usual, options, "Patch")
        self.bars_ = ax.barh(places, found.importances_mean[rows], **options)
        repeats = found.importances[rows]
        # side by side where they would hide each other
        spread = np.linspace(-0.15, 0.15, repeats.shape[1]) if repeats.shape[1] > 1 else np.zeros(1)
        (self.points_,) = ax.plot(
            repeats.ravel(),
            (places[:, None] + spread).ravel(),
            linestyle="none",
            marker="o",
            markersize=4,
            markerfacecolor="white",
            markeredgecolor="black",
            label="each permutation",
        )
        ax.axvline(0, color="black", linewidth=0.8)
        names = _names(found.names[rows])
        some = _as_many_as_fit(len(names), _LINE, _room(ax)[1])
        ax.set_yticks(places[some], names[some])
        ax.invert_yaxis()
        ax.set_xlabel(_lost(found, "Importance ({})"))
        ax.legend(loc="lower right")

    def _line(self, max_features, options):
        found, ax = self.importances, self.ax_
        steps = found.steps
        x = steps.mean(axis=1)
        options = artist_options({"color": COLORS[0], "marker": "o", "markersize": 4, "label": "mean"}, options)
        low, high = found.importances.min(axis=1), found.importances.max(axis=1)
        self.band_ = ax.fill_between(
            x, low, high, color=COLORS[0], alpha=0.25, linewidth=0, label="range of the permutations"
        )
        (self.line_,) = ax.plot(x, found.importances_mean, **options)
        ax.axhline(0, color="black", linewidth=0.8)
        ax.set_xlabel(_time_label(found))
        ax.set_ylabel(_lost(found, "Importance ({})"))
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.legend()

    def _map(self, max_features, options):
        found, ax = self.importances, self.ax_
        rows = np.sort(self._largest(max_features))
        mean = np.ma.masked_invalid(found.importances_mean[rows])
        # blocks by their number, so that a last block that is shorter can be read too
        columns = np.arange(len(found.steps) + 1)
        largest = float(mean.max()) if mean.count() else 1.0
        # white edges would leave nothing of very small cells
        names = _names(found.names[rows])
        room = _room(ax, 0.08 * max(map(len, names)) + 0.6) * (0.85, 1.0)  # for names and labels; and for the colorbar
        are_small = (room / (len(columns) - 1, len(rows)) < 0.06).any()
        edges = "none" if are_small else "white"
        options = {"cmap": "Blues", "vmin": 0.0, "vmax": max(largest, 1e-12), "edgecolor": edges} | options
        self.image_ = ax.pcolormesh(columns, np.arange(len(rows) + 1), mean, **options)
        ax.patch.set(facecolor="0.92", hatch="////", edgecolor="0.6")  # shows where there is nothing to exchange
        self.colorbar_ = self.figure_.colorbar(self.image_, ax=ax, label=_lost(found))
        spans = [_span(*steps) for steps in found.steps.tolist()]
        widest = max(len(line) for span in spans for line in span.split("\n"))
        some = _as_many_as_fit(len(spans), 0.1 * widest + 0.15, room[0])
        ax.set_xticks(columns[:-1][some] + 0.5, spans[some])
        some = _as_many_as_fit(len(names), _LINE, room[1])
        ax.set_yticks(np.arange(len(rows))[some] + 0.5, names[some])
        ax.invert_yaxis()
        ax.set_xlabel(_time_label(found))


def _check_importances(importances: Any) -> None:
    if not hasattr(importances, "importances_mean") and isinstance(importances, dict) and importances:
        raise ValueError(
            f"These are importances by several scores, {sorted(importances)}: draw one of them, as with "
            f"importances[{next(iter(importances))!r}]."
        )
    if getattr(importances, "by", None) not in ("feature", "timestep", "block"):
        raise ValueError("importances must be what sequence_importance returned.")


def _check_max_features(max_features: object) -> None:
    if max_features is not None:
        check_count("max_features", max_features)


def _names(names: np.ndarray) -> list[str]:
    return [f"channel {name}" for name in names] if all(name.isdigit() for name in names) else list(names)


def _as_many_as_fit(n: int, inches: float, room: float) -> slice:
    """Every k-th of n labels, each so many inches wide or high, of which there are as many as `room`."""
    return slice(None, None, max(1, int(np.ceil(n * inches / max(room, inches)))))


def _room(ax: Axes, beside: float = 0.0) -> np.ndarray:
    """Width and height of axes in inches, as far as they are known before a layout.

    A layout makes margins as large as what stands in them, so many inches `beside` and some 0.8 above and below;
    without one they are a share of the figure.
    """
    size = np.asarray(ax.get_window_extent().size) / ax.figure.dpi
    if ax.figure.get_layout_engine() is None:
        return size
    return np.maximum(size / 0.77 - (beside, 0.8), 0.3 * size)


def _lost(found: Bunch, within: str = "{}") -> str:
    """What is lost, or gained, where the score is minus an error; in lines that go beside small axes too."""
    name = found.get("score_name", "score")  # none of what was stored by an older release
    lost = f"{name.removeprefix('minus ')} gained" if name.startswith("minus ") else f"{name} lost"
    text = within.format(f"{lost} when permuted")
    text = text[0].upper() + text[1:]
    return text if len(text) <= 40 else textwrap.fill(text, 34, break_long_words=False)


def _time_label(found: Bunch) -> str:
    if found.align == "start":
        return "Time step, from the start (0 is the first)"
    last = "the last" if found.steps[-1, 1] < 0 else "the last that is known, 0 the first ahead"
    return f"Time step, from the end (\N{MINUS SIGN}1 is {last})"


def _span(first: int, last: int) -> str:
    text = f"{first}" if first == last else f"{first}\n\N{HORIZONTAL ELLIPSIS}{last}"
    return text.replace("-", "\N{MINUS SIGN}")
