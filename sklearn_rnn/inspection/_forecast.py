"""ForecastDisplay: the past, the forecast and how sure it is, of one series or of several."""

from __future__ import annotations

import datetime
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ._forecast_data import Facet, facets_of_backtest, facets_of_forecast
from ._plotting import COLORS, artist_options, axes_for, require_matplotlib, series_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from ..forecasting._forecaster import RNNForecaster

# Small multiples that can still be read; of more series, some are to be chosen.
MOST_FACETS = 12
# With more values than this, dots along a line run into each other.
_MOST_DOTS = 150


class ForecastDisplay:
    """History, forecast and intervals over time, with what came if that is known; a grid of axes for several series.

    Made by `from_estimator` or `from_backtest`.

    Parameters
    ----------
    facets : list of Facet
        What to draw, one for each series.
    coverage : float, default=None
        Of the intervals, for the legend.

    Attributes
    ----------
    facets : list of Facet
        The numbers that are drawn, of each series: `label`, `name` of its values, `history`, `actual` (Series),
        `forecasts` (a list of DataFrames with columns y_pred and, where there are intervals, lower and upper), `others`
        (dict of Series), `paths` (DataFrame) and `cutoffs` (list).
    axes_ : ndarray of Axes, of shape (n_series,)
    ax_ : matplotlib Axes
        Where there is one series.
    figure_ : matplotlib Figure
    history_lines_, actual_lines_ : list of Line2D or None, one for each series
    forecast_lines_, other_lines_, path_lines_, cutoff_lines_ : list of list of Line2D
    interval_bands_ : list of list of PolyCollection

    See Also
    --------
    RNNForecaster.predict, RNNForecaster.predict_interval, RNNForecaster.sample_paths, RNNForecaster.backtest

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn_rnn import ForecastDisplay, RNNForecaster
    >>> from sklearn_rnn.datasets import load_airline
    >>> airline = load_airline()
    >>> past, future = airline[:"1959"], airline["1960":]
    >>> forecaster = RNNForecaster(horizon=12, target_transform="log", random_state=0).fit(past)
    >>> display = ForecastDisplay.from_estimator(  # in a script: without ax
    ...     forecaster, history=past, y_true=future, n_history=48, ax=Figure().subplots()
    ... )
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['history', 'actual values', 'forecast', '90% interval', 'cutoff']
    """

    axes_: np.ndarray
    ax_: Axes
    figure_: Figure
    history_lines_: list[Line2D | None]
    actual_lines_: list[Line2D | None]
    forecast_lines_: list[list[Line2D]]
    other_lines_: list[list[Line2D]]
    path_lines_: list[list[Line2D]]
    cutoff_lines_: list[list[Line2D]]
    interval_bands_: list[list[PolyCollection]]

    def __init__(self, facets: Sequence[Facet], *, coverage: float | None = None) -> None:
        self.facets, self.coverage = list(facets), coverage

    # -- making -----------------------------------------------------------------------------------------------------

    @classmethod
    def from_estimator(
        cls,
        forecaster: RNNForecaster | Any,
        horizon: int | pd.DataFrame | ArrayLike | None = None,
        *,
        history: pd.Series | pd.DataFrame | ArrayLike | None = None,
        X: pd.DataFrame | ArrayLike | None = None,
        y: pd.Series | pd.DataFrame | ArrayLike | None = None,
        y_true: pd.Series | pd.DataFrame | ArrayLike | None = None,
        others: Mapping[str, Any] | None = None,
        ids: Hashable | Sequence[Hashable] | None = None,
        coverage: float | None = 0.9,
        n_paths: int = 0,
        n_history: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        ax: Axes | Sequence[Axes] | np.ndarray | None = None,
        forecast_kw: Mapping[str, Any] | None = None,
        history_kw: Mapping[str, Any] | None = None,
        interval_kw: Mapping[str, Any] | None = None,
        legend: bool = True,
    ) -> Self:
        """Draw the forecast of a fitted forecaster.

        Parameters
        ----------
        forecaster : RNNForecaster, or a search over one
            Fitted.
        horizon, X, y
            As in `RNNForecaster.predict`.
        history : like y in `fit`, default=None
            The past to draw: a forecaster does not keep the series that it was fitted on. None draws `y`, if that is
            given. Rows and values that are missing are drawn as gaps.
        y_true : like y in `fit`, default=None
            What came.
        others : dict of name to forecast, default=None
            Other forecasts to draw beside it, each like y in `fit` and of the times that are forecast.
        ids : label or list of labels, default=None
            Series of a panel to draw, by id, or columns of a frame; None draws all, if there are no more than 12.
        coverage : float or None, default=0.9
            Of the intervals. None draws none, and there are none of a forecaster that has held nothing back
            (calibration_fraction=0, or `skill_` is NaN).
        n_paths : int, default=0
            Possible futures to draw.
        n_history : int, default=None
            Newest steps of the history to draw; None draws all.
        random_state : int, RandomState instance or None, default=None
            Draws the paths.
        ax : matplotlib Axes, or list or array of them, default=None
            To draw on, one for each series. None opens a figure.
        forecast_kw, history_kw, interval_kw : dict, default=None
            Passed on to the line of the forecast, the line of the history and the band of the intervals.
        legend : bool, default=True
            Above the axes of a new figure, or in the first of the axes that are given.

        Returns
        -------
        ForecastDisplay

        Raises
        ------
        NotFittedError
            If the forecaster is not fitted.
        TypeError
            If it is no RNNForecaster, or a parameter of another type than expected.
        ValueError
            If an id is not among the series, there are too many of them or too few axes, or history, y_true or others
            do not go with the forecast; and where `predict` raises it.
        ImportError
            If matplotlib is not installed.
        """
        require_matplotlib(f"{cls.__name__}.from_estimator")
        facets = facets_of_forecast(
            forecaster, horizon, X=X, y=y, history=history, y_true=y_true, others=others, ids=ids, coverage=coverage,
            n_paths=n_paths, n_history=n_history, random_state=random_state,
        )  # fmt: skip
        return cls(facets, coverage=coverage).plot(
            ax=ax, forecast_kw=forecast_kw, history_kw=history_kw, interval_kw=interval_kw, legend=legend
        )

    @classmethod
    def from_backtest(
        cls,
        frame: pd.DataFrame,
        y: pd.Series | pd.DataFrame | None = None,
        *,
        time_col: Hashable | None = None,
        target_col: Hashable | None = None,
        ids: Hashable | Sequence[Hashable] | None = None,
        coverage: float | None = None,
        n_history: int | None = None,
        ax: Axes | Sequence[Axes] | np.ndarray | None = None,
        forecast_kw: Mapping[str, Any] | None = None,
        history_kw: Mapping[str, Any] | None = None,
        interval_kw: Mapping[str, Any] | None = None,
        legend: bool = True,
    ) -> Self:
        """Draw what `RNNForecaster.backtest` returned: the forecasts from all cutoffs, and what came.

        Parameters
        ----------
        frame : DataFrame
            What `backtest` returned. Values that are missing in y are not in it: gaps of the forecasts.
        y : as in `backtest`, default=None
            The whole of the data. None draws the values that were forecast only. The step of their times is known from
            ``frame.attrs``; without it (of a frame that was written to a CSV file and read again) periods and integers
            follow on each other by 1, and dates need y.
        time_col, target_col : label, default=None
            Columns of times and of values, where y is a long frame, as the forecaster was told; None is what is known
            from ``frame.attrs``. That of the ids is known from `frame`.
        ids, ax, forecast_kw, history_kw, interval_kw, legend
            As in `from_estimator`.
        coverage : float, default=None
            Of the intervals, as given to `backtest`: for the legend. None: what ``frame.attrs`` says; of a frame that
            has lost them the legend tells no coverage.
        n_history : int, default=None
            Steps before the first cutoff to draw; None draws all.

        Returns
        -------
        ForecastDisplay

        Raises
        ------
        TypeError
            If frame is no DataFrame.
        ValueError
            If it lacks a column of a backtest, or y is needed; and as in `from_estimator`.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from sklearn_rnn import ForecastDisplay, RNNForecaster
        >>> from sklearn_rnn.datasets import load_airline
        >>> airline = load_airline()
        >>> backtest = RNNForecaster(horizon=6, random_state=0).backtest(airline, n_splits=3)
        >>> display = ForecastDisplay.from_backtest(backtest, airline, ax=Figure().subplots())
        >>> display.facets[0].cutoffs
        [Period('1959-06', 'M'), Period('1959-12', 'M'), Period('1960-06', 'M')]
        """
        require_matplotlib(f"{cls.__name__}.from_backtest")
        facets = facets_of_backtest(frame, y, time_col=time_col, target_col=target_col, ids=ids, n_history=n_history)
        coverage = frame.attrs.get("backtest", {}).get("coverage") if coverage is None else coverage
        return cls(facets, coverage=coverage).plot(
            ax=ax, forecast_kw=forecast_kw, history_kw=history_kw, interval_kw=interval_kw, legend=legend
        )

    # -- drawing ----------------------------------------------------------------------------------------------------

    def plot(
        self,
        ax: Axes | Sequence[Axes] | np.ndarray | None = None,
        *,
        forecast_kw: Mapping[str, Any] | None = None,
        history_kw: Mapping[str, Any] | None = None,
        interval_kw: Mapping[str, Any] | None = None,
        legend: bool = True,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax, forecast_kw, history_kw, interval_kw, legend
            As in `from_estimator`.

        Returns
        -------
        self : object

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If ax holds something else than matplotlib Axes.
        ValueError
            If there are more than 12 series for a new figure, or fewer axes than series, or axes are polar or
            three-dimensional.
        """
        is_new = ax is None
        self.axes_ = self._axes(ax)
        self.figure_ = self.axes_[0].figure
        if len(self.axes_) == 1:
            self.ax_ = self.axes_[0]
        self.history_lines_, self.actual_lines_, self.forecast_lines_ = [], [], []
        self.other_lines_, self.path_lines_, self.cutoff_lines_, self.interval_bands_ = [], [], [], []
        for one, facet in zip(self.axes_, self.facets):
            self._draw(one, facet, forecast_kw or {}, history_kw or {}, interval_kw or {})
            _label(one, facet, len(self.facets))
        if legend:
            self._legend(is_new)
        return self

    def _axes(self, ax: Axes | Sequence[Axes] | np.ndarray | None) -> np.ndarray:
        """One for each series."""
        caller, n = f"{type(self).__name__}.plot", len(self.facets)
        if ax is None:
            require_matplotlib(caller)
            if n > MOST_FACETS:
                raise ValueError(
                    f"There are {n} series, more than the {MOST_FACETS} that a figure holds. Choose some with ids=, "
                    f"such as ids={[facet.key for facet in self.facets[:3]]!r}, or give an array of {n} axes."
                )
            n_columns = 1 if n == 1 else 2 if n in (2, 4) else 3
            n_rows = -(-n // n_columns)
            figsize = (8.0, 3.8) if n == 1 else (4.2 * n_columns, 0.6 + 2.5 * n_rows)
            options = {"nrows": n_rows, "ncols": n_columns, "sharex": True, "squeeze": False, "figsize": figsize}
            grid: Any  # an array of axes: squeeze=False
            _, grid = axes_for(None, caller, **options)
            for number, one in enumerate(grid.flat):
                is_lowest = n - n_columns <= number < n  # of its column: it tells the times of all
                one.set_visible(number < n)
                one.tick_params(labelbottom=is_lowest)
                one.xaxis.offsetText.set_visible(is_lowest)
                one.xaxis.label.set_visible(is_lowest)
            return grid.ravel()[:n]
        given: list[Any] = [ax]
        if isinstance(ax, (list, tuple, np.ndarray)):
            given = list(np.ravel(np.array(ax, dtype=object)))
        for one in given:
            axes_for(one, caller)
        if len(given) < n:
            raise ValueError(
                f"There are {n} series to draw, but {len(given)} axes: choose with ids=, such as "
                f"ids={self.facets[0].key!r}, or give an array of {n} axes."
            )
        return np.array(given, dtype=object)[:n]

    def _draw(self, ax: Axes, facet: Facet, forecast_kw: Mapping, history_kw: Mapping, interval_kw: Mapping) -> None:
        from matplotlib.patheffects import withStroke

        dark, color = COLORS[0], COLORS[1]
        self.cutoff_lines_.append(
            [
                ax.axvline(_times(pd.Index([cutoff]))[0], color="0.45", linewidth=0.9, linestyle=":", label="cutoff")
                for cutoff in facet.cutoffs
            ]
        )
        bands: list[PolyCollection] = []
        for forecast in facet.forecasts:
            if "lower" not in forecast or forecast["lower"].isna().all():
                continue
            label = "interval" if self.coverage is None else f"{100 * self.coverage:g}% interval"
            style: dict[str, Any] = {"color": color, "alpha": 0.25, "linewidth": 0, "label": label, "zorder": 1}
            if len(forecast) == 1:  # a band of one step has no width
                style |= {"linewidth": 6}
            times = _times(forecast.index)
            options = artist_options(style, interval_kw, "Collection")
            bands.append(ax.fill_between(times, forecast["lower"], forecast["upper"], **options))
        self.interval_bands_.append(bands)
        paths = []
        for _, path in () if facet.paths is None else facet.paths.items():
            style = {"color": "0.45", "alpha": 0.5, "linewidth": 0.6, "zorder": 1.5, "label": "sample paths"}
            paths.append(_line(ax, path, style))
        self.path_lines_.append(paths)
        self.other_lines_.append(
            [
                # solid lines are values, and the dashed one is this forecast
                _line(ax, other, {"linewidth": 1.5, "label": name, "zorder": 2.7, **series_style(number + 2)})
                for number, (name, other) in enumerate(facet.others.items())
            ]
        )
        # What came runs all along the forecasts: a thin line with dots within a wide one, so that neither hides the
        # other where they are close.
        is_along = facet.history_is_whole or (facet.history is None and facet.actual is not None)
        along: dict[str, Any] = {"color": "0.15", "linewidth": 0.7, "label": "actual values", "zorder": 3.5}
        style = {"color": dark, "linewidth": 1.4, "label": "history", "zorder": 2}
        if facet.history_is_whole:
            style = along | _dots(facet.history)
        style = artist_options(style, history_kw)
        self.history_lines_.append(None if facet.history is None else _line(ax, facet.history, style))
        style = {"color": dark, "linewidth": 0.9, "label": "actual values", "zorder": 3.5}
        style |= {"marker": "o", "markersize": 4, "markerfacecolor": "white"}
        if is_along:
            style = along | _dots(facet.actual)
        self.actual_lines_.append(None if facet.actual is None else _line(ax, facet.actual, style))
        style = {"color": color, "linewidth": 2.2, "linestyle": (0, (3, 0.8)), "label": "forecast", "zorder": 3}
        if is_along:
            style |= {"linewidth": 3.2, "linestyle": (0, (3, 0.5))}
        # set off from paths and band
        style["path_effects"] = [withStroke(linewidth=style["linewidth"] + 1.4, foreground="white")]
        self.forecast_lines_.append(
            [_line(ax, forecast["y_pred"], artist_options(style, forecast_kw)) for forecast in facet.forecasts]
        )

    def _legend(self, is_new: bool) -> None:
        """One for all series, each thing in it once."""
        from matplotlib.collections import PolyCollection
        from matplotlib.patches import Patch

        found: dict[str, Any] = {}
        for ax in self.axes_:
            for handle, label in zip(*ax.get_legend_handles_labels()):
                if isinstance(handle, PolyCollection):  # without its edge, which is wide where there is one step
                    shade: Any = np.asarray(handle.get_facecolor())[0]
                    handle = Patch(facecolor=shade, linewidth=0)
                found.setdefault(label, handle)
        usual = ["history", "actual values", "forecast"]
        order = sorted(found, key=lambda label: (label == "cutoff", usual.index(label) if label in usual else 3))
        entries = [found[label] for label in order], order
        if is_new:
            # in one row, or in as many as keep it within the figure: an inch holds 12 letters, a handle takes 9
            letters, width = sum(len(label) + 9 for label in order), 12 * self.figure_.get_figwidth()
            n_columns = -(-len(order) // int(-(-letters // width)))
            self.figure_.legend(*entries, loc="outside upper center", ncols=n_columns, frameon=False)
        else:  # the best place is searched for slowly among very many values
            few = sum(len(line.get_xdata()) for line in self.axes_[0].lines) < 5000
            on_top = {"framealpha": 0.8, "edgecolor": "none"}
            self.axes_[0].legend(*entries, loc="best" if few else "upper left", **on_top)


def _line(ax: Axes, values: pd.Series, style: Mapping[str, Any]) -> Line2D:
    """A line with gaps where values are missing; a value between two gaps is a point."""
    there = np.concatenate([[False], values.notna().to_numpy(), [False]])
    alone = np.flatnonzero(there[1:-1] & ~there[:-2] & ~there[2:])
    if "marker" not in style and len(alone):
        style = {"marker": "o", "markersize": 3.5, "markevery": alone.tolist(), **style}
    return ax.plot(_times(values.index), values.to_numpy(dtype=float), **style)[0]


def _dots(values: pd.Series | None) -> dict[str, Any]:
    """The marker of small dots, for values that are few enough."""
    return {"marker": "o", "markersize": 2.6} if values is not None and len(values) <= _MOST_DOTS else {}


def _times(index: pd.Index) -> Any:
    """Times as matplotlib draws them: of a period its start."""
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if isinstance(index, pd.DatetimeIndex) and index.tz is not None:
        return index.to_pydatetime()
    return index.to_numpy()


def _label(ax: Axes, facet: Facet, n: int) -> None:
    index = facet.forecasts[0].index
    if isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex)):
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        tz = getattr(index, "tz", None) or datetime.UTC  # not that of the machine: dates are drawn as they are written
        locator = AutoDateLocator(tz=tz, minticks=3, maxticks=9 if n == 1 else 6)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=tz))
    else:
        from matplotlib.ticker import MaxNLocator

        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    ax.set(xlabel=facet.time_name, ylabel=facet.name)
    if n > 1 and facet.label != facet.name:
        ax.set_title(facet.label, fontsize="medium")
    ax.grid(True, axis="y", color="0.92")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
