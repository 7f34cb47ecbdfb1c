"""FrameToSequences against a loop over rows; types of columns, new frames, static columns, and what is refused."""

import datetime
import pickle
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import (
    FrameToSequences,
    RNNSequenceClassifier,
    SequenceImputer,
    TimestepTransformer,
    frame_to_sequences,
)

nan = np.nan
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def long_frame():
    return pd.DataFrame(
        {
            "id": ["b", "a", "b", "c", "a", "b"],
            "t": [3, 1, 1, 5, 2, 2],
            "price": [3.0, 10.0, nan, 100.0, 20.0, 2.0],
            "shop": ["web", "city", None, "web", "web", "city"],
            "open": [True, False, True, True, False, False],
            "region": ["north", "south", "north", "north", "south", "north"],
            "size": [7, 5, 7, 6, 5, 7],
        }
    )


def assert_same(found, expected):
    assert isinstance(found, list)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


# -- against a loop over rows -----------------------------------------------------------------------------------------


@st.composite
def rows_of_frames(draw):
    keys = draw(st.lists(st.tuples(st.sampled_from("pqr"), st.integers(0, 9)), min_size=1, max_size=15, unique=True))
    number = st.one_of(st.none(), st.floats(-9, 9, width=32))
    return [
        {
            "id": id_,
            "t": t,
            "number": draw(number),
            "text": draw(st.sampled_from(["x", "y", "z", None])),
            "declared": draw(st.sampled_from(["small", "large", None])),
            "truth": draw(st.booleans()),
        }
        for id_, t in keys
    ]


def as_frame(rows, declared=("small", "medium", "large")):
    frame = pd.DataFrame(rows)
    frame["number"] = frame["number"].astype(float)
    return frame.astype({"declared": pd.CategoricalDtype(declared), "text": object})


def by_a_loop(rows, texts, declared, ordinal):
    """Sequences, row by row, and their ids."""
    ids = []
    for row in rows:
        if row["id"] not in ids:
            ids.append(row["id"])
    sequences = []
    for id_ in ids:
        steps = []
        for row in sorted((row for row in rows if row["id"] == id_), key=lambda row: row["t"]):
            step = [nan if row["number"] is None else row["number"]]
            for value, categories in ((row["text"], texts), (row["declared"], declared)):
                if not categories:  # a column of nothing
                    step.append(nan)
                elif ordinal:
                    step.append(categories.index(value) if value in categories else -1)
                else:
                    step += [float(value == category) for category in categories]
            steps.append([*step, float(row["truth"])])
        sequences.append(np.array(steps))
    return sequences, ids


@pytest.mark.filterwarnings("ignore:This frame has categories:UserWarning")
@given(rows_of_frames(), rows_of_frames(), st.booleans())
@settings(max_examples=80, deadline=None)
def test_frames_are_encoded_as_row_by_row(rows, new_rows, ordinal):
    texts = sorted({row["text"] for row in rows if row["text"] is not None})
    declared = ["small", "medium", "large"]
    frames = FrameToSequences("id", "t", categories="ordinal" if ordinal else "onehot").fit(as_frame(rows))
    expected, ids = by_a_loop(rows, texts, declared, ordinal)
    assert_same(frames.transform(as_frame(rows)), expected)
    assert frames.ids(as_frame(rows)).tolist() == ids
    assert len(frames.get_feature_names_out()) == expected[0].shape[1]
    if texts:  # a column of nothing was taken for numbers
        new, _ = by_a_loop(new_rows, texts, declared, ordinal)
        assert_same(frames.transform(as_frame(new_rows, ["large", "small"])), new)


def test_numbers_come_out_as_from_the_function():
    df = long_frame()[["id", "t", "price", "open", "size"]]
    for time_col in ("t", None):
        columns = ["size", "price", "open"]
        sequences, ids = frame_to_sequences(df, "id", time_col, columns)
        frames = FrameToSequences("id", time_col, columns=columns)
        assert_same(frames.fit_transform(df), sequences)
        assert frames.ids(df).tolist() == ids.tolist() == ["b", "a", "c"]
        assert frames.get_feature_names_out().tolist() == columns


# -- types of columns -------------------------------------------------------------------------------------------------

NUMBERS = {
    "bool": lambda: pd.Series([True, False]),
    "boolean": lambda: pd.Series([True, None], dtype="boolean"),
    "bool objects": lambda: pd.Series([True, None], dtype=object),
    "Int64": lambda: pd.Series([1, None], dtype="Int64"),
    "Float32": lambda: pd.Series([1.0, None], dtype="Float32"),
    "uint8": lambda: pd.Series([1, 0], dtype="uint8"),
    "float16": lambda: pd.Series([1.0, nan], dtype="float16"),
    "objects": lambda: pd.Series([1, None], dtype=object),
    "Decimal": lambda: pd.Series([Decimal("1"), None], dtype=object),
    "mixed numbers": lambda: pd.Series([Decimal("1"), 0.0], dtype=object),
    "sparse": lambda: pd.Series(pd.arrays.SparseArray([1.0, 0.0])),
    "int64[pyarrow]": lambda: arrow([1, None], "int64"),
    "float[pyarrow]": lambda: arrow([1.0, None], "float32"),
    "bool[pyarrow]": lambda: arrow([True, None], "bool_"),
    "decimal[pyarrow]": lambda: arrow([Decimal("1"), None], "decimal128", 5, 2),
    "nothing": lambda: pd.Series([None, None], dtype=object),
    "text of nothing": lambda: pd.Series([None, None], dtype="string"),
    "categories of nothing": lambda: pd.Series([None, None], dtype="category"),
    "times of nothing": lambda: pd.Series(pd.DatetimeIndex([None, None])),
}
CATEGORIES = {
    "str": lambda: pd.Series(["a", None]),
    "objects": lambda: pd.Series(["a", None], dtype=object),
    "string": lambda: pd.Series(["a", None], dtype="string"),
    "string[pyarrow]": lambda: arrow(["a", None], "string"),
    "large_string[pyarrow]": lambda: arrow(["a", None], "large_string"),
    "dictionary[pyarrow]": lambda: arrow(["a", None], "dictionary", *_types("int32", "string")),
    "category": lambda: pd.Series(["a", None], dtype="category"),
    "category of strings": lambda: pd.Series(["a", None], dtype=pd.CategoricalDtype(pd.Index(["a"], dtype="string"))),
    "numpy strings": lambda: pd.Series([np.str_("a"), None], dtype=object),
}


def _types(*names):
    pa = pytest.importorskip("pyarrow")
    return [getattr(pa, name)() for name in names]


def arrow(values, name, *arguments):
    pa = pytest.importorskip("pyarrow")
    return pd.Series(values, dtype=pd.ArrowDtype(getattr(pa, name)(*arguments)))


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_of_every_type(kind):
    column = NUMBERS[kind]()
    expected = [nan if pd.isna(value) else float(value) for value in column]
    df = pd.DataFrame({"id": [0, 0], "x": column, "y": [1.0, 2.0]})
    for sequences in (frame_to_sequences(df, "id")[0], FrameToSequences("id").fit_transform(df)):
        np.testing.assert_array_equal(sequences[0], np.c_[expected, [1, 2]])
        assert sequences[0].dtype == np.float64


@pytest.mark.parametrize("kind", CATEGORIES)
def test_categories_of_every_type(kind):
    df = pd.DataFrame({"id": [0, 0], "x": CATEGORIES[kind]()})
    frames = FrameToSequences("id").fit(df)
    assert_same(frames.transform(df), [[[1], [0]]])
    assert frames.get_feature_names_out().tolist() == ["x_a"]
    # whatever type a later frame has them in
    for other in CATEGORIES.values():
        assert_same(frames.transform(df.assign(x=other())), [[[1], [0]]])
    assert_same(frames.transform(df.assign(x=None)), [[[0], [0]]])
    assert_same(frames.transform(df.assign(x=nan)), [[[0], [0]]])
    declared = df.assign(x=pd.Categorical([None, None], ["a"]))  # but not there
    assert_same(FrameToSequences("id").fit(declared).transform(df), [[[1], [0]]])
    assert_same(FrameToSequences("id").fit(df.assign(x=1)).transform(declared), [[[nan], [nan]]])
    with pytest.raises(ValueError, match=r"'x' holds no numbers: .*'a'\. Use FrameToSequences"):
        frame_to_sequences(df, "id")


def test_declared_categories_keep_their_order_and_place():
    df = pd.DataFrame({"id": [0] * 3, "x": pd.Categorical(["L", "S", None], ["S", "M", "L"], ordered=True)})
    frames = FrameToSequences("id").fit(df)
    assert frames.get_feature_names_out().tolist() == ["x_S", "x_M", "x_L"]
    assert_same(frames.transform(df), [[[0, 0, 1], [1, 0, 0], [0, 0, 0]]])
    ordinal = FrameToSequences("id", categories="ordinal").fit(df)
    assert_same(ordinal.transform(df), [[[2], [0], [-1]]])
    assert ordinal.get_feature_names_out().tolist() == ["x"]
    numbers = df.assign(x=pd.Categorical([3, 1, 2], [3, 1, 2]))
    frames = FrameToSequences("id").fit(numbers)
    assert frames.get_feature_names_out().tolist() == ["x_3", "x_1", "x_2"]
    assert_same(frames.transform(numbers.assign(x=[1.0, nan, 3.0])), [[[0, 1, 0], [0, 0, 0], [1, 0, 0]]])
    bins = df.assign(x=pd.cut(pd.Series([1.0, 5.0, nan]), [0, 2, 6]))
    frames = FrameToSequences("id").fit(bins)
    assert frames.get_feature_names_out().tolist() == ["x_(0, 2]", "x_(2, 6]"]
    assert_same(frames.transform(bins), [[[1, 0], [0, 1], [0, 0]]])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.to_datetime(["2020-01-01", "2020-01-02"]), r"holds times, .*df\['x'\]\.dt\.dayofweek.*time_col='x'"),
        (pd.to_datetime(["2020-01-01", "2020-01-02"], utc=True), "holds times"),
        (pd.period_range("2020", periods=2, freq="M"), "holds times"),
        ([datetime.date(2020, 1, 1), None], r"holds times, .*pd\.to_datetime\(df\['x'\]\)"),
        (pd.to_timedelta([1, 2], unit="h"), r"holds durations, .*dt\.total_seconds\(\)"),
        (pd.Series(["a", 1], dtype=object), r"holds text and numbers, such as 'a'\..*astype\(str\), or pd\.to_numeric"),
        ([1j, 2], "holds complex numbers"),
        (pd.Series([[1], [2]], dtype=object), "holds objects"),
        (pd.Series([{1}, {2}], dtype=object), "holds objects"),
    ],
)
def test_what_is_neither(values, message):
    df = pd.DataFrame({"id": [0, 0], "x": values})
    message = "Column 'x' holds no numbers and no categories: .*" + message
    with pytest.raises(ValueError, match=message):
        FrameToSequences("id").fit(df)
    with pytest.raises(ValueError, match=message):
        frame_to_sequences(df, "id")
    with pytest.raises(ValueError, match=message):
        FrameToSequences("id").fit(df.assign(x=1.0)).transform(df)
    with pytest.raises(ValueError, match=message):
        FrameToSequences("id").fit(df.assign(x="a")).transform(df)


def test_float32_is_kept():
    df = long_frame().astype({"price": np.float32, "size": np.float32})
    for columns in (["price"], ["price", "shop", "open", "region", "size"]):
        frames = FrameToSequences("id", columns=columns).fit(df)
        assert frames.transform(df)[0].dtype == np.float32
        assert frames.transform(long_frame())[0].dtype == np.float32  # as it was fitted
    assert FrameToSequences("id").fit_transform(long_frame())[0].dtype == np.float64
    assert FrameToSequences("id", columns=["shop"]).fit_transform(df)[0].dtype == np.float64


# -- other frames than the one that was fitted ------------------------------------------------------------------------


def test_categories_that_were_not_fitted_are_none_and_told_once():
    frames = FrameToSequences("id", "t", columns=["shop", "region"]).fit(long_frame())
    new = long_frame()
    new["shop"] = ["web", "q", "q", "v", "w", "x"]
    new["region"] = "east"
    with pytest.warns(UserWarning) as caught:
        out = frames.transform(new)
    assert [str(w.message) for w in caught] == [
        "This frame has categories that FrameToSequences was not fitted on, which it encodes as none: "
        "'shop': 'q', 'x', 'w' and 1 more; 'region': 'east'."
    ]
    assert caught[0].filename == __file__
    assert_same(out, [[[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]], [[0] * 4] * 2, [[0] * 4]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # declared, but not there
        frames.transform(long_frame().astype({"shop": pd.CategoricalDtype(["web", "city", "new"])}))


def test_columns_are_found_by_name():
    frames = FrameToSequences("id", "t").fit(long_frame())
    expected = frames.transform(long_frame())
    other = long_frame()[long_frame().columns[::-1]].assign(more=datetime.date(2020, 1, 1))
    assert_same(frames.transform(other), expected)
    assert_same(frames.transform(other.set_index("more")), expected)
    with pytest.raises(ValueError, match=r"no columns \['price', 'shop'\], which FrameToSequences was fitted on; its"):
        frames.transform(other.drop(columns=["price", "shop"]))
    with pytest.raises(ValueError, match=r"no column 'size', which .*reset_index"):
        frames.transform(other.set_index("size"))
    with pytest.raises(ValueError, match="no column 't'; its columns are"):
        frames.transform(other.drop(columns="t"))
    with pytest.raises(ValueError, match="must have rows"):
        frames.transform(other[:0])


def test_kinds_of_columns_that_change():
    frames = FrameToSequences("id", "t").fit(long_frame())
    with pytest.raises(ValueError, match=r"'price' held numbers, .*such as '9,5'\. .*pd\.to_numeric\(df\['price'\]"):
        frames.transform(long_frame().assign(price="9,5"))
    with pytest.raises(ValueError, match=r"'shop' held text .*such as 'city'; now it is of type int64.* such as 3\."):
        frames.transform(long_frame().assign(shop=3))
    truth = frames.transform(long_frame().assign(open=[1, 0, 1, 1, 0, 0]))
    assert_same(truth, frames.transform(long_frame()))
    empty = FrameToSequences("id", columns=["price"]).fit(long_frame().assign(price=None))
    np.testing.assert_array_equal(empty.transform(long_frame().assign(price=1.0))[0], [[1]] * 3)
    with pytest.raises(ValueError, match="held numbers, or nothing, when"):
        empty.transform(long_frame().assign(price="a"))


# -- static columns ---------------------------------------------------------------------------------------------------


def test_static_columns_at_the_first_step():
    columns = ["price", "shop", "region", "size"]
    repeated = FrameToSequences("id", "t", columns=columns).fit(long_frame())
    initial = clone(repeated).set_params(static="initial").fit(long_frame())
    assert initial.static_columns_ == ["region", "size"]
    for one, other in zip(initial.transform(long_frame()), repeated.transform(long_frame())):
        np.testing.assert_array_equal(one[:1], other[:1])
        np.testing.assert_array_equal(one[:, :3], other[:, :3])
        np.testing.assert_array_equal(one[1:, 3:], 0)
        np.testing.assert_array_equal(other[:, 3:], [other[0, 3:]] * len(other))
    ordinal = FrameToSequences("id", "t", columns=columns, static="initial", categories="ordinal")
    assert_same(
        [x[:, 2:] for x in ordinal.fit_transform(long_frame())[:2]], [[[0, 7], [-1, 0], [-1, 0]], [[1, 5], [-1, 0]]]
    )
    # what changes in a later frame is no longer static
    with pytest.raises(ValueError, match="'size' is static, but changes within sequence 'b': 7 and 8"):
        initial.transform(long_frame().assign(size=[8, 5, 7, 6, 5, 7]))
    assert repeated.transform(long_frame().assign(size=[8, 5, 7, 6, 5, 7]))[0][:, -1].tolist() == [7, 7, 8]


@pytest.mark.parametrize("static", ["repeat", "initial"])
def test_named_static_columns_are_known_from_any_row(static):
    df = long_frame().assign(region=[None, "south", "north", None, None, None], size=[nan, 5, nan, nan, nan, 7])
    frames = FrameToSequences(
        "id", "t", columns=["price", "region", "size"], static=static, static_columns=["region", "size"]
    ).fit(df)
    b, a, c = frames.transform(df)
    n_told = 1 if static == "initial" else None
    np.testing.assert_array_equal(b[:n_told, 1:], [[1, 0, 7]] * len(b[:n_told]))
    np.testing.assert_array_equal(a[:n_told, 1:], [[0, 1, 5]] * len(a[:n_told]))
    np.testing.assert_array_equal(c[:, 1:], [[0, 0, nan]])
    if static == "initial":
        np.testing.assert_array_equal(np.r_[b[1:, 1:], a[1:, 1:]], 0)
    with pytest.raises(ValueError, match=r"'price' is static, but changes within sequence 'b': 2\.0 and 3\.0"):
        FrameToSequences("id", "t", static_columns=["price"]).fit(df)


def test_a_value_that_is_not_there_at_every_step_is_not_static():
    """A laboratory value that was measured once, late, must not be known from the start."""
    df = pd.DataFrame({"id": [0, 0, 1, 1], "x": [nan, 2.0, nan, nan], "y": [1, 1, 2, 2]})
    frames = FrameToSequences("id", static="initial").fit(df)
    assert frames.static_columns_ == ["y"]
    assert_same(frames.transform(df), [[[nan, 1], [2, 0]], [[nan, 2], [nan, 0]]])


def test_static_columns_are_refused():
    df = long_frame()
    with pytest.raises(ValueError, match="static_columns names 'who', which is none of the features"):
        FrameToSequences("id", "t", static_columns=["who"]).fit(df)
    with pytest.raises(ValueError, match="static_columns names 'size', which is none of the features"):
        FrameToSequences("id", "t", columns=["price"], static_columns="size").fit(df)
    with pytest.raises(ValueError, match=r"every sequence of this frame has one row.*Name them in static_columns"):
        FrameToSequences("id", static="initial").fit(df[:2])
    assert FrameToSequences("id").fit(df[:2]).static_columns_ == []


# -- what it says -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        (lambda df: df, {"id_col": "who"}, ValueError, "no column 'who'"),
        (lambda df: df, {"columns": ["x", "y"]}, ValueError, r"no columns \['x', 'y'\]"),
        (lambda df: df, {"columns": ["size", "size"]}, ValueError, "names a column twice"),
        (lambda df: df, {"columns": []}, ValueError, "at least one column"),
        (lambda df: df, {"time_col": "id"}, ValueError, "must be two columns"),
        (lambda df: df, {"id_col": ["id"]}, TypeError, "each name one column"),
        (lambda df: df, {"categories": "binary"}, ValueError, "'categories' parameter"),
        (lambda df: df, {"static": "once"}, ValueError, "'static' parameter"),
        (lambda df: df.assign(id=[None, *df["id"][1:]]), {}, ValueError, "'id' is missing in row 0"),
        (lambda df: df.assign(id=[nan, *range(5)]), {}, ValueError, "'id' is missing in row 0"),
        (lambda df: df.assign(t=[nan, *range(5)]), {}, ValueError, "'t' is missing in row 0"),
        (lambda df: df, {"id_col": {"id"}}, TypeError, "each name one column"),
        (lambda df: df.assign(id=[[1], [2]] * 3), {}, ValueError, "'id' holds no ids"),
        (lambda df: df, {"columns": 3}, ValueError, "no column 3"),
        (lambda df: df.assign(t=1), {}, ValueError, "Sequence b has two rows for t=1"),
        (lambda df: df.to_numpy(), {}, TypeError, r"must be a pandas DataFrame, got numpy\.ndarray"),
        (lambda df: df["id"], {}, TypeError, r"must be a pandas DataFrame, got pandas\.Series"),
    ],
)
def test_refuses(change, options, error, message):
    options = {"id_col": "id", "time_col": "t", **options}
    with pytest.raises(error, match=message):
        FrameToSequences(**options).fit(change(long_frame()))
    if "parameter" not in message and "columns" not in options:
        with pytest.raises(error, match=message):
            FrameToSequences("id", "t").fit(long_frame()).set_params(**options).transform(change(long_frame()))


def test_frames_of_polars_are_converted_by_their_owner():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"id": [1], "x": [2.0]})
    for call in (lambda: FrameToSequences("id").fit(frame), lambda: frame_to_sequences(frame, "id")):
        with pytest.raises(TypeError, match=r"got polars\.DataFrame\. Convert it: df\.to_pandas\(\)"):
            call()


def test_text_that_does_not_look_like_categories():
    values = [str(i) for i in range(40)]
    df = pd.DataFrame({"id": np.arange(80) % 2, "x": values * 2})
    with pytest.warns(UserWarning, match=r"'x' is text with 40 different values, .*numbers.*pd\.to_numeric\(df\['x'\]"):
        FrameToSequences("id").fit(df)
    notes = df.assign(x=[f"note {i}" for i in range(80)])
    with pytest.warns(UserWarning, match=r"nearly one a row\. Leave it out.*astype\('category'\)"):
        FrameToSequences("id").fit(notes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FrameToSequences("id").fit(notes.astype({"x": "category"}))
        FrameToSequences("id").fit(df.assign(x=[f"shop {value}" for value in values] * 2))


def test_not_fitted():
    for method in ("transform", "get_feature_names_out"):
        with pytest.raises(NotFittedError):
            getattr(FrameToSequences("id"), method)(long_frame())


# -- as a transformer -------------------------------------------------------------------------------------------------


def test_names_clones_pickles_and_output_containers():
    df = long_frame()
    frames = FrameToSequences("id", "t", static="initial").fit(df)
    assert frames.feature_names_in_.tolist() == frames.columns_ == ["price", "shop", "open", "region", "size"]
    assert frames.n_features_in_ == 5
    names = ["price", "shop_city", "shop_web", "open", "region_north", "region_south", "size"]
    assert frames.get_feature_names_out().tolist() == names
    assert frames.get_feature_names_out(frames.columns_).tolist() == names
    with pytest.raises(ValueError, match="input_features"):
        frames.get_feature_names_out(["price"])
    expected = frames.transform(df)
    assert clone(frames).get_params() == frames.get_params()
    assert_same(pickle.loads(pickle.dumps(frames)).transform(df), expected)
    with config_context(transform_output="pandas"):
        assert_same(clone(frames).fit_transform(df), expected)
    numbered = df.rename(columns={"price": 0, "shop": 1})
    by_number = FrameToSequences("id", "t").fit(df).fit(numbered)
    assert not hasattr(by_number, "feature_names_in_")
    assert by_number.get_feature_names_out()[:3].tolist() == ["0", "1_city", "1_web"]
    one = FrameToSequences("id", "t", columns=0).fit(numbered)  # one column by its name
    assert_same(one.transform(numbered), [x[:, :1] for x in expected])
    levels = pd.concat({"key": df[["id", "t"]], "value": df[["shop"]]}, axis=1)
    by_levels = FrameToSequences(("key", "id"), ("key", "t")).fit(levels)
    assert by_levels.get_feature_names_out().tolist() == ["value_shop_city", "value_shop_web"]
    io = pytest.importorskip("skops.io")
    stored = io.dumps(frames)
    trusted = io.get_untrusted_types(data=stored)
    assert trusted == ["sklearn_rnn.sequences._frame_transformer.FrameToSequences"]
    assert_same(io.loads(stored, trusted=trusted).transform(df), expected)
    pd.testing.assert_frame_equal(df, long_frame())


@quiet
def test_from_a_messy_frame_to_classes():
    rng = np.random.default_rng(0)
    n, n_steps = 40, 6
    df = pd.DataFrame(
        {
            "patient": np.repeat(rng.permutation(n), n_steps),
            "day": np.tile(pd.date_range("2020-01-01", periods=n_steps), n),
            "pulse": pd.array(rng.integers(50, 90, n * n_steps), dtype="Int64"),
            "ward": pd.Categorical(rng.choice(["a", "b", "c"], n * n_steps)),
            "sex": np.repeat(rng.choice(["f", "m"], n), n_steps),
        }
    ).sample(frac=0.8, random_state=0)
    df.loc[rng.random(len(df)) < 0.3, "pulse"] = pd.NA
    labels = pd.Series(np.resize(["ill", "well"], n), index=np.arange(n))
    frames = FrameToSequences("patient", "day", static_columns=["sex"])
    net = make_pipeline(
        SequenceImputer(add_gap=True),
        TimestepTransformer(StandardScaler()),
        RNNSequenceClassifier(3, max_iter=2, random_state=0),
    )
    model = make_pipeline(frames, net).fit(df, labels[frames.ids(df)])
    assert model.predict(df).shape == (df["patient"].nunique(),)
    X, y = frames.fit_transform(df), labels[frames.ids(df)]
    search = GridSearchCV(net, {"sequenceimputer__strategy": ["carry", "mean"]}, cv=3).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    names = make_pipeline(frames, SequenceImputer()).fit(df).get_feature_names_out()
    assert names[:3].tolist() == ["pulse", "ward_a", "ward_b"]
    assert names[-1] == "missingindicator_sex_m"


def test_targets_in_another_order_than_the_ids_are_refused():
    """They carry the ids, so it can be seen; the net would learn the wrong labels without a word."""
    df = pd.DataFrame({"id": [3, 3, 1, 1], "t": [0, 1, 0, 1], "x": [5.0, 5, -5, -5]})
    y = pd.Series({1: "lo", 3: "hi"})
    frames = FrameToSequences("id", "t")
    with pytest.raises(ValueError, match=r"in another order: y begins with 1, the sequences with 3.*y.loc\[frames.ids"):
        frames.fit(df, y)
    assert len(frames.fit(df, y.loc[[3, 1]]).transform(df)) == 2
    assert len(frames.fit(df, y.reset_index(drop=True)).transform(df)) == 2  # not by id: nothing to be seen


def test_columns_of_several_levels_are_named_by_tuples():
    df = pd.DataFrame({("id", ""): [0, 0, 1], ("t", ""): [0, 1, 0], ("x", "m"): [1.0, 2, 3]})
    with pytest.raises(ValueError, match="have 2 levels"):
        FrameToSequences("id", "t").fit(df)
    assert len(FrameToSequences(("id", ""), ("t", "")).fit(df).transform(df)) == 2


def test_a_column_of_numbers_with_a_word_in_it():
    """Otherwise each number would be a category of its own."""
    table = pd.DataFrame({"id": [1, 1, 1, 2, 2, 2], "price": ["3.5", "4", "n.a.", "5", "4.5", "6"]})
    with pytest.warns(UserWarning, match="most of which are numbers"):
        FrameToSequences("id").fit(table)
    for sound in (["1", "2", "3", "1", "2", "3"], ["a", "b", "1", "c", "d", "e"]):
        FrameToSequences("id").fit(table.assign(price=sound))
    FrameToSequences("id").fit(table.astype({"price": "category"}))
