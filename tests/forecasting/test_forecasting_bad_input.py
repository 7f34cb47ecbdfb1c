"""Wrong calls of RNNForecaster: each raises an error that names the first offender and says what to do."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from wrong_calls import check_message

from sklearn_rnn import RNNForecaster, RNNRegressor

N = 60
rng = np.random.default_rng(0)
VALUES = 10 + rng.normal(size=N + 20)
DAYS = pd.date_range("2020-01-01", periods=N + 20, freq="D")
ALL_DAYS = pd.Series(VALUES, index=DAYS, name="load")
y, y_next = ALL_DAYS[:N], ALL_DAYS[N:]
X = pd.DataFrame({"wind": rng.normal(size=N + 20), "price": rng.normal(size=N + 20)}, index=DAYS)
MONTHS = pd.Series(VALUES[:N], index=pd.date_range("2015", periods=N, freq="MS"))
PERIODS = pd.Series(VALUES[:N], index=pd.period_range("2015-01", periods=N, freq="M"))
NUMBERS = pd.Series(VALUES[:N])
PANEL = pd.concat({"a": y, "b": y[5:] + 1}, names=["id", "day"])
PANEL_NEXT = pd.concat({"a": y_next, "b": y_next}, names=["id", "day"])
PANEL_X = pd.concat({"a": X, "b": X}, names=["id", "day"])
LONG = PANEL.reset_index()
ARRAY = VALUES[:N]


def model(**options):
    options = {"regressor": Ridge(), "window": 5, "horizon": 3, "calibration_fraction": 0, **options}
    return RNNForecaster(**options)


def long(**options):
    return model(**{"id_col": "id", "time_col": "day", **options})


def with_value(series, i, value):
    series = series.copy()
    series.iloc[i] = value
    return series


def with_label(series, i, label):
    labels = list(series.index)
    labels[i] = label
    return series.set_axis(pd.Index(labels))


def without(data, i):
    return data.drop(data.index[i])


def fitted(**options):
    return model(**options).fit(y)


def with_X(**options):
    return model(**options).fit(y, X[:N])


def panel():
    return model().fit(PANEL)


def invalid(name, value, *expected):
    return (
        f"{name}={value!r}",
        lambda: model(**{name: value}).fit(y, X[:N]),
        ValueError,
        (f"'{name}' parameter", *expected),
    )


# (id, call, error, (regex for what was wrong, for what was given, for what to do, ...))
CASES = [
    # -- y: its index
    ("backwards", lambda: model().fit(y[::-1]), ValueError, ("y", "2020-02-28", "oldest first", "sort_index")),
    (
        "two rows swapped",
        lambda: model().fit(y.iloc[[*range(9), 10, 9, *range(11, N)]]),
        ValueError,
        ("y", "2020-01-10.*comes after.*2020-01-11", "sort_index"),
    ),
    (
        "duplicated day",
        lambda: model().fit(y.iloc[[*range(9), 8, *range(9, N)]]),
        ValueError,
        ("y", "2020-01-09.*twice", "drop one"),
    ),
    (
        "a day off",
        lambda: model().fit(with_label(MONTHS, 9, pd.Timestamp("2015-10-03"))),
        ValueError,
        ("y", "2015-10-0[13]", "regular"),
    ),
    (
        "no regular step at all",
        lambda: model().fit(y.set_axis(DAYS[0] + pd.to_timedelta(np.arange(N) ** 2, "D"))),
        ValueError,
        ("y", "no regular step", "between 2029-03-18.* and 2029-07-13", "asfreq|reset_index"),
    ),
    ("NaT in the index", lambda: model().fit(with_label(y, 4, pd.NaT)), ValueError, ("y", "no time in row 4", "notna")),
    ("float index", lambda: model().fit(y.set_axis(np.arange(N) / 2)), TypeError, ("y", "float64", "number the rows")),
    (
        "dates as text that is not ISO",
        lambda: model().fit(y.set_axis(DAYS[:N].strftime("%d.%m.%Y"))),
        ValueError,
        (r"y.index are text, such as '01.01.2020'", r"pd.to_datetime\(y.index, dayfirst=True\)"),
    ),
    (
        "numbers as text in a column",
        lambda: long().fit(LONG.assign(day=[str(i) for i in range(len(LONG))])),
        ValueError,
        (r"y\['day'\] are text, such as '0'", r"y\['day'\].astype\(int\)"),
    ),
    (
        "rows in no order, in columns",
        lambda: long().fit(LONG[::-1]),
        ValueError,
        (r"y.sort_values\(\['id', 'day'\]\)",),
    ),
    (
        "a lazy query",
        lambda: model().fit(type("LazyFrame", (), {})()),
        TypeError,
        ("y is a LazyFrame", r"y.collect\(\)"),
    ),
    ("true and false for times", lambda: model().fit(y.set_axis(np.arange(N) > 5)), TypeError, ("y", "bool")),
    ("differences of times", lambda: model().fit(y.set_axis(DAYS[:N] - DAYS[0])), TypeError, ("y", "timedelta")),
    # -- y: its values
    (
        "infinity",
        lambda: model().fit(with_value(y, 7, -np.inf)),
        ValueError,
        ("y", "infinite at 2020-01-08", "Replace"),
    ),
    ("text", lambda: model().fit(y.astype(str)), TypeError, ("y", "'load'", "no numbers")),
    ("text in an array", lambda: model().fit(np.array(["a"] * N)), TypeError, ("y", "numbers", "'a'")),
    ("dates as values", lambda: model().fit(pd.Series(DAYS)), TypeError, ("y", "datetime64", "no numbers")),
    ("complex numbers", lambda: model().fit(y + 1j), TypeError, ("y", "complex", "no numbers")),
    ("complex numbers in an array", lambda: model().fit(ARRAY + 1j), TypeError, ("y", "complex|numbers")),
    ("no rows", lambda: model().fit(y[:0]), ValueError, ("y", "no rows")),
    ("empty array", lambda: model().fit(np.array([])), ValueError, ("y", "not empty", r"\(0,\)")),
    ("3-D array", lambda: model().fit(np.ones((20, 2, 2))), ValueError, ("y", r"\(20, 2, 2\)", "n_timesteps")),
    ("a number", lambda: model().fit(3.0), ValueError, ("y", "n_timesteps", r"got \(\)")),
    ("nothing", lambda: model().fit(None), (TypeError, ValueError), ("y", "Series|n_timesteps")),
    ("a dict", lambda: model().fit({"a": [1, 2]}), TypeError, ("y", "Series", "dict|number")),
    ("two rows", lambda: model().fit(y[:2]), ValueError, ("y", r"2 row\(s\)", "too few")),
    (
        "too short to fit",
        lambda: model().fit(y[:8]),
        ValueError,
        ("y", "at most 8 values", "at least 9", "smaller window, season_length or horizon"),
    ),
    ("window too long", lambda: model(window=70).fit(y), ValueError, ("y", "60 values", "window=70", "smaller window")),
    (
        "season too long",
        lambda: model(season_length=80, normalize="smoothing").fit(y),
        ValueError,
        ("y", "60 values", "season_length=80", "smaller"),
    ),
    (
        "log of zero",
        lambda: model(target_transform="log").fit(with_value(y, 7, 0)),
        ValueError,
        ("target_transform='log'", "y is 0 at 2020-01-08", "log1p"),
    ),
    (
        "log of a negative value later on",
        lambda: fitted(target_transform="log").update(with_value(y_next, 2, -1)),
        ValueError,
        ("target_transform='log'", "is -1 at 2020-03-03", "log1p"),
    ),
    (
        "log of a negative value after the first cutoff of a backtest",
        lambda: model(target_transform="log").backtest(with_value(y, 40, -1), n_splits=9),
        ValueError,
        ("target_transform='log'", "is -1 at 2020-02-10", "log1p"),
    ),
    # -- y: columns
    (
        "id_col missing",
        lambda: long().fit(LONG.rename(columns={"id": "i"})),
        ValueError,
        ("y", "no column 'id'", "'i'"),
    ),
    ("time_col missing", lambda: long().fit(LONG.drop(columns="day")), ValueError, ("y", "no column 'day'", "'load'")),
    ("id_col with a Series", lambda: model(id_col="id").fit(y), TypeError, ("id_col", "y is a Series", "data frame")),
    ("id_col with an array", lambda: model(id_col="id").fit(ARRAY), TypeError, ("id_col", "y is a ndarray")),
    ("two columns of ids", lambda: long(id_col=["id", "load"]).fit(LONG), (TypeError, ValueError), ("id_col", "one")),
    ("id_col and MultiIndex", lambda: model(id_col="i").fit(PANEL.to_frame().assign(i=1)), ValueError, ("MultiIndex",)),
    ("no values", lambda: long().fit(LONG[["id", "day"]]), ValueError, ("y", "no columns of values")),
    (
        "ids as values",
        lambda: model(time_col="day").fit(LONG),
        ValueError,
        ("y", "'id'", "target_col='load'", "id_col"),
    ),
    (
        "no id",
        lambda: long().fit(LONG.assign(id=LONG["id"].where(LONG.index != 3))),
        ValueError,
        ("y", "no id in row 3"),
    ),
    (
        "two columns of one name",
        lambda: model().fit(pd.concat([y, y], axis=1)),
        ValueError,
        ("y", "two columns of the name 'load'"),
    ),
    (
        "series stacked, and nothing says when",  # one index runs through all: at no time would two of them be known
        lambda: model(id_col="id").backtest(LONG.drop(columns="day")),
        ValueError,
        (
            "y",
            "time_col",
        ),
    ),
    (
        "levels in the wrong order",
        lambda: model().fit(PANEL.swaplevel()),
        ValueError,
        ("ids first and times last", "swaplevel"),
    ),
    (
        "score of an array, which shows no times",
        lambda: model().fit(y.to_numpy()).score(y.to_numpy()[:3]),
        TypeError,
        ("Series", "array", "follow on"),
    ),
    # -- X at fit
    ("X short", lambda: model().fit(y, X[: N - 1]), ValueError, ("X", "no row for 2020-02-29", "each time of y")),
    ("X late", lambda: model().fit(y, X[1:]), ValueError, ("X", "no row for 2020-01-01", "goes from 2020-01-02")),
    (
        "X of other times",
        lambda: model().fit(y, X.reset_index(drop=True)),
        (TypeError, ValueError),
        ("X", "no row for"),
    ),
    ("X an array", lambda: model().fit(y, X[:N].to_numpy()), TypeError, ("X", "DataFrame.*index of y", "ndarray")),
    ("X twice", lambda: model().fit(y, pd.concat([X, X[3:4]])), ValueError, ("X", "2020-01-04.*twice", "[Dd]rop one")),
    ("X array of other length", lambda: model().fit(ARRAY, ARRAY[:-1]), ValueError, ("X", "59 rows, expected 60")),
    ("X without ids", lambda: model().fit(PANEL, X), ValueError, ("X", "ids.*as y does")),
    ("X lacks a series", lambda: model().fit(PANEL, PANEL_X.loc[["a"]]), ValueError, ("X", "no rows for series 'b'")),
    (
        "X lacks a row of one series",
        lambda: model().fit(PANEL, without(PANEL_X, 80 + 20)),
        ValueError,
        ("X", "series 'b'", "no row for 2020-01-21"),
    ),
    ("X without the id column", lambda: long().fit(LONG, X.reset_index()), ValueError, ("X", "no column 'id'")),
    ("X of times", lambda: model().fit(y, X.assign(since=DAYS)), TypeError, ("X", "'since'", "times", "dayofweek")),
    # -- X at predict
    (
        "X left out",
        lambda: with_X().predict(),
        ValueError,
        ("X", "'wind', 'price'", "2020-03-01.*2020-03-03", "past_only"),
    ),
    ("X left out of intervals", lambda: with_X().predict_interval(), ValueError, ("X", "'wind'", "past_only")),
    ("X of the past", lambda: with_X().predict(X=X[:N]), ValueError, ("X", "no row for 2020-03-01", "to 2020-02-29")),
    ("X too short", lambda: with_X().predict(5, X[N : N + 4]), ValueError, ("X", "no row for 2020-03-05")),
    ("X lacks a column", lambda: with_X().predict(X=X[["wind"]]), ValueError, ("X", "no column 'price'", "'wind'")),
    (
        "X with NaN ahead",
        lambda: with_X().predict(X=with_value(X, N, np.nan)),
        ValueError,
        ("X", "missing at 2020-03-01"),
    ),
    (
        "X of a series that was never fitted",
        lambda: model().fit(PANEL, PANEL_X).predict(X=pd.concat([PANEL_X, pd.concat({"z": X}, names=["id", "day"])])),
        ValueError,
        ("X has rows for series 'z'", "not fitted on", "fit again"),
    ),
    ("X array ahead", lambda: with_X().predict(X=X[N:].to_numpy()), TypeError, ("X", "DataFrame", "ndarray")),
    (
        "X array too short",
        lambda: model().fit(ARRAY, ARRAY).predict(X=np.ones((2, 1))),
        ValueError,
        ("X", "2 rows, expected 3"),
    ),
    (
        "X array of other columns",
        lambda: model().fit(ARRAY, ARRAY).predict(X=np.ones((3, 2))),
        ValueError,
        ("X", r"2 column\(s\), expected 1"),
    ),
    ("X that was not fitted", lambda: fitted().predict(X=X), ValueError, ("X", "fitted without X", "[Ll]eave|again")),
    ("X scored that was not fitted", lambda: fitted().score(y_next, X), ValueError, ("X", "fitted without X")),
    ("X scored left out", lambda: with_X().score(y_next), ValueError, ("X", "'wind', 'price'")),
    ("X updated left out", lambda: with_X().update(y_next), ValueError, ("X_new", "'wind', 'price'", "y_new")),
    (
        "X updated that was not fitted",
        lambda: fitted().update(y_next, X),
        ValueError,
        ("fitted without X", "leave X_new out"),
    ),
    ("X updated too late", lambda: with_X().update(y_next, X[N + 1 :]), ValueError, ("X_new", "no row for 2020-03-01")),
    # -- what does not follow on
    (
        "update overlaps",
        lambda: fitted().update(ALL_DAYS[N - 1 :]),
        ValueError,
        ("y_new", "2020-02-29.*next time is 2020-03-01"),
    ),
    (
        "update with the past",
        lambda: fitted().update(y[:9]),
        ValueError,
        ("y_new", "begins at 2020-01-01", "follow on"),
    ),
    ("update backwards", lambda: fitted().update(y_next[::-1]), ValueError, ("y_new", "oldest first", "sort_index")),
    ("update twice", lambda: fitted().update(y_next).update(y_next), ValueError, ("y_new", "follow on", "2020-03-21")),
    ("update with nothing", lambda: fitted().update(y_next[:0]), ValueError, ("y_new", "no rows")),
    ("score of the past", lambda: fitted().score(y), ValueError, ("y_next", "begins at 2020-01-01", "follow on")),
    ("score too late", lambda: fitted().score(y_next[3:]), ValueError, ("y_next", r"update\(\)|TimeSeriesSplit")),
    (
        "unknown series",
        lambda: panel().score(pd.concat({"z": y_next}, names=["id", "day"]).rename("load")),
        ValueError,
        ("y_next", "'z'", "time_splits"),
    ),
    (
        "unknown series scored",
        lambda: panel().score(pd.concat({"z": y_next}, names=["id", "day"]).rename("load")),
        ValueError,
        ("y_next", "'z'", "time_splits"),
    ),
    (
        "a panel cut by rows in a grid search",
        lambda: GridSearchCV(model(), {"window": [3]}, cv=TimeSeriesSplit(2), error_score="raise").fit(PANEL),
        ValueError,
        ("series 'b'", "time_splits"),
    ),
    # -- y of another kind than was fitted
    (
        "a frame for a series",
        lambda: fitted().update(y_next.to_frame()),
        ValueError,
        ("y_new", "series.*frame", "kind"),
    ),
    (
        "an array for a series",
        lambda: fitted().update(y_next.to_numpy()),
        ValueError,
        ("y_new", "series.*array", "kind"),
    ),
    ("a panel for a series", lambda: fitted().update(PANEL_NEXT), ValueError, ("y_new", "series.*panel", "kind")),
    ("a series for a panel", lambda: panel().update(y_next), ValueError, ("y_new", "panel.*series", "kind")),
    ("another name", lambda: fitted().update(y_next.rename("heat")), ValueError, ("y_new", "'load'.*'heat'")),
    (
        "periods for dates",
        lambda: fitted().update(y_next.to_period("D")),
        TypeError,
        ("y_new", r"period\[D\].*datetime64"),
    ),
    ("time zone", lambda: fitted().update(y_next.tz_localize("UTC")), TypeError, ("y_new", "UTC.*datetime64")),
    (
        "hours for days",
        lambda: fitted().update(y_next.set_axis(pd.date_range(DAYS[N], periods=20, freq="h"))),
        ValueError,
        ("y_new", "2020-03-01 01:00", "step is D"),
    ),
    (
        "more columns for an array",
        lambda: model().fit(ARRAY).update(np.ones((3, 2))),
        ValueError,
        ("y_new", "columns", r"\[0, 1\]"),
    ),
    # -- parameters
    invalid("window", 0, "'auto'", "Got 0"),
    invalid("window", 2.5, "int", r"Got 2\.5"),
    invalid("window", "long", "'auto'", "'long'"),
    invalid("horizon", 0, "Got 0"),
    invalid("horizon", 1.5, "Got 1.5"),
    invalid("horizon", None, "Got None"),
    invalid("strategy", "both", "'direct'", "'both'"),
    invalid("normalize", "max", "'smoothing'", "'max'"),
    invalid("target_transform", "sqrt", "'log'", "'sqrt'"),
    invalid("target_transform", np.log, "inverse_transform"),
    invalid("season_length", 0, "Got 0"),
    invalid("season_length", "year", "'auto'", "'year'"),
    invalid("difference", -1, "'season'", "Got -1"),
    invalid("difference", "last", "'season'", "'last'"),
    invalid("seasonal_features", -1, "Got -1"),
    invalid("linear_path", "yes", "'auto'", "'yes'"),
    invalid("n_members", 0, "Got 0"),
    invalid("calibration_fraction", 1.0, "Got 1.0"),
    invalid("calibration_fraction", -0.1, "Got -0.1"),
    invalid("window_format", "4d", "'3d'", "'4d'"),
    invalid("random_state", "seed", "'seed'"),
    invalid("regressor", "ridge", "'fit'", "'ridge'"),
    invalid("regressor", StandardScaler(), "'predict'", "StandardScaler"),
    invalid("past_only", "wind", "array-like", "'wind'"),
    (
        "past_only unknown",
        lambda: model(past_only=["wind", "rain"]).fit(y, X),
        ValueError,
        ("past_only", "'rain'", "'wind', 'price'"),
    ),
    ("past_only without X", lambda: model(past_only=["wind"]).fit(y), ValueError, ("past_only", "'wind'", "no X")),
    (
        "a transform that cannot be undone",
        lambda: model(target_transform=FunctionTransformer(np.sqrt)).fit(y),
        ValueError,
        ("target_transform", "inverse"),
    ),
    ("unknown parameter", lambda: model().set_params(windows=3), ValueError, ("'windows'", "window")),
    (
        "unknown parameter of the network",
        lambda: RNNForecaster().set_params(regressor__lr=3),
        ValueError,
        ("'lr'", "alpha"),
    ),
    (
        "a network of several quantiles",
        lambda: model(regressor=RNNRegressor(2, max_iter=1, loss="quantile", quantile=(0.1, 0.9))).fit(y).predict(),
        ValueError,
        ("regressor", "quantiles"),
    ),
    (
        "a network of several quantiles, held back",
        lambda: RNNForecaster(RNNRegressor(2, max_iter=1, loss="quantile", quantile=(0.1, 0.9)), horizon=3).fit(y),
        ValueError,
        ("regressor", "quantiles"),
    ),
    (
        "a network that answers each step",
        lambda: model(regressor=RNNRegressor(2, max_iter=1, mapping="many-to-many")).fit(y).predict(),
        ValueError,
        ("mapping|regressor|y has", "3"),
    ),
    # -- predict
    ("horizon 0", lambda: fitted().predict(0), ValueError, ("horizon", "at least 1", "got 0")),
    ("horizon a fraction", lambda: fitted().predict(2.0), ValueError, ("horizon", "integer", r"got 2\.0")),
    ("horizon true", lambda: fitted().predict(True), ValueError, ("horizon", "integer", "got True")),
    (
        "X in place of the horizon too",
        lambda: with_X().predict(X[N:], X[N:]),
        TypeError,
        ("horizon", "integer", "DataFrame", "predict\\(X\\)"),
    ),
    (
        "a table where nothing is exogenous",
        lambda: fitted().predict([1, 2, 3]),
        TypeError,
        ("integer", "a list", "fitted without X", "number of steps"),
    ),
    ("predict a word", lambda: fitted().predict("3"), ValueError, ("horizon", "integer", "got '3'")),
    ("horizon of a backtest a table", lambda: model().backtest(y, horizon=X), TypeError, ("horizon", "DataFrame")),
    (
        "beyond the block with past_only",
        lambda: with_X(past_only=["wind"]).predict(4, X),
        ValueError,
        ("4 steps, 3 at a time", "'wind'", "horizon=4"),
    ),
    (
        "recursive with past_only",
        lambda: with_X(past_only=["wind"], strategy="recursive").predict(2, X),
        ValueError,
        ("all 3 steps must be forecast at once", "'wind'", "strategy='direct'"),
    ),
    (
        "beyond the block that was fitted, after set_params",
        lambda: with_X(past_only=["wind"]).set_params(horizon=9).predict(X=X),
        ValueError,
        ("9 steps, 3 at a time", "'wind'", "horizon=9"),
    ),
    (
        "backtest beyond the block with past_only",
        lambda: model(past_only=["wind"]).backtest(y, X, horizon=4),
        ValueError,
        ("4 steps, 3 at a time", "'wind'", "horizon=4"),
    ),
    ("no held-back part", lambda: fitted().predict_interval(), ValueError, ("calibration_fraction.* 0", "0.2")),
    *(
        (
            f"coverage={coverage!r}",
            lambda coverage=coverage: fitted(calibration_fraction=0.3, normalize="mean").predict_interval(
                coverage=coverage
            ),
            ValueError,
            ("coverage", "between 0 and 1", f"got {coverage!r}"),
        )
        for coverage in (0, 1, 1.5, 90, -0.1, "high", None)
    ),
    # -- backtest and time_splits
    (
        "too many splits",
        lambda: model().backtest(y, n_splits=30),
        ValueError,
        ("30 cutoffs, 3 steps apart", "60 time steps", "smaller n_splits"),
    ),
    (
        "splits that leave too little to fit on",
        lambda: model().backtest(y, n_splits=18),
        ValueError,
        ("y", "too few", "n_splits|smaller window"),
    ),
    (
        "too many splits of a panel",
        lambda: model().time_splits(PANEL, n_splits=30),
        ValueError,
        ("30 cutoffs", "n_splits"),
    ),
    ("no splits", lambda: model().backtest(y, n_splits=0), ValueError, ("n_splits", "at least 1", "got 0")),
    ("stride 0", lambda: model().backtest(y, stride=0), ValueError, ("stride", "at least 1", "got 0")),
    ("stride a fraction", lambda: model().time_splits(y, stride=1.5), ValueError, ("stride", "integer", "got 1.5")),
    ("horizon 0 in a backtest", lambda: model().backtest(y, horizon=0), ValueError, ("horizon", "got 0")),
    (
        "coverage of a backtest",
        lambda: model(calibration_fraction=0.3).backtest(y, coverage=90),
        ValueError,
        ("coverage", "between 0 and 1", "got 90"),
    ),
    (
        "coverage of a backtest without intervals",
        lambda: model().backtest(y, coverage=90),
        ValueError,
        ("coverage", "between 0 and 1", "got 90"),
    ),
    ("parameters in a backtest", lambda: model(window=0).backtest(y), ValueError, ("'window' parameter", "Got 0")),
    ("X short in a backtest", lambda: model().backtest(y, X[: N - 1]), ValueError, ("X", "no row for 2020-02-29")),
    # -- not fitted
    ("predict before fit", lambda: model().predict(), NotFittedError, ("not fitted", "fit")),
    ("predict_interval before fit", lambda: model().predict_interval(), NotFittedError, ("not fitted", "fit")),
    ("update before fit", lambda: model().update(y), NotFittedError, ("not fitted", "fit")),
    ("score before fit", lambda: model().score(y), NotFittedError, ("not fitted", "fit")),
]


@pytest.mark.filterwarnings("ignore:On the last .* worse than repeating:UserWarning")
@pytest.mark.parametrize("call, error, parts", [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_message_says_what_is_wrong(call, error, parts):
    check_message(call, error, parts)


def test_cases_differ():
    assert len({case[0] for case in CASES}) == len(CASES)


def test_series_of_a_panel_that_lie_between_each_others_steps():
    """Every other day, but one on the even and one on the odd ones: there is no time at which to cut both.

    To leave one of them out of the table without a word would be wrong.
    """
    even, odd = DAYS[::2], DAYS[1::2]
    crossed = pd.concat({"a": pd.Series(VALUES[::2], even), "b": pd.Series(VALUES[1::2], odd)}, names=["id", "day"])
    with pytest.raises(ValueError, match=r"series 'b'.*2020-01-02"):
        model().backtest(crossed, n_splits=2)
    with pytest.raises(ValueError, match=r"series 'b'.*2020-01-02"):
        model().time_splits(crossed, n_splits=2)


def test_what_looks_wrong_and_is_not():
    """Calls that are near to wrong ones, and right: none may warn."""
    model().fit(y, X.assign(note=0.0))
    model().fit(y, X[::-1])  # rows of X are found by their labels
    model().fit(y.to_list())
    model().fit(y.astype("Float64"))
    model(past_only=[]).fit(y)
    model(past_only=pd.Index(["wind"])).fit(y, X)
    model(window=np.int64(5), horizon=np.int32(3)).fit(y).predict(np.int64(4))
    with_X(past_only=["wind"]).predict(X=X)  # columns that are not needed are left alone
    with_X(past_only=["wind"]).predict(X=X[["price"]][N:])
    with_X(past_only=["wind", "price"]).predict()
    with_X(past_only=["wind", "price"]).score(y_next[:3], X)  # as cross-validation passes it
    assert panel().update(PANEL_NEXT.loc[["b"]].rename("load")).predict().index[0] == ("a", DAYS[N])


def test_rows_of_X_that_are_not_needed_may_be_incomplete():
    """One frame with the future in it, of which columns of the past are not yet known."""
    later = X.copy()
    later.loc[later.index[N] :, "wind"] = np.nan
    fitted = model(past_only=["wind"]).fit(y, later)
    pd.testing.assert_series_equal(fitted.predict(X=later), with_X(past_only=["wind"]).predict(X=X))
