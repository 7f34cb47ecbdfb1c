"""What test_fuzz.py throws at the estimators: values, the guises in which arrays come, parameters; and what may happen.

Every kind of input has one draw of hypothesis for each choice, and one seed for its numbers, so that a failure shrinks
to the choices that matter.
"""

import copy
import linecache
import os
import re
import tempfile
import traceback
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from hypothesis import HealthCheck, Phase, settings, strategies as st
from sklearn.exceptions import NotFittedError

import sklearn_rnn
from sklearn_rnn.core._cells import CELLS
from sklearn_rnn.core._losses import REGRESSION_LOSSES
from sklearn_rnn.core._optimizers import OPTIMIZERS
from sklearn_rnn.core._pooling import POOLINGS

LONG = int(os.environ.get("SKLEARN_RNN_FUZZ", "0"))


def cases(n):
    """n cases of the 200 of the plain suite; of so many as SKLEARN_RNN_FUZZ says, the same share. Always the same."""
    n_examples = max(1, LONG * n // 200) if LONG else n
    return settings(
        max_examples=n_examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],  # to shrink a failure takes minutes; add Phase.shrink to look into one
        suppress_health_check=list(HealthCheck),
    )


# -- what may happen --------------------------------------------------------------------------------------------------

OURS, SCIKIT_LEARN = (Path(module.__file__).parent for module in (sklearn_rnn, sklearn))
RAW = re.compile(
    "broadcast|out of (bounds|range)|inhomogeneous|array element|subscriptable|not iterable|cannot reshape|same shape|"
    "no attribute|unsupported operand|ufunc|not supported between|ambiguous|only (length-1|integer|0-dim)"
)


def is_said_by_us(error):
    """Was it raised by a `raise` of this package, or by scikit-learn's checks, in words that say what is wrong?"""
    if isinstance(error, NotFittedError):
        return True
    if not isinstance(error, (ValueError, TypeError)) or not str(error) or RAW.search(str(error)):
        return False
    frame = traceback.extract_tb(error.__traceback__)[-1]
    path = Path(frame.filename)
    if path.is_relative_to(OURS):
        return linecache.getline(frame.filename, frame.lineno).strip().startswith("raise")
    return path.is_relative_to(SCIKIT_LEARN)


def snapshot(value):
    """What must still be there afterwards, to be compared with `==`."""
    if isinstance(value, np.ma.MaskedArray):
        return "masked", snapshot(value.data), snapshot(np.ma.getmaskarray(value))
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return "objects", value.shape, [snapshot(x) for x in value.ravel()]
        return "array", value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, (list, tuple)):
        return [snapshot(x) for x in value]
    if isinstance(value, dict):
        return {key: snapshot(x) for key, x in value.items()}
    if isinstance(value, (pd.DataFrame, pd.Series)):
        return "pandas", str(getattr(value, "dtypes", "")), repr(value), repr(list(value.index))
    return repr(value)


def outcome(call, *inputs, of_others=False):
    """What call() returns, or None where it refuses in words of ours; anything else is a failure.

    Warnings that are no fault of ours: those that speak to the user (UserWarning and its kinds). A RuntimeWarning,
    DeprecationWarning or FutureWarning is a failure, unless the call runs code of others: scikit-learn's scalers
    overflow where they please. The inputs must be as they were.
    """
    with np.errstate(all="ignore"):
        before = snapshot(inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", UserWarning)
        if of_others:
            warnings.simplefilter("ignore", RuntimeWarning)
        try:
            result = call()
        except (ValueError, TypeError) as error:
            if not is_said_by_us(error):
                raise AssertionError(f"not in our words: {type(error).__name__}: {error}") from error
            result = None
    with np.errstate(all="ignore"):
        assert snapshot(inputs) == before, "an input was changed"
    return result


def check_finite(values, where=True):
    values = np.asarray(values, dtype=float)
    assert np.isfinite(values[np.broadcast_to(where, values.shape)]).all(), f"not finite: {values}"


# -- numbers ----------------------------------------------------------------------------------------------------------

VALUES = {
    "usual": lambda rng, shape: rng.normal(size=shape),
    "integers": lambda rng, shape: rng.integers(0, 5, shape).astype(float),
    "constant": lambda rng, shape: np.full(shape, 3.0),
    "zeros": lambda rng, shape: np.zeros(shape),
    "huge": lambda rng, shape: rng.normal(size=shape) * 1e300,
    "largest": lambda rng, shape: rng.choice([-1.0, 1.0], shape) * np.finfo(float).max,
    "large": lambda rng, shape: rng.normal(size=shape) * 1e30,
    "tiny": lambda rng, shape: rng.normal(size=shape) * 1e-300,
    "denormal": lambda rng, shape: rng.integers(-9, 9, shape) * 5e-324,
    "offset": lambda rng, shape: 1e12 + rng.normal(size=shape),
    "extremes": lambda rng, shape: rng.choice([1e300, -1e300, 1e-300, 0.0, 1.0], shape),
}


def values(draw, shape, usual=False):
    """An array of float64, of one kind of numbers; mostly usual ones, so that other things show too."""
    kind = "usual" if usual else draw(st.sampled_from(["usual", "usual", *VALUES]))
    with np.errstate(all="ignore"):
        return VALUES[kind](np.random.default_rng(draw(st.integers(0, 99))), shape)


# -- guises -----------------------------------------------------------------------------------------------------------


def _as_memory_map(A):
    if not A.size:
        return A
    with tempfile.TemporaryFile() as file:
        file.write(np.ascontiguousarray(A).tobytes())
        file.flush()
        return np.memmap(file, A.dtype, "c", shape=A.shape)


def _read_only(A):
    A = A.copy()
    A.flags.writeable = False
    return A


def _masked(A):
    mask = np.zeros(A.shape, bool)
    mask.flat[: 1 if A.size else 0] = True
    return np.ma.masked_array(A, mask)


def _frame(A, dtype=None):
    """2-D A as a DataFrame, 1-D A as a Series."""
    if A.ndim == 1:
        return pd.Series(A, dtype=dtype)
    frame = pd.DataFrame(A, columns=[f"c{k}" for k in range(A.shape[1])])
    return frame if dtype is None else frame.astype(dtype)


def _numbers_as(dtype):
    def change(A):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return (np.clip(A, -100, 100) if np.dtype(dtype).kind in "iub" else A).astype(dtype)

    return change


def _pandas_as(dtype):
    def change(A):
        if A.ndim not in (1, 2):
            return A
        return _frame(np.clip(np.round(A), 0, 9).astype(int) if "nt" in dtype else A, dtype)

    return change


def _with_na(A):
    if A.ndim not in (1, 2) or not A.size:
        return A
    frame = _frame(A, "Float64")
    frame.iloc[(0,) * A.ndim] = pd.NA
    return frame


GUISES = {
    **{
        name: _numbers_as(name)
        for name in ("int8", "int64", "uint8", "float16", "float32", "longdouble", "bool", ">f8", ">i4", "complex128")
    },
    "objects": lambda A: A.astype(object),
    "text": lambda A: A.astype(str),
    "bytes": lambda A: A.astype("S"),
    "dates": lambda A: np.full(A.shape, np.datetime64("2020-01-01")),
    "durations": lambda A: np.full(A.shape, np.timedelta64(3, "D")),
    "structured": lambda A: np.zeros(A.shape, [("a", float)]),
    "lists": lambda A: A.tolist(),
    "tuple": lambda A: tuple(A.tolist()) if A.ndim else (A.item(),),
    "numpy scalars in lists": lambda A: list(A.ravel()) if A.ndim == 1 else list(A),
    "masked": _masked,
    "masked nowhere": lambda A: np.ma.masked_array(A),
    "read-only": _read_only,
    "memory map": _as_memory_map,
    "Fortran": np.asfortranarray,
    "reversed": lambda A: A[::-1].copy()[::-1] if A.ndim else A,
    "every second": lambda A: np.repeat(A, 2, axis=-1)[..., ::2] if A.ndim else A,
    "matrix": lambda A: A.view(type("OfAClass", (np.ndarray,), {})),
    "frame": lambda A: _frame(A) if A.ndim in (1, 2) else A,
    "frame of float32": lambda A: _frame(A.astype(np.float32)) if A.ndim in (1, 2) else A,
    "Int64": _pandas_as("Int64"),
    "Float64": _pandas_as("Float64"),
    "Float64 with NA": _with_na,
    "UInt8": lambda A: _frame((A > 0).astype(int), "UInt8") if A.ndim in (1, 2) else A,
    "boolean": lambda A: _frame(A > 0, "boolean") if A.ndim in (1, 2) else A,
    "Arrow doubles": lambda A: _frame(A, "double[pyarrow]") if A.ndim in (1, 2) else A,
    "Arrow integers": _pandas_as("int64[pyarrow]"),
    "category": lambda A: _frame(A, "category") if A.ndim in (1, 2) else A,
    "dates in a frame": lambda A: _frame(np.full(A.shape, np.datetime64("2020-01-01", "ns"))) if 0 < A.ndim < 3 else A,
    "text in a frame": lambda A: _frame(A.astype(str)) if A.ndim in (1, 2) else A,
    "sparse columns": lambda A: _frame(A, pd.SparseDtype(float)) if A.ndim in (1, 2) else A,
}
ODDITIES = {
    "none": lambda A: None,
    "a number": lambda A: 3.0,
    "a NumPy scalar": lambda A: np.float32(1),
    "no axis": lambda A: np.array(1.0),
    "no sample": lambda A: A[:0],
    "no step": lambda A: A[:, :0] if A.ndim > 1 else A[:0],
    "no feature": lambda A: A[..., :0] if A.ndim > 2 else A[:0],
    "one sample": lambda A: A[:1],
    "one axis less": lambda A: A[0] if A.ndim > 1 else A,
    "one axis more": lambda A: A[..., None],
    "two axes more": lambda A: A[..., None, None],
    "transposed": lambda A: A.T,
    "one sample less": lambda A: A[:-1],
    "text": lambda A: "some text",
    "dict": lambda A: {"a": [1.0, 2.0]},
    "set": lambda A: {1.0, 2.0},
    "range": lambda A: range(5),
    "generator function": lambda A: iter,
    "empty list": lambda A: [],
    "list of nothing": lambda A: [[], []],
    "rows of different lengths": lambda A: [[1.0], [1.0, 2.0]],
    "rows of different depth": lambda A: [1.0, [2.0]],
    "list with None": lambda A: [None, *A.tolist()[1:]] if A.ndim else None,
    "NaN": lambda A: _put(A, np.nan),
    "infinity": lambda A: _put(A, np.inf),
    "all NaN": lambda A: np.full(A.shape, np.nan),
}


def _put(A, value):
    A = np.array(A, float)
    A.flat[A.size // 2 : A.size // 2 + 1] = value
    return A


def dressed(draw, A):
    """A as it is, in a guise, or something odd in its place."""
    how = draw(st.sampled_from(["plain", "plain", "guise", "guise", "odd"]))
    if how == "plain":
        return A
    kinds = GUISES if how == "guise" else ODDITIES
    change = kinds[draw(st.sampled_from(sorted(kinds)))]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return change(A)


# -- sequences --------------------------------------------------------------------------------------------------------


def sequences(draw, hard=True, form=None, shape=None):
    """X in 2-D, in 3-D, padded or as a list, if `hard` with hard values and in guises; and X without those guises."""
    n = draw(st.integers(1, 9))
    n_steps, n_features = draw(st.integers(1, 7)), draw(st.sampled_from([1, 1, 2, 3]))
    if shape is not None and draw(st.integers(0, 5)):
        n_steps, n_features = shape if len(shape) == 2 else (*shape, 1)
    form = draw(st.sampled_from(["2d", "3d", "padded", "ragged"])) if form is None else form
    A = values(draw, (n, n_steps) if form == "2d" else (n, n_steps, n_features), usual=not hard)
    if form in ("2d", "3d"):
        return (dressed(draw, A) if hard else A), A
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    first = rng.integers(0, n_steps, n)
    last = np.array([rng.integers(start + 1, n_steps + 1) for start in first])
    if form == "padded":
        for x, start, stop in zip(A, first, last):
            x[:start], x[stop:] = np.nan, np.nan
        return (dressed(draw, A) if hard and draw(st.booleans()) else A), A
    ragged = [x[start:stop] for x, start, stop in zip(A, first, last)]
    if hard:
        ragged = [dressed(draw, x) if draw(st.integers(0, 3)) == 0 else x for x in ragged]
        if draw(st.integers(0, 4)) == 0:
            odd = np.empty(n, object)
            odd[:] = ragged
            ragged = draw(st.sampled_from([odd, tuple(ragged)]))
    return ragged, ragged


# -- parameters -------------------------------------------------------------------------------------------------------

ABOUT_ALL = {
    "hidden_layer_sizes": [1, 3, (2, 3), [2], np.int64(2), "auto"],
    "cell": ["auto", *CELLS],
    "activation": ["tanh", "relu"],
    "bidirectional": [True, False, "auto", np.True_],
    "patch_size": [1, 2, 50, "auto"],
    "pooling": ["auto", *POOLINGS],
    "dropout": [0.0, 0.5, 0.999],
    "init": ["orthogonal", "uniform", "normal"],
    "init_scale": [0.1, 1e-300, 1e300, 50.0],
    "alpha": [0.0, 1e-4, 1e300],
    "solver": [*OPTIMIZERS, "lbfgs"],
    "batch_size": ["auto", 1, 3, 1000],
    "learning_rate": ["constant", "invscaling", "inverse_time", "adaptive", "cosine"],
    "learning_rate_init": ["auto", 0.01, 1e-300, 1e300, 10.0],
    "power_t": [0.5, 0.0, 1e3],
    "learning_rate_decay": [0.01, 0.0, 1e300],
    "max_iter": [1, 2],
    "shuffle": [True, False],
    "tol": [0.0, 1e-4, 1e300],
    "warm_start": [True, False],
    "momentum": [0.0, 0.9, 1.0],
    "nesterovs_momentum": [True, False],
    "beta_1": [0.0, 0.9],
    "beta_2": [0.0, 0.999],
    "epsilon": [1e-8, 1e-300, 1e300],
    "clip_norm": [None, 1e-300, 5.0, 1e300],
    "clip_value": [None, 1e-300, 1.0],
    "bptt_steps": [None, 1, 3, 1000],
    "max_fun": [1, 20],
    "early_stopping": [True, False],
    "validation_fraction": [0.1, 0.5, 0.99],
    "validation_method": ["random", "last"],
    "scoring": ["loss", None],
    "n_iter_no_change": [1, 10],
}
OF_REGRESSOR = {
    "loss": list(REGRESSION_LOSSES),
    "quantile": [0.5, 1e-12, (0.1, 0.5, 0.9), [0.5], (0.1, 0.1), ()],
    "huber_delta": [1.0, 1e-300, 1e300],
}
OF_CLASSIFIER = {"class_weight": [None, "balanced"]}
WRONG = [None, -1, 0, 1.5, "no such", np.nan, np.inf, True, [], (), {}, object, np.array([1, 2]), 10**30]


def parameters(draw, choices, most=6):
    """A few parameters away from their defaults; now and then one that is wrong."""
    names = draw(st.lists(st.sampled_from(sorted(choices)), max_size=most, unique=True))
    options = {name: copy.copy(draw(st.sampled_from(choices[name]))) for name in names}
    if names and draw(st.integers(0, 9)) == 0:
        options[names[0]] = draw(st.sampled_from(WRONG))
    return options
