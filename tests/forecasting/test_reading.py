"""What RNNForecaster reads: gaps, series that were not fitted, categories, columns beside the values, many series."""

import pickle
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from forecast_cases import monthly, panel_of_three, ridge
from hypothesis import given, settings, strategies as st
from sklearn.model_selection import GridSearchCV

from sklearn_rnn.forecasting._reader import SeriesReader

DAYS = pd.date_range("2024-01-01", periods=40, freq="D")


def read(y, X=None, *, id_col=None, time_col=None, past_only=None, target_col=None):
    return SeriesReader.read(y, X, id_col, time_col, past_only, target_col)


def stored(reader):
    """As it is after it has been stored."""
    return pickle.loads(pickle.dumps(reader))


def series_of(index, name="v", seed=0):
    return pd.Series(10 + np.random.default_rng(seed).normal(size=len(index)), index=index, name=name)


# -- gaps -------------------------------------------------------------------------------------------------------------

HOLIDAYS = ["2024-01-15", "2024-02-19", "2024-03-29"]
REGULAR = {
    "hours": pd.date_range("2024-01-01 05:00", periods=120, freq="h"),
    "quarters of hours": pd.date_range("2024-01-01", periods=120, freq="15min"),
    "hours in Berlin, over a change of clocks": pd.date_range("2024-03-29", periods=120, freq="h", tz="Europe/Berlin"),
    "days in Berlin, over a change of clocks": pd.date_range("2024-03-01", periods=120, freq="D", tz="Europe/Berlin"),
    "days": pd.date_range("2024-01-01", periods=120, freq="D"),
    "days at noon": pd.date_range("2024-01-01 12:00", periods=120, freq="D"),
    "days, in seconds": pd.date_range("2024-01-01", periods=120, freq="D", unit="s"),
    "every second day": pd.date_range("2024-01-01", periods=120, freq="2D"),
    "business days": pd.date_range("2024-01-01", periods=120, freq="B"),
    "weeks": pd.date_range("2024-01-03", periods=120, freq="W-WED"),
    "every second week": pd.date_range("2024-01-03", periods=120, freq="2W-WED"),
    "month starts": pd.date_range("2010-03", periods=120, freq="MS"),
    "month ends": pd.date_range("2010-03", periods=120, freq="ME"),
    "last business days of months": pd.date_range("2010-03", periods=120, freq="BME"),
    "first business days of months": pd.date_range("2010-03", periods=120, freq="BMS"),
    "the 15th of each month": pd.DatetimeIndex([f"{2010 + i // 12}-{1 + i % 12:02}-15" for i in range(120)]),
    "quarter starts": pd.date_range("1990-02", periods=120, freq="QS-FEB"),
    "quarter ends": pd.date_range("1990", periods=120, freq="QE"),
    "years": pd.date_range("1880", periods=120, freq="YS"),
    "periods of months": pd.period_range("2010-03", periods=120, freq="M"),
    "periods of hours": pd.period_range("2024-01-01", periods=120, freq="h"),
    "every third period": pd.period_range("2010-03", periods=360, freq="M")[::3],
    "numbers": pd.RangeIndex(120),
    "every fifth number": pd.RangeIndex(7, 607, 5),
    "years as numbers": pd.Index(np.arange(1880, 2000)),
}


@st.composite
def rows_kept(draw, n=120):
    """The first, the last, and all but 1% to 40% of the rows between."""
    n_dropped = draw(st.integers(1, 2 * n // 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return np.sort(np.append(rng.choice(np.arange(1, n - 1), n - 2 - n_dropped, replace=False), [0, n - 1]))


@pytest.mark.parametrize("name", REGULAR)
@settings(max_examples=10, deadline=None)
@given(kept=rows_kept())
def test_rows_that_were_dropped_come_back_as_missing(name, kept):
    whole = REGULAR[name]
    index = whole[kept]
    if isinstance(index, pd.DatetimeIndex):
        index = index._with_freq(None)
    y = series_of(index)
    _, table, data = read(y)
    assert table.indexes[0].equals(whole)
    expected = np.full(120, np.nan)
    expected[kept] = y
    np.testing.assert_array_equal(data.values[0][:, 0], expected)
    rows = np.full(120, -1)
    rows[kept] = np.arange(len(kept))
    np.testing.assert_array_equal(table.rows[0], rows)
    # and the same of a panel, of which every series lacks other rows
    others = [np.arange(120), kept, np.delete(np.arange(120), kept[1:-1:2])]
    panel = pd.concat({g: series_of(whole[rows], seed=g) for g, rows in enumerate(others)}, names=["id", "time"])
    _, table, data = read(panel)
    for g, rows in enumerate(others):
        np.testing.assert_array_equal(data.values[g][rows, 0], panel.loc[g])
        assert np.isnan(np.delete(data.values[g][:, 0], rows)).all()


def test_business_days_without_holidays_are_business_days():
    index = pd.bdate_range("2024-01-01", "2024-04-30").drop(HOLIDAYS)
    reader, table, data = read(series_of(index))
    assert reader.grid.season_length == 5
    assert table.indexes[0].equals(pd.bdate_range("2024-01-01", "2024-04-30"))
    missing = table.indexes[0][np.isnan(data.values[0][:, 0])]
    assert missing.strftime("%Y-%m-%d").tolist() == HOLIDAYS
    # also where the longest series lies within a week
    week = pd.concat({"a": series_of(index[:5]), "b": series_of(index[[4, 5, 6]])})
    assert read(week)[0].grid.step == pd.offsets.BDay()
    # of a week with its weekend, and of periods of days, nothing of the kind is said
    assert read(series_of(DAYS._with_freq(None)))[0].grid.step == pd.offsets.Day()
    days = series_of(index).to_period("D")
    assert len(read(days)[1].indexes[0]) == 121


def test_the_step_that_an_index_names_is_its_step():
    every = pd.DatetimeIndex(["2024-01-01", "2024-01-03", "2024-01-05"], freq="2D")
    assert read(series_of(every))[0].grid.step == every.freq
    trading = pd.offsets.CustomBusinessDay(holidays=HOLIDAYS)
    y = series_of(pd.date_range("2024-01-02", periods=60, freq=trading))
    reader, table, _ = read(y)
    assert reader.grid.step == trading
    assert len(table.indexes[0]) == 60


def test_few_rows_of_series_that_are_finer_than_their_usual_step():
    """Of the series' own times most lie two days apart, of all together one."""
    y = series_of(DAYS[[0, 2, 4, 5, 7, 9]])
    assert len(read(y)[1].indexes[0]) == 10
    parts = {"a": series_of(DAYS[[0, 2, 4, 6]]), "b": series_of(DAYS[[1, 2, 3]]), "c": series_of(DAYS[[4, 5, 6]])}
    reader, table, _ = read(pd.concat(parts))
    assert reader.grid.step == pd.offsets.Day()
    assert [len(index) for index in table.indexes] == [7, 3, 3]


def test_a_row_between_the_others_is_an_error():
    for index, wrong in (
        (pd.date_range("2024", periods=40, freq="h"), "2024-01-01 10:30"),
        (pd.date_range("2024", periods=40, freq="W-SUN"), "2024-03-04"),
        (pd.date_range("2024", periods=40, freq="MS"), "2024-05-02"),
        (pd.date_range("2024", periods=40, freq="B"), "2024-01-13 12:00"),
    ):
        labels = index.insert(12, pd.Timestamp(wrong)).sort_values()
        with pytest.raises(ValueError, match=f"{wrong}.*between steps.*Make it regular"):
            read(series_of(labels))
    with pytest.raises(ValueError, match=r"between steps"):
        read(series_of(pd.Index([*range(0, 100, 5), 7]).sort_values()))
    # units of time that are finer than those of the others
    reader = read(series_of(pd.date_range("2024", periods=9, freq="s", unit="s")))[0]
    late = pd.DatetimeIndex(["2024-01-01 00:00:09.5", "2024-01-01 00:00:10.5"])
    with pytest.raises(ValueError, match=r"between steps"):
        reader.read_next(series_of(late), "y_new")


def test_times_too_far_apart_for_their_step():
    near = pd.Timestamp("2000") + pd.to_timedelta([0, 1, 2, 3], "s")
    index = near.append(pd.DatetimeIndex(["2024-01-01"]))
    with pytest.raises(
        ValueError,
        match=r"no regular step: with s.* 757382396 rows would be missing .* 5 given.* 2000-01-01 00:00:03 and 2024",
    ):
        read(series_of(index))
    with pytest.raises(ValueError, match=r"no regular step"):
        read(series_of(pd.Index([0, 1, 2, 10**15])))
    # of one series among others
    whole = series_of(pd.date_range("2000", periods=50, freq="s"))
    with pytest.raises(ValueError, match=r"series 'b'.*no regular step"):
        read(pd.concat({"a": whole, "b": series_of(index)}))
    # that the series lie far from each other is no matter
    far = pd.concat({"a": whole, "b": whole.set_axis(whole.index + pd.DateOffset(years=20))})
    _, _, data = read(far)
    assert [len(part) for part in data.values] == [50, 50]
    assert data.starts[1] == (pd.Timestamp("2020") - pd.Timestamp("2000")).total_seconds()
    shifted = pd.concat({"a": whole[::2], "b": whole[1::2].set_axis(whole.index[1::2] + pd.DateOffset(years=20))})
    with pytest.raises(ValueError, match=r"series 'b'.*begins at .*whole number of steps"):
        read(shifted)


def test_missing_values_at_the_start_are_trimmed_and_those_at_the_end_stay():
    y = series_of(DAYS)
    y.iloc[[0, 1, 7, 38, 39]] = np.nan
    reader, table, data = read(y)
    np.testing.assert_array_equal(data.values[0][:, 0], y[2:])
    assert table.indexes[0].equals(DAYS[2:])
    np.testing.assert_array_equal(table.rows[0], np.arange(2, 40))
    assert (reader.first, reader.last) == (DAYS[2], [DAYS[39]])
    # a frame is trimmed where nothing is known; a column may begin late
    frame = pd.DataFrame({"a": y, "b": y.where(y.index >= DAYS[10])})
    _, table, data = read(frame)
    np.testing.assert_array_equal(data.values[0], frame[2:])
    # each series of a panel by itself
    panel = pd.concat({"a": y, "b": frame["b"], "c": y.fillna(0.0)})
    _, table, data = read(panel)
    assert data.starts.tolist() == [2, 10, 0]
    assert [index[0] for index in table.indexes] == [DAYS[2], DAYS[10], DAYS[0]]
    # an array
    _, table, data = read(y.to_numpy())
    np.testing.assert_array_equal(data.values[0][:, 0], y[2:])
    assert data.values[0].dtype == np.float64
    assert read(y.to_numpy(np.float32))[2].values[0].dtype == np.float32
    assert read(y.drop(DAYS[5]).astype(np.float32))[2].values[0].dtype == np.float32


def test_a_series_without_a_value_is_named():
    empty = series_of(DAYS) * np.nan
    with pytest.raises(ValueError, match=r"y has no value at all.*NaN"):
        read(empty)
    with pytest.raises(ValueError, match=r"y, series 'b' has no value at all"):
        read(pd.concat({"a": series_of(DAYS), "b": empty}))
    with pytest.raises(ValueError, match=r"Column 'b' of y has no value at all"):
        read(pd.DataFrame({"a": series_of(DAYS), "b": empty}))
    with pytest.raises(ValueError, match=r"infinite at 2024-01-05.*column 'v' \(2 in all\)"):
        read(series_of(DAYS).where((DAYS < DAYS[4]) | (DAYS > DAYS[5]), np.inf))
    with pytest.raises(ValueError, match=r"infinite in row 3"):
        read(np.array([1.0, 2, 3, np.inf]))


def test_types_of_missing_numbers():
    y = series_of(DAYS).round(1)
    y.iloc[5] = np.nan
    expected = read(y)[2].values[0]
    decimals = y.map(lambda value: Decimal(str(value)) if np.isfinite(value) else None, na_action=None).astype(object)
    masked = y.astype("Float64")
    for other in (masked, decimals, y.astype(object).where(y.notna(), None), y.astype(object).where(y.notna(), pd.NA)):
        np.testing.assert_allclose(read(other)[2].values[0], expected)
    pa = pytest.importorskip("pyarrow")
    for type_ in (pa.float64(), pa.decimal128(10, 1)):
        arrow = pd.Series(pd.array(decimals.tolist(), dtype=pd.ArrowDtype(pa.decimal128(10, 1))), index=DAYS)
        arrow = arrow.astype(pd.ArrowDtype(type_)).rename("v")
        np.testing.assert_allclose(read(arrow)[2].values[0], expected)


# -- what comes later -------------------------------------------------------------------------------------------------


def test_what_comes_later_may_have_gaps_and_begin_late():
    y = series_of(DAYS)
    for reader in (read(y[:20])[0], stored(read(y[:20])[0])):
        table, numbers = reader.read_next(y.iloc[[23, 26]], "y_new")
        assert table.indexes[0].equals(DAYS[20:27])
        expected = y[20:27].where(DAYS[20:27].isin(DAYS[[23, 26]]))
        np.testing.assert_array_equal(table.values[0][:, 0], expected)
        np.testing.assert_array_equal(table.rows[0], [-1, -1, -1, 0, -1, -1, 1])
        assert reader.with_exog(table, None).starts.tolist() == [20]
        assert reader.advance(numbers, table).tolist() == [0]
        assert reader.last == [DAYS[26]]
    with pytest.raises(ValueError, match=r"y_new begins at 2024-01-27.*must not begin before.*2024-01-28"):
        reader.read_next(y[26:], "y_new")
    with pytest.raises(ValueError, match=r"begins at 2024-01-29.*follow on directly.*next time is 2024-01-28"):
        reader.read_next(y[28:], "y_next", directly=True)
    table, _ = reader.read_next(y[27:].drop(DAYS[30]), "y_next", directly=True)
    assert np.isnan(table.values[0][:, 0]).tolist() == [False] * 3 + [True] + [False] * 9
    # years later it is only an error if it is out of all proportion
    later = pd.Series([1.0], index=[pd.Timestamp("2024-12-31")], name="v")
    assert len(reader.read_next(later, "y_new")[0].values[0]) == 339
    with pytest.raises(ValueError, match=r"y_new have no regular step"):
        reader.read_next(later.set_axis([pd.Timestamp("2124-12-31")]), "y_new")


def test_an_update_with_a_gap_of_one_series_of_a_panel():
    y = panel_of_three()
    reader = read(y)[0]
    new = pd.Series([1.0, 2.0], index=pd.PeriodIndex(["2016-02", "2016-04"], freq="M"))
    table, numbers = reader.read_next(pd.concat({"a": new}, names=["shop", "month"]).rename("sales"), "y_new")
    assert numbers.tolist() == [1]
    np.testing.assert_array_equal(table.values[0][:, 0], [np.nan, 1, np.nan, 2])
    reader.advance(numbers, table)
    assert [str(label) for label in reader.last] == ["2015-06", "2016-04", "2015-10"]


@pytest.mark.parametrize("dtype", [None, "category"])
def test_new_series_in_an_update(dtype):
    y = panel_of_three().reset_index()
    y["shop"] = y["shop"].astype(dtype or y["shop"].dtype)
    keys = {"id_col": "shop", "time_col": "month"}
    reader = read(y, **keys)[0]
    month = pd.period_range("2015-11", periods=4, freq="M")
    new = pd.DataFrame(
        {"shop": ["z"] * 4 + ["a"] * 2, "month": [*month, *(month[:2] + 2)], "sales": [np.nan, *range(5)]}
    )
    new["shop"] = new["shop"].astype(y["shop"].dtype if dtype is None else dtype)
    with pytest.raises(ValueError, match=r"series 'z'.*not fitted on.*time_splits"):
        reader.read_next(new, "y_new")
    table, numbers = reader.read_next(new, "y_new", allow_new=True)
    assert numbers.tolist() == [-1, 1]
    np.testing.assert_array_equal(table.values[0][:, 0], [0, 1, 2])  # begins with its first value
    data = reader.with_exog(table, None)
    assert data.starts.tolist() == [71, 72]
    assert reader.advance(numbers, table).tolist() == [3, 1]
    for other in (reader, stored(reader)):
        assert other.ids == ["c", "a", "b", "z"]
        assert other.number["z"] == 3
        assert str(other.last[3]) == "2016-02"
        out = other.write(np.zeros((4, 1, 1)), other.read_future(None, np.arange(4), [1] * 4, 1)[1])
        assert out["shop"].tolist() == ["c", "a", "b", "z"]
        assert out["month"].astype(str).tolist() == ["2015-07", "2016-03", "2015-11", "2016-03"]
    with pytest.raises(ValueError, match=r"series 'w'.*begins at .*whole number of steps"):
        every = read(pd.concat({"a": series_of(DAYS[::2])}))[0]
        every.read_next(pd.concat({"w": series_of(DAYS[1::2])}), "y_new", allow_new=True)


# -- series that were not fitted --------------------------------------------------------------------------------------


def forecast_of(reader, n_steps, X=None):
    """What stands in for a forecast: the number of the series, and the step."""
    n = len(reader.ids)
    _, indexes = reader.read_future(X, np.arange(n), [n_steps] * n, n_steps)
    values = np.arange(n)[:, None, None] * 100.0 + np.arange(n_steps)[None, :, None]
    return reader.write(np.repeat(values, len(reader.layout.names), axis=2), indexes)


FITTED = {
    "a series": lambda: read(series_of(DAYS)),
    "a panel": lambda: read(pd.concat({"a": series_of(DAYS), "b": series_of(DAYS[5:])}, names=["id", "day"])),
    "a long frame": lambda: read(
        pd.concat({"a": series_of(DAYS), "b": series_of(DAYS[5:])}, names=["id", "day"]).reset_index(),
        id_col="id",
        time_col="day",
        target_col="v",
    ),
    "a frame of one column": lambda: read(series_of(DAYS).to_frame()),
}


@pytest.mark.parametrize("name", FITTED)
def test_the_past_of_series_that_were_not_fitted(name):
    fitted, *_ = FITTED[name]()
    before = str(fitted.__getstate__())
    late = pd.date_range("2025-03-01", periods=12, freq="D", name="when")
    ahead = pd.date_range("2025-03-13", periods=2, freq="D", name="when")
    y = series_of(late, "sales")
    y.iloc[[0, 4]] = np.nan

    reader, _, data = fitted.read_history(y.drop(late[6]))
    np.testing.assert_array_equal(data.values[0][:, 0], y[1:].where(y.index[1:] != late[6]))
    assert data.starts.tolist() == [(late[1] - DAYS[0]).days]
    pd.testing.assert_series_equal(
        forecast_of(stored(reader), 2), pd.Series([0.0, 1.0], index=ahead, name="sales"), check_freq=False
    )

    wide = pd.DataFrame({"x": y, "y": y.where(late > late[5])})
    reader, _, data = fitted.read_history(wide)
    assert [len(part) for part in data.values] == [11, 6]
    np.testing.assert_array_equal(data.values[1][:, 0], y[6:])
    expected = pd.DataFrame({"x": [0.0, 1.0], "y": [100.0, 101.0]}, index=ahead)
    pd.testing.assert_frame_equal(forecast_of(stored(reader), 2), expected, check_freq=False)
    bounds = reader.write(np.zeros((2, 2, 1, 2)), [ahead, ahead], ("lower", "upper"))
    assert bounds.columns.tolist() == [(c, b) for c in "xy" for b in ("lower", "upper")]

    panel = pd.concat({"b": y, "new": y[3:9]}, names=["shop", "when"])
    reader, _, data = fitted.read_history(panel)
    assert [len(part) for part in data.values] == [11, 6]
    out = forecast_of(stored(reader), 2)
    assert out.index.names == ["shop", "when"]
    assert out.loc["new"].index.tolist() == [late[9], late[10]]
    assert out.tolist() == [0, 1, 100, 101]

    if fitted.layout.id_col is not None:
        long = pd.DataFrame({"id": [7] * 12 + [8] * 3, "day": [*late, *late[:3]], "v": [*y, 1.0, 2.0, 3.0]})
        reader, _, data = fitted.read_history(long)
        out = forecast_of(stored(reader), 1)
        assert out.columns.tolist() == ["id", "day", "v"]
        assert out["id"].tolist() == [7, 8]
        assert out["day"].tolist() == [ahead[0], late[3]]

    reader, _, data = fitted.read_history(y.to_numpy())
    np.testing.assert_array_equal(forecast_of(reader, 2), [0, 1])
    reader, _, data = fitted.read_history(wide.to_numpy())
    assert [len(part) for part in data.values] == [11, 6]
    np.testing.assert_array_equal(forecast_of(reader, 2), [[0, 100], [1, 101]])

    # a single row takes the step that was fitted
    reader, _, data = fitted.read_history(y[-1:])
    assert forecast_of(reader, 2).index.tolist() == ahead.tolist()

    assert str(fitted.__getstate__()) == before


def test_a_past_of_another_kind_is_an_error():
    fitted, *_ = FITTED["a panel"]()
    with pytest.raises(TypeError, match=r"period\[M\].*datetime64"):
        fitted.read_history(monthly())
    with pytest.raises(ValueError, match=r"between steps.*step is D"):
        fitted.read_history(series_of(pd.date_range("2024", periods=5, freq="h")))
    months, *_ = read(series_of(pd.date_range("2020", periods=30, freq="MS")))
    with pytest.raises(ValueError, match=r"2024-01-31.*between steps"):
        months.read_history(series_of(pd.DatetimeIndex(["2024-01-31"])))
    with pytest.raises(ValueError, match=r"no regular step"):
        fitted.read_history(series_of(pd.DatetimeIndex(["1700-01-31", "2024-01-01"])))
    with pytest.raises(ValueError, match=r"column 'b' has no value at all"):
        fitted.read_history(pd.DataFrame({"a": series_of(DAYS), "b": np.nan}))
    with pytest.raises(ValueError, match=r"forecasts one column, 'v', and y has .*'w'"):
        fitted.read_history(pd.concat({"a": pd.DataFrame({"v": series_of(DAYS), "w": 1.0})}))
    # what was fitted without times takes any
    of_array, *_ = read(np.arange(30.0))
    reader, _, _ = of_array.read_history(series_of(DAYS))
    assert forecast_of(reader, 1).index[0] == DAYS[-1] + pd.Timedelta(days=1)


def test_columns_that_are_read_together():
    frame = pd.DataFrame({"a": series_of(DAYS), "b": series_of(DAYS, seed=1)})
    fitted, *_ = read(frame)
    reader, _, data = fitted.read_history(frame[["b", "a"]][5:])
    np.testing.assert_array_equal(data.values[0], frame[5:])
    assert forecast_of(reader, 2).columns.tolist() == ["a", "b"]
    reader, _, data = fitted.read_history(pd.concat({"x": frame, "y": frame[3:]}))
    assert [part.shape for part in data.values] == [(40, 2), (37, 2)]
    assert fitted.read_history(frame.to_numpy())[2].values[0].shape == (40, 2)
    for other in (
        frame[["a"]],
        frame.assign(c=1.0),
        frame["a"],
        frame["a"].to_numpy(),
        frame.rename(columns={"a": "z"}),
    ):
        with pytest.raises(ValueError, match=r"reads 2 columns together, \['a', 'b'\].*long frame or a panel"):
            fitted.read_history(other)


def test_exogenous_columns_of_series_that_were_not_fitted():
    whole = pd.date_range("2024-01-01", periods=50, freq="D")
    X = pd.DataFrame({"price": np.arange(50.0), "wind": np.arange(50.0) ** 2}, index=whole)
    X["kind"] = "shop"
    y = pd.concat({"a": series_of(DAYS), "b": series_of(DAYS)}, names=["id", "day"])
    kinds = {"a": X, "b": X.assign(kind="web")}
    fitted, _, data = read(y, pd.concat(kinds, names=["id", "day"]), past_only=["wind"])
    assert data.is_static.tolist() == [False, True, True]
    # one frame with the past and what is to come; of the past a row may lack
    X_new = X[30:45].assign(kind="web").drop(whole[33])
    for kept in (fitted, stored(fitted)):
        reader, _, data = kept.read_history(series_of(whole[30:42]), X_new)
        expected = np.arange(30.0, 42.0)
        expected[3] = np.nan
        np.testing.assert_array_equal(data.known[0][:, 0], expected)
        np.testing.assert_array_equal(data.past_only[0][:, 0], expected**2)
        np.testing.assert_array_equal(data.known[0][:, 1:], [[0, 1]] * 12)
        known, _ = reader.read_future(X_new, np.array([0]), [3], 3)
        np.testing.assert_array_equal(known, [[[42, 0, 1], [43, 0, 1], [44, 0, 1]]])
        # which need not say again what does not change
        known, _ = stored(reader).read_future(X_new[["price"]], np.array([0]), [3], 3)
        np.testing.assert_array_equal(known, [[[42, 0, 1], [43, 0, 1], [44, 0, 1]]])
    # the columns of a frame that are series of their own have these in common
    reader, _, data = fitted.read_history(pd.DataFrame({"x": series_of(whole[30:42]), "y": 1.0}), X_new)
    np.testing.assert_array_equal(data.known[0], data.known[1])
    assert reader.read_future(X_new, np.array([0, 1]), [3, 3], 3)[0].shape == (2, 3, 3)
    for without, message in (
        (None, r"\['price', 'wind', 'kind'\]: pass them in X"),
        (X_new[["price"]], "no column 'wind'"),
    ):
        with pytest.raises(ValueError, match=message):
            fitted.read_history(series_of(whole[30:42]), without)
    # arrays
    values = X[["price", "wind"]].to_numpy()
    fitted, *_ = read(np.arange(40.0), values[:40], past_only=[1])
    reader, _, data = fitted.read_history(np.r_[np.nan, np.arange(10.0)], values[5:19])
    np.testing.assert_array_equal(data.known[0][:, 0], np.arange(6, 16))
    np.testing.assert_array_equal(reader.read_future(values[5:19], np.array([0]), [3], 3)[0], [[[16], [17], [18]]])


# -- exogenous columns ------------------------------------------------------------------------------------------------


def test_types_of_exogenous_columns():
    y = series_of(DAYS[:6])
    texts = ["b", "a", None, "b", "c", "a"]
    onehot = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]])
    for column in (
        pd.Series(texts, dtype=object),
        pd.Series(texts, dtype="string"),
        pd.Series(texts, dtype="category"),
    ):
        X = pd.DataFrame({"c": column.set_axis(DAYS[:6])})
        np.testing.assert_array_equal(read(y, X)[2].known[0], onehot)
    declared = pd.Categorical(texts, categories=["c", "b", "a", "z"])
    known = read(y, pd.DataFrame({"c": declared}, index=DAYS[:6]))[2].known[0]
    np.testing.assert_array_equal(known, np.c_[onehot[:, ::-1], np.zeros(6)])
    numbers = {
        "bool": ([True, False, True, True, False, False], bool),
        "boolean": ([True, None, True, True, False, False], "boolean"),
        "Int64": ([1, None, 3, 4, 5, 6], "Int64"),
        "decimal": ([Decimal("1.5"), None, *map(Decimal, range(4))], object),
    }
    for values, dtype in numbers.values():
        X = pd.DataFrame({"n": pd.Series(values, dtype=dtype, index=DAYS[:6])})
        expected = [np.nan if value is None else float(value) for value in values]
        np.testing.assert_array_equal(read(y, X)[2].known[0][:, 0], expected)
    for column, message in (
        (DAYS[:6], "'c'.*holds times.*dt.dayofweek"),
        (DAYS[:6] - DAYS[0], "'c'.*durations.*total_seconds"),
        ([[1]] * 6, "'c'.*objects"),
        ([1, "a"] * 3, "'c'.*text and numbers.*astype"),
    ):
        with pytest.raises(TypeError, match=message):
            read(y, pd.DataFrame({"c": column}, index=DAYS[:6]))
    with pytest.raises(ValueError, match=r"'c' of X has 300 different categories"):
        index = pd.RangeIndex(300)
        read(series_of(index), pd.DataFrame({"c": [f"c{i}" for i in index]}))
    with pytest.raises(ValueError, match=r"X is infinite at 2024-01-03.*column 'd'"):
        read(y, pd.DataFrame({"c": texts, "d": [0, 1, np.inf, 3, 4, 5]}, index=DAYS[:6]))


def test_a_column_without_a_value_says_nothing():
    for nothing in (np.nan, None, pd.Categorical([None] * 40, categories=["a"])):
        X = pd.DataFrame({"p": np.arange(40.0), "none": nothing}, index=DAYS)
        reader, _, data = read(series_of(DAYS[:20]), X[:20])
        np.testing.assert_array_equal(data.known[0], X[["p"]][:20])
        for later in (X, X[["p"]], X.assign(none=1.0), X.assign(none="a")):
            np.testing.assert_array_equal(reader.read_future(later, np.array([0]), [2], 2)[0], [[[20], [21]]])
    X = pd.DataFrame({"none": [np.nan] * 40}, index=DAYS)
    assert read(series_of(DAYS), X)[0].read_future(None, np.array([0]), [2], 2)[0].shape == (1, 2, 0)


def test_a_category_that_was_not_fitted_is_told_once():
    X = pd.DataFrame({"c": ["a", "b"] * 20, "x": 1.0 * (np.arange(40) % 3)}, index=DAYS)
    reader, *_ = read(series_of(DAYS[:20]), X[:20])
    X.loc[DAYS[20] :, "c"] = "z"
    with pytest.warns(UserWarning, match=r"Column 'c' of X has a category .*'z'.*none") as caught:
        known, _ = reader.read_future(X, np.array([0]), [2], 2)
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(known[0], [[0, 0, 2], [0, 0, 0]])
    for other in (reader, stored(reader)):
        np.testing.assert_array_equal(other.read_future(X, np.array([0]), [2], 2)[0], known)
    with pytest.raises(ValueError, match=r"'c' of X held text in fit, such as 'a'"):
        reader.read_future(X.assign(c=1.0), np.array([0]), [2], 2)
    with pytest.raises(ValueError, match=r"'x' of X held numbers in fit"):
        reader.read_future(X.assign(x="one"), np.array([0]), [2], 2)


def test_what_does_not_change_need_not_be_told_of_the_future():
    rng = np.random.default_rng(0)
    y = pd.concat({"a": series_of(DAYS), "b": series_of(DAYS), "c": series_of(DAYS)}, names=["id", "day"])
    X = pd.DataFrame({"price": rng.normal(size=120)}, index=y.index)
    X["size"] = np.repeat([3.0, 5.0, np.nan], 40)
    X["kind"] = np.repeat(["shop", "web", None], 40)
    X.iloc[7, 1:] = np.nan  # one of them is not said everywhere
    reader, _, data = read(y, X)
    assert data.is_static.tolist() == [False, True, True, True]
    np.testing.assert_array_equal(data.known[0][:, 1:], [[3, 1, 0]] * 40)
    np.testing.assert_array_equal(data.known[1][:, 1:], [[5, 0, 1]] * 40)
    np.testing.assert_array_equal(data.known[2][:, 1], [4] * 40)  # that of the others
    assert data.select([1]).is_static.tolist() == [False, True, True, True]
    ahead = pd.MultiIndex.from_product([["a", "b", "c"], DAYS[-1] + pd.to_timedelta([1, 2], "D")])
    X_new = pd.DataFrame({"price": np.arange(6.0)}, index=ahead)
    for other in (reader, stored(reader)):
        known, _ = other.read_future(X_new, np.arange(3), [2] * 3, 2)
        np.testing.assert_array_equal(known[..., 0], [[0, 1], [2, 3], [4, 5]])
        np.testing.assert_array_equal(known[0, :, 1:], [[3, 1, 0]] * 2)
        np.testing.assert_array_equal(known[1, :, 1:], [[5, 0, 1]] * 2)
        with pytest.raises(ValueError, match=r"exogenous columns \['price'\]: pass X"):
            other.read_future(None, np.arange(3), [2] * 3, 2)
    # nothing was learnt of changes
    with pytest.warns(UserWarning, match=r"Column 'size' of X, series 'a', is not what it was.*as if it stayed"):
        known, _ = reader.read_future(X_new.assign(size=9.0), np.arange(3), [2] * 3, 2)
    assert known[..., 1].tolist() == [[3, 3], [5, 5], [4, 4]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reader.read_future(X_new.assign(size=9.0), np.arange(3), [2] * 3, 2)  # told once
    # and alone it is not needed at all
    reader, *_ = read(y, X[["size", "kind"]])
    np.testing.assert_array_equal(reader.read_future(None, np.array([1]), [2], 2)[0], [[[5, 0, 1]] * 2])
    new = pd.concat({"b": pd.Series([1.0], index=[DAYS[-1] + pd.Timedelta(days=1)])}, names=["id", "day"]).rename("v")
    table, _ = reader.read_next(new, "y_new")
    np.testing.assert_array_equal(reader.with_exog(table, None).known[0], [[5, 0, 1]])
    # a new series must say it, and it is kept
    new = pd.concat({"new": new.droplevel("id")}, names=["id", "day"])
    table, numbers = reader.read_next(new, "y_new", allow_new=True)
    with pytest.raises(ValueError, match=r"exogenous columns \['size', 'kind'\].*X_new for the rows of y_new"):
        reader.with_exog(table, None)
    X_new = pd.DataFrame({"size": [7.0], "kind": ["web"]}, index=new.index)
    np.testing.assert_array_equal(reader.with_exog(table, X_new).known[0], [[7, 0, 1]])
    assert reader.advance(numbers, table).tolist() == [3]
    np.testing.assert_array_equal(
        stored(reader).read_future(None, np.array([0, 3]), [1, 1], 1)[0][:, 0], [[3, 1, 0], [7, 0, 1]]
    )


def test_the_future_must_be_complete_and_the_past_need_not():
    X = pd.DataFrame({"wind": 1.0 * np.arange(40), "c": ["a", "b"] * 20}, index=DAYS)
    X.loc[DAYS[[3, 25]], "wind"] = np.nan
    reader, _, data = read(series_of(DAYS[:20].drop(DAYS[7])), X[:20].drop(DAYS[7]))
    assert np.isnan(data.known[0]).any(axis=1).nonzero()[0].tolist() == [3, 7]
    with pytest.raises(ValueError, match=r"X is missing at 2024-01-26.*column 'wind'.*past_only"):
        reader.read_future(X, np.array([0]), [8], 8)
    X["c"] = X["c"].where(DAYS != DAYS[22])  # of a category, no value is one, too
    known, _ = reader.read_future(X, np.array([0]), [5], 5)
    np.testing.assert_array_equal(known[0, :, 1:], [[1, 0], [0, 1], [0, 0], [0, 1], [1, 0]])
    with pytest.raises(ValueError, match=r"X has no row for 2024-01-21"):
        reader.read_future(X[:20], np.array([0]), [5], 5)


# -- columns beside the values ----------------------------------------------------------------------------------------


def long_frame(n=60, gap=False):
    rng = np.random.default_rng(0)
    parts = []
    for shop, size in (("east", 1.0), ("west", 3.0)):
        day = pd.date_range("2024-01-01", periods=n, freq="D")
        promo, heat = rng.integers(0, 2, n), rng.normal(size=n)
        sales = 20 * size + 5 * promo + np.r_[0, heat[:-1]] + np.sin(2 * np.pi * np.arange(n) / 7)
        parts.append(
            pd.DataFrame(
                {"shop": shop, "heat": heat, "sales": sales, "promo": promo > 0, "date": day, "region": f"r{size:.0f}"}
            )
        )
    frame = pd.concat(parts, ignore_index=True)
    return frame.sample(frac=1, random_state=0).sort_values("date", ignore_index=True)


KEYS = {"id_col": "shop", "time_col": "date"}
OPTIONS = {**KEYS, "target_col": "sales", "past_only": ["heat"]}


def test_a_frame_with_its_exogenous_columns():
    frame = long_frame()
    early, late = frame[frame["date"] < "2024-02-20"], frame[frame["date"] >= "2024-02-20"]
    forecaster = ridge(horizon=3, **OPTIONS).fit(early)
    # the same in two parts
    X = ["shop", "date", "heat", "promo", "region"]
    two = ridge(horizon=3, **KEYS, past_only=["heat"]).fit(early[["shop", "date", "sales"]], early[X])
    expected = two.predict(X=late[X])
    forecast = forecaster.predict(X=late)
    pd.testing.assert_frame_equal(forecast, expected)
    assert forecast.columns.tolist() == ["shop", "date", "sales"]
    assert forecast["shop"].tolist() == [early["shop"].iloc[0]] * 3 + [early["shop"].iloc[1]] * 3
    # what is not needed may be missing, or unknown
    pd.testing.assert_frame_equal(forecaster.predict(X=late[["date", "shop", "promo"]]), expected)
    pd.testing.assert_frame_equal(forecaster.predict(X=late.assign(sales=np.nan, heat=np.nan)), expected)
    with pytest.raises(ValueError, match=r"exogenous columns \['promo'\]"):
        forecaster.predict()
    three = late[late["date"] < "2024-02-23"]
    assert forecaster.score(three) == pytest.approx(two.score(three[["shop", "date", "sales"]], three[X]), rel=1e-12)
    one = forecaster.update(three).predict(X=late)
    pd.testing.assert_frame_equal(one, two.update(three[["shop", "date", "sales"]], three[X]).predict(X=late[X]))
    table = ridge(horizon=3, **OPTIONS).backtest(frame, n_splits=2)
    same = ridge(horizon=3, **KEYS, past_only=["heat"]).backtest(frame[["shop", "date", "sales"]], frame[X], n_splits=2)
    pd.testing.assert_frame_equal(table, same)
    # some beside the values, some in X
    mixed = ridge(horizon=3, **OPTIONS).fit(early.drop(columns="promo"), early[["shop", "date", "promo"]])
    pd.testing.assert_frame_equal(mixed.predict(X=late)[["shop", "date"]], expected[["shop", "date"]])
    with pytest.raises(ValueError, match=r"'promo' stands in y and in X"):
        ridge(**OPTIONS).fit(early, early[["shop", "date", "promo"]])


def test_the_past_of_a_frame_with_its_exogenous_columns():
    frame = long_frame()
    early, late = frame[frame["date"] < "2024-02-20"], frame[frame["date"] >= "2024-02-20"]
    fitted, _, before = read(early, **OPTIONS)
    # the columns of the past stand beside it, those to come in X, and what does not change need not
    reader, _, data = fitted.read_history(early.assign(shop=early["shop"] + "!"), late)
    for part, other in zip(data.known, before.known):
        np.testing.assert_array_equal(part, other)
    X = late.assign(shop=late["shop"] + "!").drop(columns="region")
    known, _ = stored(reader).read_future(X, np.arange(2), [3, 3], 3)
    expected, _ = fitted.read_future(late, np.arange(2), [3, 3], 3)
    np.testing.assert_array_equal(known, expected)
    # of series that were fitted it is known what does not change
    _, _, data = fitted.read_history(early.drop(columns="region"))
    np.testing.assert_array_equal(data.known[0], before.known[0])
    with pytest.raises(ValueError, match=r"y has no column 'region'"):
        fitted.read_history(early.assign(shop="new").drop(columns="region").drop_duplicates("date"))
    # a single series of a frame that names none
    one = early[early["shop"] == "east"].drop(columns="shop")
    reader, _, data = fitted.read_history(one)
    assert data.values[0].shape == (50, 1)
    assert forecast_of(reader, 1, late[late["shop"] == "east"].drop(columns="shop")).columns.tolist() == [
        "date",
        "sales",
    ]


def test_a_grid_search_over_a_frame_with_its_exogenous_columns():
    frame = long_frame()
    forecaster = ridge(horizon=3, **OPTIONS)
    splits = forecaster.time_splits(frame, n_splits=2)
    search = GridSearchCV(forecaster, {"window": [3, 6]}, cv=splits, error_score="raise").fit(frame)
    train, test = splits[0]
    other = ridge(horizon=3, window=3, **OPTIONS).fit(frame.iloc[train])
    assert search.cv_results_["split0_test_score"][0] == pytest.approx(other.score(frame.iloc[test]))
    # a series without a row just before the cut, or after it, is not scored there: its score could not follow on
    cut = frame["date"].iloc[splits[0][0]].max()
    for gone in (cut, cut + pd.Timedelta(days=1)):
        other = frame[(frame["date"] != gone) | (frame["shop"] != "east")].reset_index(drop=True)
        train, test = forecaster.time_splits(other, n_splits=2)[0]
        assert set(other["shop"].iloc[train]) == {"east", "west"}
        assert set(other["shop"].iloc[test]) == {"west"}
    with pytest.raises(ValueError, match=rf"no rows at {cut.date()}.* between which to cut.*resample"):
        forecaster.time_splits(frame[frame["date"] != cut], n_splits=2)
    # rows that are not there are in no split
    fewer = frame.drop(index=[5, 20, 50, 117]).reset_index(drop=True)
    for train, test in forecaster.time_splits(fewer, n_splits=2):
        dates = fewer["date"]
        assert dates.iloc[train].max() < dates.iloc[test].min()
        assert min(train.min(), test.min()) >= 0
        np.testing.assert_array_equal(train, np.flatnonzero(dates <= dates.iloc[train].max()))


def test_steps_that_are_scored_may_lack():
    frame = long_frame()
    early, late = frame[frame["date"] < "2024-02-20"], frame[frame["date"] >= "2024-02-20"]
    reader, *_ = read(early, **OPTIONS)
    gone = late[(late["date"] != "2024-02-21") | (late["shop"] != "east")]
    table, numbers = reader.read_next(gone, "y_next", directly=True)
    known, _ = reader.read_future(None, numbers, table.lengths, 10, table)
    for i, number in enumerate(numbers):
        promo = late[late["shop"] == reader.ids[number]]["promo"].to_numpy(float)
        if reader.ids[number] == "east":
            promo[1] = promo[0]
        np.testing.assert_array_equal(known[i, :, 0], promo)


def test_which_column_to_forecast_is_not_guessed():
    frame = long_frame()
    with pytest.raises(
        ValueError, match=r"\['heat', 'sales', 'promo'\], and \['region'\].*target_col='heat', or target"
    ):
        read(frame, **KEYS)
    with pytest.raises(ValueError, match=r"\['sales'\], and \['region'\].*target_col='sales'"):
        read(frame[["shop", "date", "sales", "region"]], **KEYS)
    with pytest.raises(ValueError, match=r"\['heat', 'sales'\].*target_col=\['heat', 'sales'\] if all"):
        read(frame[["date", "sales", "heat"]].sort_index(axis=1), time_col="date")
    with pytest.raises(ValueError, match=r"'sales' of y is to be forecast twice"):
        read(frame, **KEYS, target_col=["sales", "sales"])
    with pytest.raises(ValueError, match=r"no column 'revenue'"):
        read(frame, **KEYS, target_col="revenue")
    with pytest.raises(ValueError, match=r"past_only names 'wind'.*\['heat', 'promo', 'region'\]"):
        read(frame, **KEYS, target_col="sales", past_only=["wind"])
    # a wide frame is several series, as before, unless one is named
    wide = frame[frame["shop"] == "east"].set_index("date")[["heat", "sales"]]
    assert read(wide)[2].values[0].shape == (60, 2)
    reader, _, data = read(wide, target_col="sales")
    assert (data.values[0].shape, data.known[0].shape) == ((60, 1), (60, 1))
    reader, _, data = read(frame, **KEYS, target_col=["sales", "heat"])
    assert (data.values[0].shape, reader.names) == ((60, 2), ["promo", "region"])
    assert read(series_of(DAYS), target_col="sales")[0].layout.names == ["v"]


@pytest.mark.parametrize("dtype", ["int64", "str", "category", "datetime64[ns]", "float64"])
def test_ids_and_dates_of_all_types(dtype):
    frame = long_frame()
    ids = frame["shop"].map({"east": "2020-01-02", "west": "2020-01-01"})
    if dtype in ("int64", "float64"):
        ids = ids.str[-1:]
    frame["shop"] = ids.astype(dtype)
    for dates in (frame["date"], frame["date"].dt.strftime("%Y-%m-%d"), frame["date"].dt.date):
        fitted, table, _ = read(frame.assign(date=dates), **OPTIONS)
        assert table.indexes[0].equals(pd.date_range("2024-01-01", periods=60, freq="D"))
        for reader in (fitted, stored(fitted)):
            X = frame.assign(date=frame["date"] + pd.Timedelta(days=60))
            known, indexes = reader.read_future(X, np.arange(2), [2, 2], 2)
            out = reader.write(np.zeros((2, 2, 1)), indexes)
            assert out["shop"].dtype == frame["shop"].dtype
            assert out["shop"].tolist() == [reader.ids[0]] * 2 + [reader.ids[1]] * 2
            assert out["date"].iloc[0] == pd.Timestamp("2024-03-01")
        west = reader.ids.index(frame["shop"].iloc[frame["region"].tolist().index("r3")])
        np.testing.assert_array_equal(known[west, :, 1:], [[0, 1]] * 2)


def test_ids_of_several_levels():
    y = panel_of_three()
    y = pd.concat({"north": y, "south": y}, names=["region", "shop", "month"]).sort_index()
    reader, table, _ = read(y.drop(("south", "a", pd.Period("2012-03", "M"))))
    assert table.label(3) == "y, series ('south', 'a'),"
    out = forecast_of(stored(reader), 1)
    assert out.index.names == ["region", "shop", "month"]
    assert out.loc[("south", "a")].index[0] == pd.Period("2016-01", "M")


def test_forecasts_are_written_as_they_were_given():
    """The layout that a stored reader brings back is the one it had."""
    frame = long_frame()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forecaster = ridge(horizon=2, **OPTIONS).fit(frame)
    again = pickle.loads(pickle.dumps(forecaster))
    X = frame.assign(date=frame["date"] + pd.Timedelta(days=60))
    pd.testing.assert_frame_equal(again.predict(X=X), forecaster.predict(X=X))
    io = pytest.importorskip("skops.io")
    data = io.dumps(forecaster)
    again = io.loads(data, trusted=io.get_untrusted_types(data=data))
    pd.testing.assert_frame_equal(again.predict(X=X), forecaster.predict(X=X))


def test_many_series():
    """Of all that is read from indexes, nothing is asked of each series: they share it. (No time is asserted.)"""
    ids, times = [f"s{i}" for i in range(2000)], pd.date_range("2024", periods=30, freq="D")
    y = pd.Series(np.arange(60_000.0), index=pd.MultiIndex.from_product([ids, times], names=["id", "day"]), name="v")
    reader, table, data = read(y)
    assert len({id(index) for index in table.indexes}) == 1
    np.testing.assert_array_equal(np.concatenate(data.values)[:, 0], y)
    _, indexes = reader.read_future(None, np.arange(2000), [3] * 2000, 3)
    assert len({id(index) for index in indexes}) == 1
    out = reader.write(np.arange(6000.0).reshape(2000, 3, 1), indexes)
    assert out.index.equals(pd.MultiIndex.from_product([ids, times[-1] + pd.to_timedelta([1, 2, 3], "D")]))
    np.testing.assert_array_equal(out, np.arange(6000))
