"""polars, Dask, blocks of a parquet file; collected only when named, as drop_in_forecasters.py is."""

import numpy as np
import pandas as pd
import polars
import pyarrow as arrow
import pytest
from page_blocks import run_blocks
from pyarrow import parquet
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from sklearn_rnn import FrameToSequences, LagsToSequence, RNNForecaster, RNNRegressor, make_windows

SMALL = {"hidden_layer_sizes": 4, "max_iter": 4, "learning_rate_init": 0.02, "random_state": 0}
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
rng = np.random.default_rng(0)
SERIES = rng.normal(size=200).cumsum() / 10
X, Y = make_windows(SERIES, 6)
LAGS = pd.DataFrame(X[:, ::-1, 0], columns=[f"lag_{k}" for k in range(1, 7)])


# ---- polars ---------------------------------------------------------------------------------------------------------


@quiet
def test_polars_lags_by_name():
    model = make_pipeline(LagsToSequence(), RNNRegressor(**SMALL))
    expected = clone(model).fit(LAGS, Y).predict(LAGS)
    frame = polars.from_pandas(LAGS)
    found = clone(model).fit(frame, polars.Series(Y))
    assert found[0].feature_names_in_.tolist() == list(LAGS)
    np.testing.assert_array_equal(found.predict(frame), expected)
    other_order = frame.select(frame.columns[::-1])
    np.testing.assert_array_equal(clone(model).fit(other_order, Y).predict(other_order), expected)
    with pytest.raises(ValueError, match="same order"):
        found.predict(other_order)


@quiet
def test_polars_table_of_steps():
    steps = LAGS[LAGS.columns[::-1]]
    model, same = RNNRegressor(**SMALL).fit(polars.from_pandas(steps), Y), RNNRegressor(**SMALL).fit(steps, Y)
    np.testing.assert_array_equal(model.predict(polars.from_pandas(steps)), same.predict(steps))
    assert model.feature_names_in_.tolist() == list(steps)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(polars.from_pandas(steps.rename(columns={"lag_6": "lag_7"})))


@quiet
def test_polars_list_of_frames_by_name():
    sequences = [polars.DataFrame({"wind": x[:, 0], "rain": -x[:, 0]}) for x in X]
    turned = [x.select("rain", "wind") for x in sequences]
    model = RNNRegressor(**SMALL).fit(sequences, Y)
    assert model.feature_names_in_.tolist() == ["wind", "rain"]
    np.testing.assert_array_equal(model.predict(turned), model.predict(sequences))


@quiet
def test_polars_where_pandas_is_needed():
    """They say what to do, and that is enough."""
    long = pd.DataFrame({"id": np.repeat(["a", "b"], 50), "hour": np.tile(np.arange(50), 2), "y": SERIES[:100]})
    frame = polars.from_pandas(long)
    with pytest.raises(TypeError, match=r"got polars\.DataFrame\. Convert it: df\.to_pandas\(\)"):
        FrameToSequences("id", "hour").fit(frame)
    expected = FrameToSequences("id", "hour").fit_transform(long)
    for found, of_pandas in zip(FrameToSequences("id", "hour").fit_transform(frame.to_pandas()), expected, strict=True):
        np.testing.assert_array_equal(found, of_pandas)
    for options in ({}, {"id_col": "id", "time_col": "hour"}):
        with pytest.raises(TypeError, match=r"got polars\.DataFrame\. Convert it: y\.to_pandas\(\)"):
            RNNForecaster(**options).fit(frame)
    forecaster = RNNForecaster(
        RNNRegressor(**SMALL), window=6, id_col="id", time_col="hour", combine=False, calibration_fraction=0
    )
    found = clone(forecaster).fit(frame.to_pandas()).predict(3)
    pd.testing.assert_frame_equal(found, clone(forecaster).fit(long).predict(3))


# ---- Dask -----------------------------------------------------------------------------------------------------------


@quiet
def test_dask_as_on_the_page():
    """A search over two worker processes finds what it finds here; so do forecasts of blocks."""
    page = run_blocks("Dask")
    here = clone(page["search"]).fit(page["X"], page["y"])
    assert page["search"].best_params_ == here.best_params_
    for key in here.cv_results_:
        if key.endswith("test_score") and key != "rank_test_score":
            np.testing.assert_array_equal(page["search"].cv_results_[key], here.cv_results_[key])
    np.testing.assert_array_equal(page["best"].predict(page["X"]), here.predict(page["X"]))
    # the last bit depends on how many rows a block has
    np.testing.assert_allclose(page["forecasts"], here.predict(page["X"]), rtol=1e-12)


# ---- larger than memory ---------------------------------------------------------------------------------------------


@quiet
def test_blocks_of_a_parquet_file(tmp_path):
    """partial_fit over record batches is partial_fit over slices of the table in memory."""
    order = list(LAGS.columns[::-1])
    table = arrow.Table.from_pandas(LAGS.assign(target=Y), preserve_index=False)
    parquet.write_table(table, tmp_path / "lags.parquet", row_group_size=64)
    model, by_hand = RNNRegressor(**SMALL), RNNRegressor(**SMALL)
    steps = X[:, :, 0]
    for _ in range(2):
        for block in parquet.ParquetFile(tmp_path / "lags.parquet").iter_batches(batch_size=64):
            model.partial_fit(np.column_stack([block[name] for name in order]), block["target"].to_numpy())
        for start in range(0, len(X), 64):
            by_hand.partial_fit(steps[start : start + 64], Y[start : start + 64])
    np.testing.assert_array_equal(model.predict(steps), by_hand.predict(steps))
    assert model.n_iter_ == 8


@quiet
def test_a_memory_mapped_file(tmp_path):
    np.save(tmp_path / "series.npy", SERIES)
    mapped = np.load(tmp_path / "series.npy", mmap_mode="r")
    windows, y = make_windows(mapped, 6)
    assert np.shares_memory(windows, mapped)
    np.testing.assert_array_equal(
        RNNRegressor(**SMALL).fit(windows, y).predict(X), RNNRegressor(**SMALL).fit(X, Y).predict(X)
    )
