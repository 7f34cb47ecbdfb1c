"""RNNForecaster among scikit-learn's tools: parameters, searches, backtests, and regressors of all kinds."""

import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from forecast_cases import Recorder, exact, few, frame_of_two, idle, monthly, panel_of_three, ridge, small, unskilled
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVR

from sklearn_rnn import RNNForecaster, RNNRegressor

# -- conventions of scikit-learn --------------------------------------------------------------------------------------


def test_parameters():
    forecaster = RNNForecaster(horizon=3, normalize="last")
    assert repr(forecaster) == "RNNForecaster(horizon=3, normalize='last')"
    assert clone(forecaster).get_params() == forecaster.get_params()
    assert forecaster.get_params()["regressor"] is None
    # the default network's parameters are reached as if it had been given
    forecaster.set_params(regressor__max_iter=3, horizon=5)
    assert forecaster.get_params()["regressor__max_iter"] == 3
    assert forecaster.get_params()["regressor__batch_size"] == 32
    assert forecaster.horizon == 5
    assert clone(forecaster).get_params()["regressor__max_iter"] == 3
    forecaster.set_params(regressor=Ridge(), regressor__alpha=7.0)
    assert forecaster.regressor.alpha == 7.0
    forecaster.set_params(regressor=None, regressor__max_iter=4)  # as a grid over both does
    assert forecaster.regressor.max_iter == 4


def test_pandas_output_of_transformers_is_no_matter():
    y = monthly()
    expected = ridge(target_transform="log").fit(y).predict()
    with config_context(transform_output="pandas"):
        pd.testing.assert_series_equal(ridge(target_transform="log").fit(y).predict(), expected)
        ridge(target_transform=StandardScaler()).fit(y).predict()


def test_fit_changes_neither_parameters_nor_data():
    y = monthly()
    X = pd.DataFrame({"x": np.arange(72.0)}, index=y.index)
    forecaster = small()
    before = forecaster.get_params()
    y_before, X_before = y.copy(), X.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert forecaster.fit(y, X) is forecaster
        forecaster.predict(X=pd.DataFrame({"x": np.arange(4.0)}, index=pd.period_range("2016-01", periods=4, freq="M")))
        forecaster.backtest(y, X, n_splits=2)
    after = forecaster.get_params()
    assert {key: str(value) for key, value in after.items()} == {key: str(value) for key, value in before.items()}
    assert after["regressor"] is before["regressor"]
    assert not hasattr(after["regressor"], "n_iter_")
    pd.testing.assert_series_equal(y, y_before)
    pd.testing.assert_frame_equal(X, X_before)


@unskilled
def test_the_default_network_is_that_of_the_docstring():
    y = monthly(60)
    said = re.search(r"None is ``(RNNRegressor\(.*?\))``", RNNForecaster.__doc__)[1]
    given = eval(said, {"RNNRegressor": RNNRegressor})
    options = {"horizon": 2, "calibration_fraction": 0, "random_state": 0}
    default = RNNForecaster(**options).fit(y)
    assert default.regressor is None
    pd.testing.assert_series_equal(RNNForecaster(given, **options).fit(y).predict(), default.predict())


@few
@unskilled
def test_pickle_keeps_forecasts_bit_by_bit():
    y = panel_of_three()
    forecaster = small().fit(y)
    other = pickle.loads(pickle.dumps(forecaster))
    pd.testing.assert_series_equal(other.predict(6), forecaster.predict(6), check_exact=True)
    pd.testing.assert_frame_equal(other.predict_interval(), forecaster.predict_interval(), check_exact=True)
    new = pd.concat({"a": monthly(80, 1)[72:]}, names=["shop", "month"]).rename("sales")
    pd.testing.assert_series_equal(other.update(new).predict(), forecaster.update(new).predict(), check_exact=True)


def test_a_failed_fit_leaves_a_new_forecaster_unfitted():
    forecaster = ridge(window=60)
    with pytest.raises(ValueError, match="too few"):
        forecaster.fit(monthly(40))
    with pytest.raises(NotFittedError):
        forecaster.predict()


def test_a_failed_fit_leaves_a_fitted_forecaster_as_it_was():
    y = monthly()
    forecaster = ridge().fit(y)
    before = forecaster.predict()
    for bad, message in ((y[:6], "too few"), (y * np.nan, "no value at all"), (y[::-1], "oldest first")):
        with pytest.raises(ValueError, match=message):
            forecaster.fit(bad)
        pd.testing.assert_series_equal(forecaster.predict(), before)


def test_score_is_minus_the_mean_absolute_scaled_error():
    y = monthly(80)
    forecaster = ridge().fit(y[:70])
    scale = np.abs(y[12:70].to_numpy() - y[:58].to_numpy()).mean()
    mase = np.abs(y[70:].to_numpy() - forecaster.predict(10).to_numpy()).mean() / scale
    assert forecaster.score(y[70:]) == pytest.approx(-mase, rel=1e-12)
    assert forecaster.score(y[70:71]) == pytest.approx(-abs(y.iloc[70] - forecaster.predict().iloc[0]) / scale)
    # in the units of the series also with a transform, and the mean over all series
    frame = frame_of_two(80)
    forecaster = ridge(target_transform="log").fit(frame[:70])
    scale = np.abs(frame[12:70].to_numpy() - frame[:58].to_numpy()).mean(axis=0)
    mase = (np.abs(frame[70:] - forecaster.predict(10)).to_numpy().mean(axis=0) / scale).mean()
    assert forecaster.score(frame[70:]) == pytest.approx(-mase, rel=1e-12)


def test_score_of_a_panel_counts_its_series_alike():
    y = panel_of_three()
    parts = {group: y.loc[group] for group in "abc"}
    stop = {"a": 65, "b": 50, "c": 63}
    early = pd.concat({group: parts[group][: stop[group]] for group in "cab"}, names=["shop", "month"])
    late = pd.concat({group: parts[group][stop[group] :] for group in "abc"}, names=["shop", "month"])
    forecaster = ridge().fit(early.rename("sales"))
    forecast = forecaster.predict(10)
    errors = []
    for group, part in parts.items():
        true, known = part[stop[group] :].to_numpy(), part[: stop[group]].to_numpy()
        scale = np.abs(known[12:] - known[:-12]).mean()
        errors.append(np.abs(true - forecast.loc[group][: len(true)].to_numpy()).mean() / scale)
    assert forecaster.score(late.rename("sales")) == pytest.approx(-np.mean(errors), rel=1e-12)


@pytest.mark.parametrize("make", [ridge, small])
def test_grid_search_over_a_series(make):
    y = monthly(90)
    grid = {"normalize": ["last", "smoothing"], "regressor__alpha": [0.01, 1.0]}
    # nothing is held back: with so few epochs, and a part of the data, skill would be worth a warning
    search = GridSearchCV(make(calibration_fraction=0), grid, cv=TimeSeriesSplit(n_splits=3, test_size=12))
    search.fit(y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.predict().index[0] == y.index[-1] + 1
    # by hand
    best = clone(make(calibration_fraction=0)).set_params(**search.best_params_)
    scores = []
    for n in (54, 66, 78):
        scores.append(clone(best).fit(y[:n]).score(y[n : n + 12]))
    assert search.best_score_ == pytest.approx(np.mean(scores), rel=1e-9)


def test_grid_search_with_exogenous_columns():
    rng = np.random.default_rng(0)
    y = monthly(90)
    X = pd.DataFrame({"x": rng.normal(size=90), "z": rng.normal(size=90)}, index=y.index)
    y = y + 20 * X["x"]
    cv = TimeSeriesSplit(n_splits=3, test_size=12)
    search = GridSearchCV(ridge(), {"window": [3, 6], "past_only": [None]}, cv=cv).fit(y, X)
    future = pd.DataFrame({"x": [0.0] * 4, "z": 0.0}, index=pd.period_range(y.index[-1] + 1, periods=4, freq="M"))
    assert search.best_estimator_.predict(X=future).shape == (4,)
    assert search.best_score_ > cross_val_score(ridge(), y, cv=cv).mean()
    scores = cross_val_score(ridge(horizon=12, past_only=["x", "z"]), y, X, cv=cv)
    assert np.isfinite(scores).all()
    assert np.isfinite(cross_val_score(ridge(), frame_of_two(90), cv=cv)).all()


def test_grid_search_over_the_default_network():
    search = GridSearchCV(
        RNNForecaster(horizon=4, calibration_fraction=0, random_state=0),
        {"regressor__max_iter": [1, 2], "regressor__hidden_layer_sizes": [2]},
        cv=TimeSeriesSplit(n_splits=2, test_size=4),
    ).fit(monthly())
    assert search.best_estimator_.regressor.max_iter in (1, 2)
    assert search.estimator.regressor is None


def test_grid_search_over_a_panel():
    rows_differ = panel_of_three()
    long = rows_differ.sort_index(level="month").reset_index()
    X = pd.DataFrame({"x": np.arange(len(rows_differ)) % 5.0}, index=rows_differ.index)
    for y, exog, options in (
        (rows_differ, None, {}),
        (rows_differ, X, {}),
        (long, None, {"id_col": "shop", "time_col": "month"}),
    ):
        forecaster = ridge(**options)
        cv = forecaster.time_splits(y, n_splits=3, horizon=4)
        search = GridSearchCV(forecaster, {"window": [3, 6]}, cv=cv).fit(y, exog)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        if exog is None:
            assert search.best_estimator_.predict().shape[0] == 12
        train, test = cv[0]
        fitted = clone(forecaster).set_params(window=3).fit(y.iloc[train], None if exog is None else exog.iloc[train])
        score = fitted.score(y.iloc[test], None if exog is None else exog.iloc[test])
        assert search.cv_results_["split0_test_score"][0] == pytest.approx(score)


def test_time_splits():
    y = panel_of_three()
    splits = ridge().time_splits(y, n_splits=3, horizon=4, stride=2)
    times = y.index.get_level_values("month")
    shops = y.index.get_level_values("shop")
    last = pd.Period("2015-12", "M")
    assert len(splits) == 3
    for back, (train, test) in zip((8, 6, 4), splits):
        cutoff = last - back
        np.testing.assert_array_equal(train, np.flatnonzero(times <= cutoff))
        going = [group for group in "abc" if y.loc[group].index[-1] > cutoff]
        expected = (times > cutoff) & (times <= cutoff + 4) & shops.isin(going)
        np.testing.assert_array_equal(test, np.flatnonzero(expected))
    assert shops[splits[-1][1]].unique().tolist() == ["a", "b"]  # c has ended by then
    series = monthly(50)
    for (train, test), (train_rows, test_rows) in zip(
        ridge().time_splits(series, n_splits=4, horizon=5), TimeSeriesSplit(4, test_size=5).split(series)
    ):
        np.testing.assert_array_equal(train, train_rows)
        np.testing.assert_array_equal(test, test_rows)


# -- backtest ---------------------------------------------------------------------------------------------------------


@few
@unskilled
@pytest.mark.parametrize("refit", [True, False])
def test_backtest(refit):
    y = monthly(90)
    forecaster = ridge(calibration_fraction=0.3)
    table = forecaster.backtest(y, n_splits=3, horizon=4, stride=5, refit=refit)
    assert table.columns.tolist() == ["cutoff", "step", "y_true", "y_pred", "y_naive", "lower", "upper"]
    assert isinstance(table.index, pd.RangeIndex)
    assert table["step"].tolist() == [1, 2, 3, 4] * 3
    # the last is `horizon` steps before the end, the others each 5 before the next
    last = y.index[-1] - 4
    assert table["cutoff"].unique().tolist() == [last - 10, last - 5, last]
    times = [cutoff + step for cutoff, step in zip(table["cutoff"], table["step"])]
    np.testing.assert_array_equal(table["y_true"], y[times])
    with pytest.raises(NotFittedError):
        forecaster.predict()
    # by hand
    for cutoff, part in table.groupby("cutoff"):
        if refit:
            other = clone(forecaster).fit(y[y.index <= cutoff])
        else:
            other = clone(forecaster).fit(y[y.index <= last - 10])
            if cutoff > last - 10:
                other.update(y[(y.index > last - 10) & (y.index <= cutoff)])
        np.testing.assert_allclose(part["y_pred"], other.predict(), rtol=1e-10)
        np.testing.assert_allclose(part[["lower", "upper"]], other.predict_interval(), rtol=1e-10)


def test_backtest_takes_the_horizon_of_the_forecaster():
    table = ridge().backtest(monthly(90))
    assert len(table) == 5 * 4
    assert table["cutoff"].unique().tolist() == list(pd.period_range("2015-10", "2017-02", freq="M")[::4])
    assert table[["lower", "upper"]].isna().all(axis=None)
    longer = ridge().backtest(monthly(90), horizon=10, n_splits=2)
    assert longer["step"].tolist() == [*range(1, 11)] * 2


def test_backtest_leaves_a_fitted_forecaster_as_it_was():
    y = monthly(90)
    forecaster = ridge().fit(y[:50])
    before = forecaster.predict()
    forecaster.backtest(y, n_splits=2)
    pd.testing.assert_series_equal(forecaster.predict(), before)


@pytest.mark.parametrize("refit", [True, False])
def test_backtest_of_several_series(refit):
    y = frame_of_two(90)
    table = ridge().backtest(y, n_splits=2, horizon=3, refit=refit)
    assert table.columns.tolist() == ["variable", "cutoff", "step", "y_true", "y_pred", "y_naive", "lower", "upper"]
    assert len(table) == 2 * 3 * 2
    for row in table.itertuples():
        assert row.y_true == y.loc[row.cutoff + row.step, row.variable]
    first = table[table["cutoff"] == table["cutoff"].iloc[0]].pivot(index="step", columns="variable", values="y_pred")
    np.testing.assert_allclose(first, ridge().fit(y[:84]).predict(3), rtol=1e-10)


@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize("columns", [None, ["sales", "returns"]])
def test_backtest_of_a_panel(columns, refit):
    y = panel_of_three(columns)
    table = ridge().backtest(y, n_splits=3, horizon=4, stride=3, refit=refit)
    variable = [] if columns is None else ["variable"]
    assert table.columns.tolist() == [
        "shop",
        *variable,
        "cutoff",
        "step",
        "y_true",
        "y_pred",
        "y_naive",
        "lower",
        "upper",
    ]
    values = pd.DataFrame({"sales": y}) if columns is None else y
    for row in table.itertuples():
        assert row.y_true == values.loc[(row.shop, row.cutoff + row.step), getattr(row, "variable", "sales")]
    assert np.isfinite(table["y_pred"]).all()
    # as many rows as there are true values: c ends 6 steps before the others' last, b ends 2 before
    n_rows = {"a": (4, 4, 4), "b": (4, 4, 2), "c": (4, 1, 0)}
    found = table.groupby(["shop", "cutoff"]).size().div(len(columns or [1]))
    for group, counts in n_rows.items():
        assert found[group].tolist() == [count for count in counts if count]
    long = y.reset_index()
    same = ridge(id_col="shop", time_col="month", target_col=columns or "sales").backtest(
        long, n_splits=3, horizon=4, stride=3, refit=refit
    )
    pd.testing.assert_frame_equal(same, table)


@pytest.mark.parametrize("refit", [True, False])
def test_backtest_of_a_panel_with_a_series_that_begins_later(refit):
    """A shop that opened after the first cutoff: forecast once it is known, and no error before."""
    parts = {"old": monthly(90, 0), "new": monthly(90, 1)[-26:]}
    y = pd.concat(parts, names=["shop", "month"])
    table = ridge(horizon=4, season_length=1, window=3).backtest(y, n_splits=3, horizon=4, stride=12, refit=refit)
    found = table.groupby("shop").size()
    assert found["old"] == 12
    assert np.isfinite(table["y_pred"]).all()
    # 28, 16 and 4 steps before the end: at the first the new one has no rows, later it has 10 and 22
    assert found["new"] == 8


def test_backtest_of_an_array():
    y = monthly(90).to_numpy()
    table = ridge().backtest(y, n_splits=2)
    assert table["cutoff"].unique().tolist() == [81, 85]
    np.testing.assert_array_equal(table["y_true"], y[82:])


def test_backtest_with_exogenous_columns():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=90)})
    y = 2 * X["x"] + 7
    for refit in (True, False):
        table = exact(window=2, normalize=None, season_length=1).backtest(y, X, n_splits=3, horizon=8, refit=refit)
        np.testing.assert_allclose(table["y_pred"], table["y_true"], atol=1e-8)


# -- regressors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "regressor",
    [
        KNeighborsRegressor(3),
        GradientBoostingRegressor(n_estimators=3),
        SVR(),
        make_pipeline(StandardScaler(), Ridge()),
        make_pipeline(StandardScaler(), SVR()),
        GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=3),
        TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
        RNNRegressor(3, max_iter=1),
        make_pipeline(FunctionTransformer(), RNNRegressor(3, max_iter=1)),
        TransformedTargetRegressor(RNNRegressor(3, max_iter=1), transformer=StandardScaler()),
        GridSearchCV(RNNRegressor(3, max_iter=1), {"alpha": [0.1]}, cv=2),
        RNNRegressor(3, max_iter=1, loss="quantile"),
    ],
    ids=lambda regressor: type(regressor).__name__,
)
@pytest.mark.parametrize("horizon", [1, 3])
def test_any_regressor(regressor, horizon):
    y = monthly(60)
    X = pd.DataFrame({"x": np.arange(64) % 3.0}, index=pd.period_range("2010-01", periods=64, freq="M"))
    forecaster = ridge(regressor=regressor, horizon=horizon, random_state=0)
    # an inner search stops its networks early too, and says so
    with warnings.catch_warnings():
        if isinstance(regressor, GridSearchCV):
            warnings.filterwarnings("ignore", message=".*max_iter")
        forecast = forecaster.fit(y, X).predict(4, X)
        assert np.isfinite(forecast).all()
        assert abs(forecast.mean() - y.mean()) < 10
        pd.testing.assert_series_equal(clone(forecaster).fit(y, X).predict(4, X), forecast, check_exact=True)
        assert np.isfinite(clone(forecaster).fit(frame_of_two(60)).predict()).all(axis=None)


def test_a_recurrent_network_is_given_steps(recorded):
    y = frame_of_two(60)
    X = pd.DataFrame({"k": np.arange(60.0), "p": np.arange(60.0) ** 2}, index=y.index)
    options = {"regressor": Recorder(), "window": 6, "horizon": 4, "linear_path": False}
    ridge(**options).fit(y)  # 6 steps of 2 values
    ridge(**options, window_format="3d").fit(y)
    ridge(**options).fit(y, X)  # and of 2 columns, and 4 more steps of them
    ridge(**options, window_format="3d").fit(y, X)
    ridge(**options, past_only=["p"]).fit(y, X)
    ridge(**options, window_format="3d", past_only=["p"]).fit(y, X)
    ridge(**options, window_format="3d", past_only=["k", "p"]).fit(y, X)
    shapes = [inputs.shape[1:] for inputs, _ in recorded]
    # as 3-D the steps to come follow on the window, and a last column says which they are
    assert shapes == [(12,), (6, 2), (6 * 4 + 4 * 2,), (10, 5), (6 * 4 + 4,), (10, 5), (6, 4)]
    assert all(outputs.shape[1:] == (8,) for _, outputs in recorded)
    ahead = recorded[5][0]
    np.testing.assert_array_equal(ahead[:, :6, -1], 0)
    np.testing.assert_array_equal(ahead[:, 6:, -1], 1)
    np.testing.assert_array_equal(ahead[:, 6:, [0, 1, 3]], 0)  # no values of y, none of a column of the past
    steps = np.diff(ahead[:, :, 2], axis=1)  # the known one runs through from the window to what follows
    np.testing.assert_allclose(steps, steps[0, 0])


@pytest.mark.parametrize("window_format", ["2d", "3d"])
def test_either_form_of_windows_for_a_network(window_format):
    y = monthly(60)
    X = pd.DataFrame({"x": np.arange(64) % 3.0}, index=pd.period_range("2010-01", periods=64, freq="M"))
    forecaster = ridge(regressor=RNNRegressor(3, max_iter=1), window_format=window_format, random_state=0).fit(y, X)
    assert np.isfinite(forecaster.predict(X=X)).all()


class Wrapper(RegressorMixin, BaseEstimator):
    """A meta-estimator that is none of scikit-learn's."""

    def __init__(self, inner):
        self.inner = inner

    def fit(self, X, y):
        assert X.ndim == 3
        self.inner_ = clone(self.inner).fit(X, y)
        return self

    def predict(self, X):
        return self.inner_.predict(X)


def test_a_network_within_another_estimator_is_found():
    fitted = ridge(regressor=Wrapper(RNNRegressor(3, max_iter=1)), random_state=0).fit(monthly(60))
    assert fitted.regressors_[0].inner_.n_features_in_ == 1


def test_single_precision_stays(recorded):
    y = monthly(60)
    for window_format in ("2d", "3d"):
        ridge(regressor=Recorder(), window_format=window_format).fit(y.astype(np.float32))
    ridge(regressor=Recorder()).fit(y)
    ridge(regressor=Recorder()).fit(y.to_numpy().astype(np.float32))
    assert [(X.dtype, Y.dtype) for X, Y in recorded] == [
        (np.float32, np.float32),
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.float32, np.float32),
    ]
    np.testing.assert_allclose(ridge().fit(y.astype(np.float32)).predict(), ridge().fit(y).predict(), rtol=1e-4)


def test_members_differ_and_their_mean_is_the_forecast():
    y = monthly()
    options = {"regressor": RNNRegressor(3, max_iter=2), "linear_path": False, "random_state": 0}
    both = ridge(n_members=2, **options).fit(y)
    assert len(both.regressors_) == 2
    seeds = [member.random_state for member in both.regressors_]
    assert seeds[0] != seeds[1]
    alone = [
        ridge(**(options | {"regressor": RNNRegressor(3, max_iter=2, random_state=seed), "random_state": None})).fit(y)
        for seed in seeds
    ]
    forecasts = [forecaster.predict() for forecaster in alone]
    assert not np.allclose(*forecasts)
    np.testing.assert_allclose(both.predict(), np.mean(forecasts, axis=0), rtol=1e-6)


@idle
@unskilled
def test_random_states():
    y = monthly()
    forecasts = [small(random_state=seed).fit(y).predict() for seed in (0, 0, 1)]
    pd.testing.assert_series_equal(forecasts[0], forecasts[1], check_exact=True)
    assert (forecasts[0] != forecasts[2]).any()
    again = small(random_state=np.random.RandomState(0)).fit(y).predict()
    pd.testing.assert_series_equal(again, forecasts[0], check_exact=True)
    # None leaves the regressor's own as it is
    own = small(random_state=None).set_params(regressor__random_state=5)
    pd.testing.assert_series_equal(own.fit(y).predict(), clone(own).fit(y).predict(), check_exact=True)
    assert own.regressors_[0].random_state == 5
