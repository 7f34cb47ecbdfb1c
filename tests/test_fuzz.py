"""Hard inputs: every call works, with finite results of the right shape, or says in our words what is wrong.

The plain suite takes 200 cases in all; SKLEARN_RNN_FUZZ=2000 in the environment takes as many as it says. Which ones
is always the same.
"""

import string

import numpy as np
import pandas as pd
from fuzz_cases import (
    ABOUT_ALL,
    OF_CLASSIFIER,
    OF_REGRESSOR,
    cases,
    check_finite,
    dressed,
    outcome,
    parameters,
    sequences,
    values,
)
from hypothesis import given, strategies as st
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, StandardScaler

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

SMALL = {"hidden_layer_sizes": 3, "max_iter": 1, "random_state": 0}


def steps_of(plain):
    """(n, T) True where 3-D X has a step; for a list the lengths."""
    if isinstance(plain, np.ndarray) and plain.dtype != object:
        return np.ones(plain.shape, bool) if plain.ndim == 2 else ~np.isnan(plain).all(axis=2)
    return np.array([len(x) for x in plain])


def check_rows(out, X, plain, per_step, tail):
    """Is `out` finite, one row for each sequence, or for each step of it?"""
    n = len(plain)
    if not per_step:
        assert out.shape == (n, *tail)
        check_finite(out)
    elif out.dtype == object:
        assert len(out) == n
        for x, rows in zip(plain, out):
            assert rows.shape == (len(x), *tail)
            check_finite(rows)
    else:
        there = steps_of(plain)
        assert out.shape == (*there.shape, *tail)
        check_finite(out[there])


def targets(draw, plain, per_step, n_outputs, make):
    """y for sequences: of every step or of each."""
    shape = () if n_outputs is None else (n_outputs,)
    if not per_step:
        return make((len(plain), *shape))
    if isinstance(plain, np.ndarray) and plain.dtype != object:
        return make((*plain.shape[:2], *shape))
    return [make((len(x), *shape)) for x in plain]


@cases(65)
@given(st.data())
def test_regressor(data):
    draw = data.draw
    per_step = draw(st.integers(0, 3)) == 0
    hard = draw(st.sampled_from(["X", "y", "parameters", "weights", "all"]))
    X, plain = sequences(draw, hard=hard in ("X", "all"))
    try:
        plain = plain if isinstance(plain, np.ndarray) else [np.asarray(x, float) for x in plain]
        n_outputs = draw(st.sampled_from([None, None, 1, 2]))
        y = targets(draw, plain, per_step, n_outputs, lambda shape: values(draw, shape, usual=hard not in ("y", "all")))
    except (TypeError, ValueError):  # what is no sequence has no length either
        y, n_outputs = np.zeros(len(plain)), None
    if hard in ("y", "all") and isinstance(y, np.ndarray):
        y = dressed(draw, y)
    options = {**SMALL, "mapping": "many-to-many" if per_step else "many-to-one"}
    if hard in ("parameters", "all") or draw(st.booleans()):
        options |= parameters(draw, ABOUT_ALL | OF_REGRESSOR)
    weights = dressed(draw, np.abs(values(draw, len(plain)))) if hard in ("weights", "all") else None
    model = RNNRegressor(**options)
    fitted = outcome(lambda: model.fit(X, y, weights), X, y, weights)
    if hard in ("parameters", "all") and draw(st.integers(0, 3)) == 0 and hasattr(model, "partial_fit"):
        fitted = outcome(lambda: model.partial_fit(X, y, weights), X, y, weights) or fitted
    if fitted is None:
        assert not hasattr(model, "_theta")
        return
    check_finite(model._theta)
    predicted = outcome(lambda: model.predict(X), X)
    tail = () if n_outputs is None else (n_outputs,)
    if model._several_quantiles:
        tail = (*tail, np.size(model.quantile))
    if predicted is not None:
        n = len(X)
        assert len(predicted) == n
        if hard not in ("X", "y", "all"):
            check_rows(predicted, X, plain, per_step, tail)
        for rows in predicted if predicted.dtype == object else [predicted]:
            assert not np.isinf(rows).any()
        if not per_step:
            check_finite(predicted)
    score = outcome(lambda: model.score(X, y, weights), X, y, weights)
    assert score is None or score == score or len(X) < 2  # NaN only where R^2 has none
    states = outcome(lambda: model.hidden_states(X), X)
    for rows in () if states is None else states if states.dtype == object else [states]:
        assert not np.isinf(rows).any()


@cases(10)
@given(st.data())
def test_one_to_many(data):
    """A table, each row of which is fed at every step."""
    draw = data.draw
    n, n_steps, n_features = draw(st.integers(1, 7)), draw(st.integers(1, 5)), draw(st.integers(1, 3))
    classifies = draw(st.booleans())
    hard = draw(st.sampled_from(["X", "y", "parameters"]))
    X = values(draw, (n, n_features), usual=hard != "X")
    tail = draw(st.sampled_from([(), (), (2,)]))
    if classifies:
        y = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 3, (n, n_steps))
    else:
        y = values(draw, (n, n_steps, *tail), usual=hard != "y")
    X, y = dressed(draw, X) if hard == "X" else X, dressed(draw, y) if hard == "y" else y
    options = {**SMALL, **(parameters(draw, ABOUT_ALL) if hard == "parameters" else {}), "mapping": "one-to-many"}
    model = (RNNSequenceClassifier if classifies else RNNRegressor)(**options)
    if outcome(lambda: model.fit(X, y), X, y) is None:
        return
    check_finite(model._theta)
    out = outcome(lambda: (model.predict_proba if classifies else model.predict)(X), X)
    if out is not None and hard == "parameters":
        assert out.shape == ((n, n_steps, len(model.classes_)) if classifies else (n, n_steps, *tail))
        check_finite(out)
    new = dressed(draw, values(draw, (2, n_features)))
    out = outcome(lambda: model.predict(new), new)
    assert out is None or len(out) == len(new)


LABELS = {
    "integers": lambda y: y,
    "booleans": lambda y: y > 0,
    "text": lambda y: np.array(["a", "b", "c"])[y],
    "objects": lambda y: np.array(["a", "b", "c"], object)[y],
    "uint8": lambda y: y.astype(np.uint8),
    "floats": lambda y: y.astype(float),
    "halves": lambda y: y / 2,
    "large integers": lambda y: y * 2**60,
    "negative": lambda y: -y.astype(np.int8),
    "category": lambda y: pd.Series(y).astype("category") if y.ndim == 1 else y,
    "Arrow text": lambda y: pd.Series(y.astype(str)).astype("string[pyarrow]") if y.ndim == 1 else y,
    "Int64": lambda y: pd.Series(y).astype("Int64") if y.ndim == 1 else y,
    "boolean": lambda y: pd.Series(y > 0).astype("boolean") if y.ndim == 1 else y,
    "dates": lambda y: np.datetime64("2020-01-01") + y.astype("m8[D]"),
    "mixed": lambda y: np.where(y > 0, y.astype(object), "a"),
    "missing": lambda y: np.where(y > 0, y.astype(object), None),
    "indicator": lambda y: np.eye(3, dtype=int)[y],
    "one class": lambda y: y * 0,
    "list": lambda y: y.tolist(),
}


@cases(40)
@given(st.data())
def test_classifier(data):
    draw = data.draw
    per_step = draw(st.integers(0, 4)) == 0
    hard = draw(st.booleans())
    X, plain = sequences(draw, hard=hard)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    label = LABELS[draw(st.sampled_from(sorted(LABELS)))]
    try:
        y = targets(draw, plain, per_step, None, lambda shape: label(rng.integers(0, 3, shape)))
    except (TypeError, ValueError):
        y = np.zeros(len(plain), int)
    if getattr(y, "dtype", np.dtype(object)) in (float, int) and draw(st.integers(0, 1)) == 0:
        y = dressed(draw, np.asarray(y))
    options = {**SMALL, "mapping": "many-to-many" if per_step else "many-to-one"}
    options |= parameters(draw, ABOUT_ALL | OF_CLASSIFIER, most=4)
    model = RNNSequenceClassifier(**options)
    if outcome(lambda: model.fit(X, y), X, y) is None:
        return
    check_finite(model._theta)
    predicted = outcome(lambda: model.predict(X), X)
    assert predicted is None or len(predicted) == len(X)
    probabilities = outcome(lambda: model.predict_proba(X), X)
    if probabilities is None:
        return
    assert predicted is not None
    logs = model.predict_log_proba(X)
    if not per_step and not isinstance(probabilities, list):
        assert probabilities.shape == logs.shape == (len(X), len(model.classes_))
        check_finite(probabilities)
        if np.ndim(y) == 1:
            np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
            assert np.isin(predicted, model.classes_).all()


@cases(15)
@given(st.data())
def test_new_data(data):
    """A fitted model, and X that is like what it was fitted on, or not."""
    draw = data.draw
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6, 4, 2) if draw(st.booleans()) else (6, 4)).astype(draw(st.sampled_from(["f4", "f8"])))
    model = RNNRegressor(**SMALL, **parameters(draw, {name: ABOUT_ALL[name] for name in ("cell", "pooling")}))
    if outcome(lambda: model.fit(X, rng.normal(size=6))) is None:
        return
    new, _ = sequences(draw, form=draw(st.sampled_from(["2d", "2d", "3d", "padded", "ragged"])), shape=X.shape[1:])
    for method in (model.predict, model.hidden_states):
        out = outcome(lambda method=method: method(new), new)
        assert out is None or len(out) == len(new)
    if hasattr(model, "stream") and not model.bidirectional_ and model.patch_size_ == 1:
        x_t = dressed(draw, values(draw, (1, X.shape[2] if X.ndim == 3 else 1)))
        stream = model.stream()
        out = outcome(lambda: stream.step(x_t), x_t)
        assert out is None or np.isfinite(out).all()


TRANSFORMERS = {
    SlidingWindow: {
        "window": [1, 3, 24, 10**6, np.int64(2)],
        "dilation": [1, 2, 5],
        "context": ["auto", "fit", "none"],
        "pad": ["nan", "edge", "zero"],
    },
    LagsToSequence: {
        "order": ["auto", "oldest-first", "newest-first"],
        "n_channels": [1, 2, 3],
        "layout": ["time-major", "channel-major", "channels-first"],
        "static": [None, 1, ["c0"], ["nowhere"]],
    },
    PatchSequence: {"size": [1, 2, 5, 100]},
    SequenceImputer: {
        "strategy": ["carry", "mean", "interpolate", "zero"],
        "add_indicator": [True, False],
        "add_gap": [True, False],
    },
    TimestepTransformer: {"transformer": [StandardScaler(), MinMaxScaler(), QuantileTransformer(n_quantiles=2)]},
}


@cases(32)
@given(st.data())
def test_transformers(data):
    draw = data.draw
    kind = draw(st.sampled_from(list(TRANSFORMERS)))
    options = parameters(draw, TRANSFORMERS[kind])
    if kind is TimestepTransformer:
        options.setdefault("transformer", StandardScaler())
    transformer = kind(**options)
    X, _ = sequences(draw)
    if kind is SequenceImputer and isinstance(X, np.ndarray) and X.dtype == float and X.size and draw(st.booleans()):
        X = np.where(np.random.default_rng(1).random(X.shape) < 0.3, np.nan, X)
    of_others = kind is TimestepTransformer
    if outcome(lambda: transformer.fit(X), X, of_others=of_others) is None:
        return
    out = outcome(lambda: transformer.transform(X), X, of_others=of_others)
    both = outcome(lambda: kind(**options).fit_transform(X), X, of_others=of_others)
    assert (out is None) == (both is None)
    if out is None:
        return
    assert len(out) == len(X)
    for rows in out if isinstance(out, list) or out.dtype == object else [out]:
        rows = np.asarray(rows, float)
        assert of_others or not np.isinf(rows).any()
        if kind is SequenceImputer and isinstance(out, list):
            assert not np.isnan(rows).any()
    if draw(st.booleans()):
        other, _ = sequences(draw)
        out = outcome(lambda: transformer.transform(other), other, of_others=of_others)
        assert out is None or len(out) == len(other)


COLUMNS = {
    "numbers": lambda rng, n: rng.normal(size=n),
    "huge": lambda rng, n: rng.normal(size=n) * 1e300,
    "integers": lambda rng, n: rng.integers(0, 3, n),
    "text": lambda rng, n: rng.choice(["a", "b"], n),
    "category": lambda rng, n: pd.Categorical(rng.choice(["a", "b"], n)),
    "booleans": lambda rng, n: rng.random(n) > 0.5,
    "boolean": lambda rng, n: pd.array(rng.random(n) > 0.5, dtype="boolean"),
    "Int64": lambda rng, n: pd.array(rng.integers(0, 3, n), dtype="Int64"),
    "missing": lambda rng, n: pd.array([pd.NA] * n, dtype="Int64"),
    "Arrow": lambda rng, n: pd.array(rng.normal(size=n), dtype="double[pyarrow]"),
    "Arrow text": lambda rng, n: pd.array(rng.choice(["a", "b"], n), dtype="string[pyarrow]"),
    "dates": lambda rng, n: pd.date_range("2020", periods=n),
    "zoned dates": lambda rng, n: pd.date_range("2020", periods=n, tz="Europe/Zurich"),
    "periods": lambda rng, n: pd.period_range("2020", periods=n, freq="D"),
    "durations": lambda rng, n: pd.to_timedelta(np.arange(n), unit="h"),
    "intervals": lambda rng, n: pd.IntervalIndex.from_breaks(np.arange(n + 1)),
    "objects": lambda rng, n: np.array([{"a": 1}] * n + [None], object)[:n],
    "lists": lambda rng, n: pd.Series([[1.0, 2.0]] * n),
    "mixed": lambda rng, n: np.array([1, "a", None, 2.5] * n, object)[:n],
    "complex": lambda rng, n: rng.normal(size=n) + 1j,
    "float16": lambda rng, n: rng.normal(size=n).astype(np.float16),
    "NaN": lambda rng, n: np.full(n, np.nan),
    "infinite": lambda rng, n: np.full(n, np.inf),
}


def frame(draw, n=None):
    """A long frame: an id, a time, and up to three columns of any kind."""
    n = draw(st.sampled_from([0, 1, 5, 12])) if n is None else n
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    columns = {
        name: COLUMNS[draw(st.sampled_from(sorted(COLUMNS)))](rng, n) for name in "abc"[: draw(st.integers(0, 3))]
    }
    usual = draw(st.integers(0, 2)) > 0
    ids = COLUMNS[draw(st.sampled_from(["integers", "text"] if usual else sorted(COLUMNS)))](rng, n)
    times = COLUMNS[draw(st.sampled_from(["dates", "durations"] if usual else sorted(COLUMNS)))](rng, n)
    return pd.DataFrame({"id": ids, "time": times, **columns})


def is_float(table, name):
    return isinstance(table[name].dtype, np.dtype) and table[name].dtype.kind == "f"


@cases(10)
@given(st.data())
def test_frames(data):
    draw = data.draw
    table = frame(draw)
    options = {
        "time_col": [None, "time", "nowhere"],
        "columns": [None, ["a"], ["b", "a"], [], ["nowhere"]],
        "categories": ["onehot", "ordinal"],
        "static": ["repeat", "initial"],
        "static_columns": [None, ["a"], ["nowhere"]],
    }
    transformer = FrameToSequences(draw(st.sampled_from(["id", "id", "id", "nowhere"])), **parameters(draw, options))
    out = outcome(lambda: transformer.fit_transform(table), table)
    if out is None:
        return
    assert sum(len(x) for x in out) == len(table)
    for x in out:
        assert x.ndim == 2
        assert not np.isinf(x).any() or any(np.isinf(table[name]).any() for name in table if is_float(table, name))
    other = frame(draw)
    outcome(lambda: transformer.transform(other), other)


OF_FORECASTER = {
    "window": ["auto", 1, 3, 1000],
    "horizon": [1, 2, 5],
    "strategy": ["direct", "recursive"],
    "normalize": ["auto", "smoothing", "last", "mean", None],
    "target_transform": ["auto", "log", None, StandardScaler()],
    "season_length": ["auto", 1, 4, 100, [4, 6]],
    "difference": [None, 1, "season"],
    "seasonal_features": [0, 1, 3],
    "linear_path": [True, False, "auto"],
    "combine": [True, False, "auto"],
    "nonnegative": [True, False],
    "n_members": [1, 2],
    "window_format": ["auto", "3d", "2d"],
    "calibration_fraction": [0.0, 0.2, 0.9],
}
INDEXES = {
    "days": lambda n: pd.date_range("2020-01-01", periods=n),
    "months": lambda n: pd.date_range("2020-01-01", periods=n, freq="MS"),
    "periods": lambda n: pd.period_range("2020-01", periods=n, freq="M"),
    "numbers": lambda n: pd.RangeIndex(n),
    "every third": lambda n: pd.RangeIndex(5, 5 + 3 * n, 3),
    "zoned": lambda n: pd.date_range("2020-03-25", periods=n, freq="h", tz="Europe/Zurich"),
    "text": lambda n: pd.Index([f"r{i}" for i in range(n)]),
    "floats": lambda n: pd.Index(np.arange(n) / 2),
    "twice": lambda n: pd.DatetimeIndex(["2020-01-01"] * n),
    "backwards": lambda n: pd.date_range("2020-01-01", periods=n)[::-1],
    "uneven": lambda n: pd.DatetimeIndex(pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(n) ** 2, unit="s")),
    "gaps": lambda n: pd.date_range("2020-01-01", periods=2 * n)[np.r_[: n // 2, n - n // 2 : n]] if n > 3 else None,
}


@cases(8)
@given(st.data())
def test_forecaster(data):
    draw = data.draw
    n = draw(st.sampled_from([60, 30, 24, 12, 5, 2, 1, 0]))
    y = values(draw, (n, 2) if draw(st.integers(0, 4)) == 0 else n, usual=draw(st.booleans()))
    form = draw(st.sampled_from(["series", "series", "series", "array", "dressed"]))
    if form == "dressed":
        y = dressed(draw, y)
    elif form == "series":
        index = INDEXES[draw(st.sampled_from(["days", "months", "periods", "numbers", *sorted(INDEXES)]))](n)
        index = None if index is None or len(index) != n else index
        y = (pd.Series if y.ndim == 1 else pd.DataFrame)(y, index=index)
        if n > 4 and draw(st.integers(0, 3)) == 0:
            y.iloc[draw(st.integers(0, n - 1))] = np.nan
    options = parameters(draw, OF_FORECASTER, most=4)
    regressor = RNNRegressor(**SMALL, batch_size=64)
    forecaster = RNNForecaster(regressor, **{"random_state": 0, **options})
    if outcome(lambda: forecaster.fit(y), y) is None:
        return
    for ask in (forecaster.predict, forecaster.predict_interval):
        forecast = outcome(lambda ask=ask: ask(draw(st.sampled_from([1, 4]))), y)
        if forecast is not None:
            check_finite(forecast)


ALSO_ASKED = {"window": [3, 5, 8], "horizon": [1, 2, 3], "strategy": ["direct", "recursive"], "n_members": [1, 2]}


@cases(8)
@given(st.data())
def test_forecaster_with_columns(data):
    """A sound series and columns of any kind beside it, which are known of the future or not."""
    draw = data.draw
    n, n_ahead = 40, 3
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    index = INDEXES[draw(st.sampled_from(["days", "months", "periods", "numbers", "zoned"]))](n + n_ahead)
    usual = ["numbers", "integers", "booleans", "boolean", "category", "text", "float16"]
    kinds = [
        draw(st.sampled_from(usual if draw(st.integers(0, 4)) else sorted(COLUMNS)))
        for _ in range(draw(st.integers(1, 3)))
    ]
    with np.errstate(all="ignore"):
        table = pd.DataFrame(
            {f"x{k}": pd.Series(COLUMNS[kind](rng, n + n_ahead)) for k, kind in enumerate(kinds)}
        ).set_axis(index)
    y = pd.Series(np.sin(np.arange(n) / 3) + rng.normal(size=n) / 9, index=index[:n])
    past_only = draw(st.sampled_from([None, None, ["x0"], ["nowhere"]]))
    known, ahead = table.iloc[:n], table.iloc[n:]
    wrong = draw(st.integers(0, 5))
    if wrong == 0:
        known = draw(st.sampled_from([known.iloc[::-1], known.iloc[:-3], known.iloc[5:], known.to_numpy()]))
    elif wrong == 1:
        ahead = draw(st.sampled_from([ahead.iloc[:1], ahead.iloc[:, ::-1], ahead.iloc[:, :0], ahead.to_numpy(), None]))
    forecaster = RNNForecaster(
        RNNRegressor(**SMALL, batch_size=64),
        **{"random_state": 0, "past_only": past_only, "window": 5, **parameters(draw, ALSO_ASKED, most=3)},
    )
    if outcome(lambda: forecaster.fit(y, known), y, known) is None:
        return
    if past_only is not None and isinstance(ahead, pd.DataFrame):
        ahead = ahead.drop(columns=past_only, errors="ignore")
        ahead = ahead if ahead.shape[1] else None
    out = outcome(lambda: forecaster.predict(n_ahead, ahead), y, ahead)
    if out is not None:
        assert len(out) == n_ahead
        check_finite(out)
        if isinstance(out, pd.Series):
            assert out.index.equals(index[n:])


ALPHABETS = ["ab", string.ascii_letters, "\x00\n\t ", "äöü\u0301", "😀👩\u200d👩\u200d👧", "\ud800", "\ufffd", ""]


@cases(12)
@given(st.data())
def test_text(data):
    draw = data.draw
    alphabet = draw(st.sampled_from(ALPHABETS))
    text = draw(st.text(alphabet, max_size=60)) if alphabet else draw(st.text(max_size=30))
    others = [[text, text], (text,), np.array([text, "b"]), pd.Series([text, text], dtype=object), None, 3]
    text = draw(st.sampled_from([text + "ab", text * 9 + "ab", "ab" * 30, *others]))
    options = {
        "analyzer": ["char", "char", "word", list, str.split, len],
        "vocabulary": [None, None, list("abé"), {"a", "b"}, {"a": 0, "b": 5}, [], [1, 2], "ab"],
        "handle_unknown": ["error", "ignore"],
        "embedding_size": [None, 1, 4],
        "bptt_steps": [1, 8, 1000],
        "batch_size": [1, 3, 64],
        "averaging": [True, False],
        **{name: ABOUT_ALL[name] for name in ("cell", "dropout", "init", "init_scale", "learning_rate_init", "alpha")},
        **{name: ABOUT_ALL[name] for name in ("early_stopping", "validation_fraction", "clip_norm", "clip_value")},
    }
    model = RNNTextGenerator(**{**SMALL, **parameters(draw, options)})
    given_text = dressed(draw, np.ones(3)) if draw(st.integers(0, 7)) == 0 else text
    if outcome(lambda: model.fit(given_text), given_text) is None:
        return
    check_finite(model._theta)
    score = outcome(lambda: model.score(given_text), given_text)
    assert score is None or score <= 0
    prompts = draw(st.sampled_from([[""], ["a"], [], ["ab", "b"], "a", None, [3], [None]]))
    probabilities = outcome(lambda: model.predict_proba(prompts), prompts)
    if probabilities is not None:
        assert probabilities.shape == (len(prompts), len(model.vocabulary_))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    how = {
        "n_tokens": draw(st.sampled_from([1, 5, 0, -1, 2.5, None])),
        "temperature": draw(st.sampled_from([0, 1.0, 1e-300, 1e300, -1, np.nan])),
        "top_k": draw(st.sampled_from([None, 1, 100, 0])),
        "top_p": draw(st.sampled_from([None, 0.5, 1.0, 1e-300, 2])),
    }
    written = outcome(lambda: model.generate(**how, random_state=0))
    assert written is None or isinstance(written, str)
