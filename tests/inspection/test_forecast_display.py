"""ForecastDisplay draws what the forecaster predicts, of any layout of series and any kind of times."""

import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from sklearn_rnn import ForecastDisplay, RNNForecaster, RNNRegressor

plt = pytest.importorskip("matplotlib.pyplot", reason="matplotlib is an extra")
dates = pytest.importorskip("matplotlib.dates", reason="matplotlib is an extra")

N, H = 60, 4
MONTHS = pd.period_range("2015-01", periods=N + H, freq="M", name="month")
show = ForecastDisplay.from_estimator


def values(seed):
    rng = np.random.default_rng(seed)
    t = np.arange(N + H)  # of a period that the season misses, so that no naive forecast is better
    return 10.0 * (seed + 1) + 3 * np.sin(t * 2 * np.pi / 10.7) + 0.1 * rng.normal(size=N + H)


SERIES = pd.Series(values(0), MONTHS, name="sales")
PAST, FUTURE = SERIES[:N], SERIES[N:]
FRAME = pd.DataFrame({"north": values(1), "south": values(2)}, MONTHS)
PANEL = pd.concat({"a": SERIES, "b": SERIES * 2, "c": SERIES[20:] + 5}, names=["shop"])
LONG = PANEL.reset_index()


def forecaster(**settings):
    return RNNForecaster(Ridge(), **{"window": 12, "season_length": 12, "horizon": H, "combine": False, **settings})


@pytest.fixture(scope="module")
def fitted():
    return forecaster().fit(PAST)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def legend(display):
    of_axes = display.axes_[0].get_legend()
    return [text.get_text() for text in (of_axes or display.figure_.legends[0]).get_texts()]


def drawn_at(index):
    """Days since the epoch, as matplotlib counts them."""
    index = index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index
    index = index.tz_convert("UTC").tz_localize(None) if getattr(index, "tz", None) else index
    return dates.date2num(index.to_numpy())


def assert_draws(line, series):
    assert_array_equal(line.get_ydata(orig=False), series.to_numpy(dtype=float))
    is_time = isinstance(series.index, (pd.PeriodIndex, pd.DatetimeIndex))
    expected = drawn_at(series.index) if is_time else series.index.to_numpy()
    np.testing.assert_allclose(line.get_xdata(orig=False), expected, rtol=0, atol=1e-9)


def assert_between(band, interval):
    heights = set(band.get_paths()[0].vertices[:, 1])
    assert heights == {*interval["lower"], *interval["upper"]}


def months_before(display):
    """Cutoffs, as they are drawn."""
    return [line.get_xdata(orig=False)[0] for line in display.cutoff_lines_[0]]


# -- one series -------------------------------------------------------------------------------------------------------


def test_artists_hold_what_the_forecaster_predicts(fitted):
    display = show(fitted, history=PAST, y_true=FUTURE, n_paths=3, random_state=7, coverage=0.8)
    assert_draws(display.forecast_lines_[0][0], fitted.predict())
    assert_draws(display.history_lines_[0], PAST)
    assert_draws(display.actual_lines_[0], FUTURE)
    assert_between(display.interval_bands_[0][0], fitted.predict_interval(coverage=0.8))
    paths = fitted.sample_paths(n_paths=3, random_state=7)
    for number, line in enumerate(display.path_lines_[0]):
        assert_draws(line, paths[number])
    assert months_before(display) == list(drawn_at(PAST.index[-1:]))
    assert legend(display) == ["history", "actual values", "forecast", "80% interval", "sample paths", "cutoff"]
    assert display.ax_.get_xlabel() == "month" and display.ax_.get_ylabel() == "sales"
    assert isinstance(display.ax_.xaxis.get_major_formatter(), dates.ConciseDateFormatter)
    assert display.figure_ is plt.gcf() and display.axes_.tolist() == [display.ax_]
    display.figure_.canvas.draw()


def test_what_is_not_asked_for_is_not_drawn(fitted):
    display = show(fitted, 2, coverage=None)
    assert_draws(display.forecast_lines_[0][0], fitted.predict(2))
    assert display.history_lines_ == display.actual_lines_ == [None]
    assert display.interval_bands_ == display.path_lines_ == display.cutoff_lines_ == [[]]
    assert legend(display) == ["forecast"]


def test_newest_steps_of_the_history_and_options_of_the_artists(fitted):
    display = show(
        fitted, history=PAST, n_history=6, forecast_kw={"color": "red"}, history_kw={"label": "past"},
        interval_kw={"alpha": 0.5},
    )  # fmt: skip
    assert_draws(display.history_lines_[0], PAST[-6:])
    assert display.forecast_lines_[0][0].get_color() == "red" and display.interval_bands_[0][0].get_alpha() == 0.5
    assert legend(display)[0] == "forecast" and "past" in legend(display)


def test_a_history_that_goes_on_is_what_came(fitted):
    display = show(fitted, history=SERIES, n_history=12)
    assert_draws(display.history_lines_[0], SERIES[N - 12 :])
    assert months_before(display) == list(drawn_at(PAST.index[-1:]))
    assert legend(display) == ["actual values", "forecast", "90% interval", "cutoff"]


def test_missing_values_and_rows_are_gaps_and_a_lone_value_is_a_point(fitted):
    history = PAST.copy()
    history.iloc[[5, 6, 8]] = np.nan
    display = show(fitted, history=history.drop(history.index[20:23]), y_true=FUTURE.drop(FUTURE.index[1]))
    expected = history.copy()
    expected.iloc[20:23] = np.nan
    assert_draws(display.history_lines_[0], expected)
    assert display.history_lines_[0].get_markevery() == [7] and display.history_lines_[0].get_marker() == "o"
    came = FUTURE.copy()
    came.iloc[1] = np.nan
    assert_draws(display.actual_lines_[0], came)


@pytest.mark.parametrize("how", ["not asked for", "too short"])
def test_where_nothing_was_held_back_there_is_no_band(how):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if how == "too short" else "error")
        if how == "too short":
            model = RNNForecaster(Ridge(), window=2, horizon=2, season_length=1, combine=False).fit(PAST[:5])
        else:
            model = forecaster(calibration_fraction=0).fit(PAST)
    display = show(model)
    assert display.interval_bands_ == [[]] and legend(display) == ["forecast"]
    with pytest.raises(ValueError, match=r"no intervals|held back|calibration"):
        show(model, n_paths=2)


def test_one_step_is_seen():
    display = show(forecaster(horizon=1).fit(PAST), history=PAST)
    (line,), (band,) = display.forecast_lines_[0], display.interval_bands_[0]
    assert line.get_marker() == "o" and line.get_markevery() == [0]
    assert band.get_linewidth()[0] > 0
    display.figure_.canvas.draw()


def test_a_search_and_a_series_that_was_not_fitted(fitted):
    search = GridSearchCV(
        forecaster(calibration_fraction=0), {"window": [6]}, cv=TimeSeriesSplit(2, test_size=H), error_score="raise"
    )
    assert_draws(show(search.fit(PAST)).forecast_lines_[0][0], search.best_estimator_.predict())
    other = (3 * PAST)[:-10].rename("other")
    display = show(fitted, y=other)
    assert_draws(display.forecast_lines_[0][0], fitted.predict(y=other))
    assert_draws(display.history_lines_[0], other)


def test_other_forecasts_beside_it(fitted):
    naive = PAST[-12:-8].set_axis(FUTURE.index)
    display = show(fitted, others={"naive": naive, "late": naive[2:]}, y_true=FUTURE)
    first, second = display.other_lines_[0]
    assert_draws(first, naive)
    assert_draws(second, naive[2:])
    assert first.get_linestyle() != second.get_linestyle()
    assert legend(display) == ["actual values", "forecast", "90% interval", "naive", "late"]
    with pytest.raises(ValueError, match=r"others\['naive'\] has none of the times that are forecast"):
        show(fitted, others={"naive": PAST})


# -- kinds of times ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "index",
    [
        pd.date_range("2020-01-31", periods=N + H, freq="ME"),
        pd.date_range("2024-03-29", periods=N + H, freq="h", tz="Europe/Berlin"),  # over a change of the clock
        pd.RangeIndex(100, 100 + 2 * (N + H), 2),
    ],
    ids=["dates", "time zone", "integers"],
)
def test_dates_time_zones_and_integers(index):
    series = SERIES.set_axis(index)
    model = forecaster().fit(series[:N])
    display = show(model, history=series[:N], y_true=series[N:])
    assert_draws(display.forecast_lines_[0][0], model.predict())
    assert_draws(display.history_lines_[0], series[:N])
    assert_draws(display.actual_lines_[0], series[N:])
    display.figure_.canvas.draw()
    if isinstance(index, pd.DatetimeIndex):
        formatter = display.ax_.xaxis.get_major_formatter()
        assert isinstance(formatter, dates.ConciseDateFormatter) and display.ax_.get_xlabel() == "time"
        assert str(formatter._tz) == str(index.tz or "UTC")
    else:
        assert display.ax_.get_xlabel() == "step"
    backtest = ForecastDisplay.from_backtest(model.backtest(series, n_splits=2), series)
    assert_array_equal(
        backtest.forecast_lines_[0][1].get_xdata(orig=False), display.forecast_lines_[0][0].get_xdata(orig=False)
    )


def test_arrays_are_counted_in_steps():
    both = np.column_stack([values(0), values(1)])
    model = forecaster().fit(both[:N])
    display = show(model, history=both[:N], y_true=both[N : N + 2])
    predicted = model.predict()
    for column in range(2):
        assert_array_equal(
            display.forecast_lines_[column][0].get_xydata(), np.c_[np.arange(N, N + H), predicted[:, column]]
        )
        assert_array_equal(display.actual_lines_[column].get_xydata(), np.c_[[N, N + 1], both[N : N + 2, column]])
    alone = show(forecaster().fit(both[:N, 0]))
    assert_array_equal(alone.forecast_lines_[0][0].get_xdata(), np.arange(1, H + 1))
    assert alone.ax_.get_xlabel() == "steps ahead"
    with pytest.raises(ValueError, match=r"y_true must be of the 4 steps .* got shape \(4,\)"):
        show(model, y_true=both[N:, 0])


# -- several series ---------------------------------------------------------------------------------------------------


def test_columns_side_by_side():
    model = forecaster().fit(FRAME[:N])
    display = show(model, history=FRAME[:N], n_paths=2, random_state=0)
    interval, paths = model.predict_interval(), model.sample_paths(n_paths=2, random_state=0)
    for k, column in enumerate(FRAME):
        assert_draws(display.forecast_lines_[k][0], model.predict()[column])
        assert_draws(display.history_lines_[k], FRAME[column][:N])
        assert_between(display.interval_bands_[k][0], interval[column])
        assert_draws(display.path_lines_[k][1], paths[column][1])
    assert [ax.get_ylabel() for ax in display.axes_] == ["north", "south"]
    assert not hasattr(display, "ax_") and len(display.figure_.legends) == 1
    assert legend(display) == ["history", "forecast", "90% interval", "sample paths", "cutoff"]
    one = show(model, ids="south", history=FRAME[:N])
    assert_draws(one.forecast_lines_[0][0], model.predict()["south"])


@pytest.mark.parametrize("layout", ["panel", "long", "long, time as index", "ids of two levels"])
def test_panels_in_any_layout(layout):
    data, settings = PANEL, {}
    if layout == "long":
        data, settings = LONG, {"id_col": "shop", "time_col": "month"}
    elif layout == "long, time as index":
        data, settings = LONG.set_index("month"), {"id_col": "shop"}
    elif layout == "ids of two levels":
        data = pd.concat({"x": PANEL}, names=["town"])
    times = data["month"] if layout == "long" else data.index.get_level_values("month")
    model = forecaster(**settings).fit(data[times < MONTHS[N]])
    display = show(model, history=data[times < MONTHS[N]], y_true=data[times >= MONTHS[N]])
    predicted = np.asarray(model.predict() if layout[0] != "l" else model.predict()["sales"]).reshape(3, H)
    interval = model.predict_interval()[["lower", "upper"]].to_numpy().reshape(3, H, 2)
    for k, shop in enumerate("abc"):
        assert_draws(display.forecast_lines_[k][0], pd.Series(predicted[k], MONTHS[N:]))
        assert_between(display.interval_bands_[k][0], pd.DataFrame(interval[k], columns=["lower", "upper"]))
        assert_draws(display.history_lines_[k], PANEL[shop][:-H])
        assert_draws(display.actual_lines_[k], PANEL[shop][-H:])
    label = "x, {}" if layout == "ids of two levels" else "{}"
    assert [ax.get_title() for ax in display.axes_] == [label.format(shop) for shop in "abc"]
    assert {ax.get_ylabel() for ax in display.axes_} == {"sales"}
    key = ("x", "b") if layout == "ids of two levels" else "b"
    one = show(model, ids=key)
    assert_draws(one.forecast_lines_[0][0], pd.Series(predicted[1], MONTHS[N:]))


def test_panels_of_several_columns_and_an_order_of_ones_own():
    data = pd.concat({1: FRAME, 2: FRAME * 2}, names=["shop"]).reset_index()
    settings = {"id_col": "shop", "time_col": "month", "target_col": ["north", "south"]}
    model = forecaster(**settings).fit(data[data["month"] < MONTHS[N]])
    display = show(model, ids=[2, 1], history=data)
    predicted, interval = (frame.set_index("shop") for frame in (model.predict(), model.predict_interval()))
    for line, band, (shop, column) in zip(
        display.forecast_lines_, display.interval_bands_, [(2, "north"), (2, "south"), (1, "north"), (1, "south")]
    ):
        assert_draws(line[0], predicted.loc[shop].set_index("month")[column])
        bounds = interval.loc[shop][[f"{column}_lower", f"{column}_upper"]]
        assert_between(band[0], bounds.set_axis(["lower", "upper"], axis=1))
    assert [facet.label for facet in display.facets] == ["2, north", "2, south", "1, north", "1, south"]


# -- axes -------------------------------------------------------------------------------------------------------------


def test_on_given_axes_pyplot_is_left_alone(fitted, monkeypatch):
    figure = plt.Figure()
    ax, *more = figure.subplots(1, 3)
    of_frame = forecaster().fit(FRAME[:N])
    plt.figure()
    before, current = plt.get_fignums(), plt.gcf()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it now is an error
    display = show(fitted, history=PAST, ax=ax)
    assert display.ax_ is ax and display.figure_ is figure
    assert legend(display) == ["history", "forecast", "90% interval", "cutoff"] and not figure.legends
    several = show(of_frame, ax=np.array(more))
    assert several.axes_.tolist() == more and more[0].get_legend() and not more[1].get_legend()
    assert show(fitted, ax=plt.Figure().subplots(), legend=False).ax_.get_legend() is None
    assert plt.get_fignums() == before and plt.gcf() is current and not current.axes
    figure.canvas.draw()


def test_one_axes_for_several_series_is_refused():
    model = forecaster().fit(FRAME[:N])
    ax = plt.Figure().subplots()
    with pytest.raises(ValueError, match=r"2 series to draw, but 1 axes: choose with ids=, such as ids='north'"):
        show(model, ax=ax)
    assert not ax.lines
    with pytest.raises(TypeError, match="must be one matplotlib Axes, got str"):
        show(model, ax=["north", "south"])


def test_too_many_series_are_to_be_chosen():
    panel = pd.concat({k: PAST for k in range(13)})
    model = forecaster(calibration_fraction=0).fit(panel)
    with pytest.raises(ValueError, match=r"There are 13 series, more than the 12 .* ids=\[0, 1, 2\]"):
        show(model)
    assert not plt.get_fignums()
    display = show(model, ids=range(5))
    assert [ax.get_visible() for ax in display.figure_.axes] == [True] * 5 + [False]
    # the third has none below it
    assert [ax.xaxis.label.get_visible() for ax in display.axes_] == [False, False, True, True, True]
    assert {ax.get_xlabel() for ax in display.axes_} == {"month"}
    display.figure_.canvas.draw()
    labels = [any(text.get_text() and text.get_visible() for text in ax.get_xticklabels()) for ax in display.axes_]
    assert labels == [False, False, True, True, True]


def test_without_matplotlib_the_extra_is_named(fitted, monkeypatch):
    backtest = forecaster(calibration_fraction=0).backtest(SERIES, n_splits=2)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name, draw in (("from_estimator", lambda: show(fitted)), ("from_backtest", lambda: from_backtest(backtest))):
        told = rf"ForecastDisplay.{name} draws .* pip install matplotlib \(or .*sklearn-rnn\[plot\]"
        with pytest.raises(ImportError, match=told):
            draw()


# -- backtests --------------------------------------------------------------------------------------------------------

from_backtest = ForecastDisplay.from_backtest


@pytest.mark.parametrize("with_y", [True, False])
def test_backtest_of_a_series(with_y):
    frame = forecaster().backtest(SERIES, n_splits=3, stride=2, coverage=0.8)
    display = from_backtest(frame, SERIES if with_y else None, n_history=7)
    cutoffs = list(frame["cutoff"].unique())
    assert months_before(display) == list(drawn_at(pd.PeriodIndex(cutoffs)))
    for cutoff, line, band in zip(cutoffs, display.forecast_lines_[0], display.interval_bands_[0], strict=True):
        part = frame[frame["cutoff"] == cutoff]
        assert_draws(line, part["y_pred"].set_axis(pd.PeriodIndex([cutoff + step for step in part["step"]])))
        assert_between(band, part)
    if with_y:
        assert_draws(display.history_lines_[0], SERIES[cutoffs[0] - 6 :])
    else:
        assert_draws(display.actual_lines_[0], SERIES[cutoffs[0] + 1 :])
    assert legend(display) == ["actual values", "forecast", "80% interval", "cutoff"]
    display.figure_.canvas.draw()
    frame.attrs.clear()  # as in a table that was stored and read again
    for coverage, name in ((None, "interval"), (0.8, "80% interval")):
        assert name in legend(from_backtest(frame, SERIES if with_y else None, coverage=coverage))


@pytest.mark.parametrize("with_y", [True, False])
def test_backtest_hides_neither_what_came_nor_what_was_forecast(with_y):
    """Where both are the same, each has pixels of its own, in greyscale too."""
    frame = forecaster(calibration_fraction=0).backtest(SERIES, n_splits=3)
    frame["y_pred"] = frame["y_true"]
    display = from_backtest(frame, SERIES if with_y else None, n_history=3, legend=False)
    truth = (display.history_lines_ if with_y else display.actual_lines_)[0]
    forecasts = display.forecast_lines_[0]
    assert all(line.get_linewidth() > 3 * truth.get_linewidth() for line in forecasts)
    assert all(truth.get_zorder() > line.get_zorder() for line in forecasts)  # the thin one within the wide one
    assert truth.get_marker() == "o" and truth.get_markersize() < forecasts[0].get_linewidth()

    def drawn():
        display.figure_.canvas.draw()
        return np.asarray(display.figure_.canvas.buffer_rgba())[..., :3] @ [0.299, 0.587, 0.114]

    both = drawn()
    for lines in ([truth], forecasts):
        for line in lines:
            line.set_visible(False)
        difference = np.abs(both - drawn())
        assert (difference > 40).sum() > 500
        for line in lines:
            line.set_visible(True)


def test_dots_are_left_out_where_they_would_run_into_each_other():
    frame = forecaster(calibration_fraction=0).backtest(SERIES, n_splits=2)
    assert from_backtest(frame, SERIES, n_history=3).history_lines_[0].get_marker() == "o"
    t = np.arange(250.0)
    long = pd.Series(np.sin(t / 3), pd.period_range("1990-01", periods=250, freq="M"))
    frame = forecaster(calibration_fraction=0).backtest(long, n_splits=2)
    assert from_backtest(frame, long).history_lines_[0].get_marker() == "None"


def test_backtest_without_intervals_and_with_values_that_are_missing():
    series = SERIES.copy()
    series.iloc[-3] = np.nan
    frame = forecaster(calibration_fraction=0).backtest(series, n_splits=2, stride=6)
    display = from_backtest(frame)
    assert display.interval_bands_ == [[]]
    expected = frame["y_pred"][-3:].tolist()
    assert_array_equal(display.forecast_lines_[0][1].get_ydata(), [expected[0], np.nan, *expected[1:]])
    # between the two stretches, and where it is missing, nothing came that is told
    came = series[-10:].copy()
    came.iloc[4:6] = np.nan
    assert_draws(display.actual_lines_[0], came)


@pytest.mark.parametrize("layout", ["panel", "long", "frame"])
def test_backtest_of_several(layout):
    data, settings, options = PANEL, {}, {}
    if layout == "long":
        data = LONG.assign(price=1.0)
        options = {"time_col": "month", "target_col": "sales"}
        settings = {**options, "id_col": "shop", "past_only": ["price"]}
    elif layout == "frame":
        data = FRAME
    frame = forecaster(**settings).backtest(data, n_splits=2)
    display = from_backtest(frame, data, **options)
    by = "variable" if layout == "frame" else "shop"
    assert [facet.key for facet in display.facets] == list(frame[by].unique())
    for facet, lines, past in zip(display.facets, display.forecast_lines_, display.history_lines_, strict=True):
        part = frame[frame[by] == facet.key]
        assert_array_equal(np.concatenate([line.get_ydata() for line in lines]), part["y_pred"])
        assert_draws(past, FRAME[facet.key] if layout == "frame" else PANEL[facet.key])
    key = display.facets[1].key
    one = from_backtest(frame, ids=[key])
    assert_array_equal(one.forecast_lines_[0][0].get_ydata(), display.forecast_lines_[1][0].get_ydata())


@pytest.mark.parametrize(
    "index",
    [
        pd.date_range("2024-01-01", periods=60, freq="MS"),
        pd.date_range("2024-03-28", periods=60, freq="6h", tz="Europe/Berlin"),
        pd.date_range("2024-01-01", periods=60, freq="B"),
        pd.period_range("2000", periods=180, freq="M")[::3],
        pd.RangeIndex(0, 120, 2),
    ],
    ids=["months", "hours", "business days", "every third period", "every other number"],
)
def test_a_backtest_tells_the_step_of_its_times(index):
    series = pd.Series(SERIES.to_numpy()[:60], index, name="sales")
    frame = forecaster(calibration_fraction=0, season_length=1).backtest(series, n_splits=3, stride=2)
    display = from_backtest(frame)
    expected = from_backtest(frame, series)
    for one, other in zip(display.facets[0].forecasts, expected.facets[0].forecasts, strict=True):
        pd.testing.assert_frame_equal(one, other, check_freq=False)
    first = display.facets[0].forecasts[0].index[0]
    pd.testing.assert_series_equal(
        display.facets[0].actual, series[series.index >= first], check_names=False, check_freq=False
    )


def test_a_backtest_tells_the_columns_of_a_long_frame():
    data = LONG.assign(price=1.0)
    columns = {"id_col": "shop", "time_col": "month", "target_col": "sales", "past_only": ["price"]}
    frame = forecaster(**columns, calibration_fraction=0).backtest(data, n_splits=2)
    display = from_backtest(frame, data)
    assert display.facets[0].time_name == "month" and from_backtest(frame).facets[0].time_name == "month"
    assert_draws(display.history_lines_[0], PANEL[display.facets[0].key])


def test_bad_backtests():
    frame = forecaster(calibration_fraction=0).backtest(SERIES.set_axis(SERIES.index.to_timestamp()), n_splits=2)
    frame.attrs.clear()  # as written to a file, and read
    with pytest.raises(ValueError, match=r"times after the cutoff .* pass y, too"):
        from_backtest(frame)
    with pytest.raises(TypeError, match="frame must be the DataFrame that backtest returns, got a Series"):
        from_backtest(SERIES)
    with pytest.raises(ValueError, match="it has no column 'step'"):
        from_backtest(frame.drop(columns="step"), SERIES)
    with pytest.raises(ValueError, match="it has no rows"):
        from_backtest(frame[:0], SERIES)
    with pytest.raises(ValueError, match=r"times of y are periods \(M\).* and those of the forecast dates"):
        from_backtest(frame, SERIES)


# -- bad input --------------------------------------------------------------------------------------------------------


def test_what_is_no_fitted_forecaster():
    for unfitted in (forecaster(), GridSearchCV(forecaster(), {})):
        with pytest.raises(NotFittedError):
            show(unfitted)
    with pytest.raises(TypeError, match=r"Expected a fitted RNNForecaster, .* got an RNNRegressor"):
        show(RNNRegressor())
    with pytest.raises(TypeError, match="which is a class"):
        show(RNNForecaster)


def test_errors_say_what_to_do(fitted):
    with pytest.raises(ValueError, match=r"There is no series 'x'; choose with ids= among \['sales'\]"):
        show(fitted, ids=["x"])
    with pytest.raises(ValueError, match="There is nothing in ids"):
        show(fitted, ids=[])
    with pytest.raises(ValueError, match="n_paths must be an integer of at least 0, got -1"):
        show(fitted, n_paths=-1)
    with pytest.raises(ValueError, match="n_history must be an integer of at least 1, got 0"):
        show(fitted, history=PAST, n_history=0)
    with pytest.raises(ValueError, match="coverage must be a number between 0 and 1, got 90"):
        show(fitted, coverage=90)
    with pytest.raises(
        ValueError, match=r"history begins at 2020-01, and the forecast at 2020-01: pass what was known"
    ):
        show(fitted, history=FUTURE)
    with pytest.raises(ValueError, match=r"y_true has none of the times that are forecast, 2020-01 to 2020-04"):
        show(fitted, y_true=PAST)
    with pytest.raises(ValueError, match=r"times of history are numbers, such as 0, and those of the forecast periods"):
        show(fitted, history=PAST.to_numpy())
    panel = forecaster(calibration_fraction=0).fit(PANEL)
    with pytest.raises(ValueError, match=r"history has no series 'c', which is forecast; it has \['a', 'b'\]"):
        show(panel, history=PANEL[["a", "b"]])
    assert not plt.get_fignums()


def test_a_history_that_ends_long_before_the_forecast():
    """The cutoff is where the forecaster stood; what lies between is not drawn, and that is told."""
    y = pd.Series(np.sin(np.arange(300.0)), pd.date_range("2021-01-01", periods=300), name="y")
    forecaster = RNNForecaster(Ridge(), window=4, horizon=5, combine=False, calibration_fraction=0).fit(y)
    with pytest.warns(UserWarning, match=r"ends at 2021-02-28.*long before the forecast, which begins at 2021-10-28"):
        display = ForecastDisplay.from_estimator(forecaster, history=y[:"2021-02-28"])
    assert display.facets[0].cutoffs == [y.index[-1]]
    assert ForecastDisplay.from_estimator(forecaster, history=y).facets[0].cutoffs == [y.index[-1]]
