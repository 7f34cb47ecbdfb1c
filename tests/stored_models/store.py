"""Store one small fitted model of every kind, with inputs and predictions: once for each release.

    python tests/stored_models/store.py

writes the set of the installed version to a folder of its own beside this file. `tests/test_stored_models.py` loads all
sets that there are and compares. A set is never written again: it is what users of that release have on their disks.
"""

import argparse
import pickle
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

import sklearn_rnn
from sklearn_rnn import (
    FrameToSequences,
    LagsToSequence,
    PatchSequence,
    RNNForecaster,
    RNNRegressor,
    RNNSequenceClassifier,
    RNNTextGenerator,
    SequenceImputer,
    SlidingWindow,
    TimestepTransformer,
)
from sklearn_rnn.core._cells import CELLS
from sklearn_rnn.core._pooling import POOLINGS
from sklearn_rnn.datasets import load_airline, make_shop_sales

HERE = Path(__file__).parent
TEXT = "the cat sat on the mat. " * 20


def make_inputs():
    """Arrays that models are fitted on and asked about."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 5, 2))
    padded = X.copy()
    padded[::3, 3:] = np.nan
    return {
        "X": X,
        "padded": padded,
        "table": X[:, :, 0],
        "Y": X[:, :, 1] + X[:, :, 0],
        "lengths": np.resize([5, 2, 4], 12),
    }


def series():
    """A panel of two monthly series, and one of them in a long frame."""
    airline = load_airline()
    panel = pd.concat({"a": airline[:60], "b": airline[20:70]}, names=["shop", "Date"]).rename("sales")
    long = panel.reset_index()
    return airline, panel, long.assign(Date=long["Date"].dt.to_timestamp())


def cases(data):
    """(name, function that makes a fitted model, {name of a result: function of the model}) for every kind of model."""
    X, padded, table, Y = data["X"], data["padded"], data["table"], data["Y"]
    ragged = [x[:length] for x, length in zip(X, data["lengths"])]
    y, labels = Y[:, -1], np.where(Y[:, -1] > 0, "up", "down")
    options = {"hidden_layer_sizes": 3, "max_iter": 2, "random_state": 0}

    def regressor(x, y, **more):
        return lambda: RNNRegressor(**{**options, **more}).fit(x, y)

    def classifier(x, y, **more):
        return lambda: RNNSequenceClassifier(**{**options, **more}).fit(x, y)

    def predict(x):
        return {"predict": lambda model: model.predict(x)}

    def proba(x):
        return {"predict_proba": lambda model: model.predict_proba(x), **predict(x)}

    def transform(x):
        return {"transform": lambda model: model.transform(x)}

    for cell in CELLS:
        yield f"regressor-{cell}-many-to-one", regressor(X, y, cell=cell), predict(X)
        yield f"classifier-{cell}-many-to-one", classifier(X, labels, cell=cell), proba(X)
        for mapping, x in (("many-to-many", padded), ("one-to-many", X[:, 0])):
            more = {"cell": cell, "mapping": mapping}
            yield f"regressor-{cell}-{mapping}", regressor(x, Y, **more), predict(x)
            yield f"classifier-{cell}-{mapping}", classifier(x, (Y > 0).astype(int), **more), proba(x)
    for pooling in POOLINGS:
        more = {"hidden_layer_sizes": (3, 2), "pooling": pooling, "bidirectional": True}
        yield f"classifier-{pooling}", classifier(ragged, np.arange(12) % 3, **more), proba(X)
    more = {"cell": "rnn", "activation": "relu", "loss": "quantile", "quantile": (0.1, 0.9)}
    yield "regressor-quantiles-float32", regressor(table.astype(np.float32), y, **more), predict(table)
    yield "classifier-multilabel", classifier(X, (Y > 0).astype(int)), proba(X)
    yield (
        "regressor-partial-fit",
        lambda: RNNRegressor(**options, dropout=0.2).partial_fit(X, y),
        {"predict": lambda model: model.partial_fit(X, y).predict(X)},
    )
    frame = pd.DataFrame(table, columns=list("abcde"))
    yield "regressor-names", regressor(frame, y), predict(frame)

    days = pd.DataFrame({"x": np.arange(20.0)}, index=pd.date_range("2020-01-01", periods=20))
    yield "sliding-window", lambda: SlidingWindow(4).fit(days[:15]), transform(days[15:])
    lags = pd.DataFrame(X[:, :3, 0], columns=["lag_1", "lag_2", "lag_3"])
    yield "lags", lambda: LagsToSequence().fit(lags), transform(lags)
    yield "patches", lambda: PatchSequence(2).fit(X), transform(X)
    yield "timestep", lambda: TimestepTransformer(StandardScaler()).fit(X), transform(X)
    holed = padded.copy()
    holed[1::3, 1:3, 0] = np.nan
    yield "imputer", lambda: SequenceImputer(add_gap=True).fit(holed), transform(holed)
    frames = series()[2]
    frames = frames.assign(quarter="Q" + frames["Date"].dt.quarter.astype(str))
    yield (
        "frames",
        lambda: FrameToSequences("shop", "Date", static="initial").fit(frames),
        {"transform": lambda model: np.concatenate(model.transform(frames))},
    )

    options = {"hidden_layer_sizes": 6, "max_iter": 2, "random_state": 0}
    yield (
        "text",
        lambda: RNNTextGenerator(embedding_size=4, bptt_steps=16, **options).fit(TEXT),
        {"predict_proba": lambda model: model.predict_proba(["the cat", "on "])},
    )
    words = {"analyzer": "word", "embedding_size": None, "bptt_steps": 8}
    yield (
        "text-words",
        lambda: RNNTextGenerator(**words, **options).partial_fit(TEXT),
        {"predict_proba": lambda model: model.partial_fit(TEXT).predict_proba(["the cat"])},
    )

    airline, panel, long = series()
    net = RNNRegressor(3, max_iter=2)

    def forecast(model):
        return np.asarray(model.predict(3).iloc[:, -1] if model.id_col else model.predict(3))

    results = {"predict": forecast, "interval": lambda model: model.predict_interval(3).iloc[:, -2:].to_numpy(float)}
    yield (
        "forecaster-series",
        lambda: RNNForecaster(net, horizon=3, target_transform="log", random_state=0).fit(airline[:60]),
        {**results, "update": lambda model: forecast(model.update(airline[60:64]))},
    )
    yield "forecaster-panel", lambda: RNNForecaster(Ridge(), horizon=3).fit(panel), results
    keys = {"id_col": "shop", "time_col": "Date"}
    yield "forecaster-long", lambda: RNNForecaster(net, horizon=3, random_state=0, **keys).fit(long), results

    sales = make_shop_sales(6, 90, random_state=0)
    ahead = sales["date"] > sales["date"].max() - pd.Timedelta(days=7)
    new = sales["shop"] == "shop_5"

    def forecast_of_new(model):
        return model.predict(X=sales[ahead])["sales"].to_numpy()[-7:]

    everything = {**keys, "time_col": "date", "target_col": "sales", "past_only": ["temperature"], "horizon": 7}
    yield (
        "forecaster-shops",
        lambda: RNNForecaster(net, random_state=0, season_length=[7, 30.4], **everything).fit(sales[~ahead & ~new]),
        {
            "predict": lambda model: model.predict(X=sales[ahead & ~new])["sales"].to_numpy(),
            "predict_new": lambda model: model.predict(X=sales[ahead & new], y=sales[~ahead & new])["sales"].to_numpy(),
            "update": lambda model: forecast_of_new(model.update(sales[~ahead & new])),
        },
    )

    airline_gaps = airline[:80].drop(airline.index[[20, 33, 50]])
    yield (
        "forecaster-gaps",
        lambda: RNNForecaster(net, horizon=3, random_state=0).fit(airline_gaps),
        {**results, "update": lambda model: forecast(model.update(airline[82:84]))},
    )


def main():
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    from skops import io

    warnings.simplefilter("ignore")
    folder = HERE / sklearn_rnn.__version__
    folder.mkdir()  # fails where there is one
    data, expected = make_inputs(), {}
    with (
        zipfile.ZipFile(folder / "pickle.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as pickles,
        zipfile.ZipFile(folder / "skops.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as skops,
    ):
        for name, fit, results in cases(data):
            model = fit()
            pickles.writestr(name, pickle.dumps(model, protocol=4))
            skops.writestr(name, io.dumps(model, compression=zipfile.ZIP_STORED))
            for key, result in results.items():
                copy = pickle.loads(pickle.dumps(model))
                expected[f"{name}/{key}"] = result(copy)
    inputs = {f"inputs/{name}": values for name, values in data.items()}
    np.savez_compressed(folder / "expected.npz", **inputs, **expected)


if __name__ == "__main__":
    main()
