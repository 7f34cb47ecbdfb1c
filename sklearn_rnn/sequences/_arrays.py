"""From whatever holds numbers to NumPy arrays, with errors that say what cannot be one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse


def unmasked(values: Any) -> Any:
    """A masked array with NaN where it is masked; anything else as it is."""
    if not isinstance(values, np.ma.MaskedArray):
        return values
    if not np.ma.is_masked(values):
        return values.data
    plain = values.data.astype(np.float64 if values.dtype.kind in "biu" else values.dtype)
    if plain.dtype.kind not in "fc":
        plain = plain.astype(object)
    plain[np.ma.getmaskarray(values)] = np.nan
    return plain


def from_torch(values: Any) -> Any:
    """A tensor of PyTorch as an array, on whatever device, also where it asks for gradients; anything else as it is."""
    if not all(hasattr(values, name) for name in ("detach", "cpu", "numpy")):
        return values
    if getattr(getattr(values, "device", None), "type", "") == "meta":
        raise ValueError(f"Got a tensor of shape {tuple(values.shape)} on the device 'meta', which holds no numbers.")
    values = values.detach().cpu()
    return (values.float() if str(getattr(values, "dtype", "")) == "torch.bfloat16" else values).numpy()


def library_of(value: object) -> str:
    """The package that a value's class comes from: "polars", "pyarrow"."""
    return type(value).__module__.partition(".")[0]


def from_arrow(values: Any) -> Any:
    """A table of Arrow as a frame of pandas; anything else as it is."""
    return values.to_pandas() if library_of(values) == "pyarrow" and hasattr(values, "to_pandas") else values


def all_finite(numbers: np.ndarray) -> bool:
    """np.isfinite(numbers).all(), in half the time where there are few."""
    return bool(np.logical_and.reduce(np.isfinite(numbers), axis=None))


def native(values: Any) -> Any:
    """An array in the byte order of this machine."""
    if isinstance(values, np.ndarray) and not values.dtype.isnative and values.dtype.kind in "iuf":
        return values.astype(values.dtype.newbyteorder("="))
    return values


def with_nan(values: Any) -> Any:
    """A table with NaN where an object is pandas' NA, which is no number to NumPy; anything else as it is."""
    if isinstance(values, np.ndarray) and values.dtype == object:
        return np.where(pd.isna(values), np.nan, values)
    if isinstance(values, pd.DataFrame):
        objects = [k for k, dtype in enumerate(values.dtypes) if pd.api.types.is_object_dtype(dtype)]
        values = values.copy(deep=False) if objects else values
        for k in objects:
            values.isetitem(k, with_nan(values.iloc[:, k].to_numpy()))
    return values


def with_names(values: Any) -> Any:
    """A frame of polars as one of pandas; anything else as it is.

    polars 2 has no interchange protocol any more, by which scikit-learn 1.7 reads the names of columns: it would take
    columns in whatever order they come.
    """
    if library_of(values) != "polars" or not hasattr(values, "columns"):
        return values
    refuse_lazy(values, "X")
    return pd.DataFrame(values.to_numpy(), columns=values.columns)


def refuse_dask(values: object, name: str) -> None:
    """A series of dask would lose its index."""
    if library_of(values) in ("dask", "dask_expr") and hasattr(values, "index"):
        raise TypeError(f"{name} is a {type(values).__name__} of dask. Bring it into memory first: {name}.compute().")


def refuse_lazy(values: object, name: str) -> None:
    """A query that was not run holds no data yet."""
    if type(values).__name__ in ("LazyFrame", "LazyGroupBy"):
        raise TypeError(f"{name} is a {type(values).__name__}, a query without data. Run it first: {name}.collect().")


def as_array(values: object, name: str) -> np.ndarray:
    """values as an array, NaN for what is missing; what cannot be one is an error that says so."""
    if issparse(values):
        raise TypeError(f"Sparse data was passed for {name}, but dense data is required. Use '.toarray()'.")
    refuse_lazy(values, name)
    values = from_torch(values)
    if isinstance(values, (pd.DataFrame, pd.Series)) and _holds_nullable_numbers(values):
        dtypes = values.dtypes if isinstance(values, pd.DataFrame) else [values.dtype]
        dtype = np.result_type(*(getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", dtype)) for dtype in dtypes))
        if dtype.kind != "f" and values.isna().to_numpy().any():
            dtype = np.dtype(np.float64)
        return values.to_numpy(dtype=dtype, **({"na_value": np.nan} if dtype.kind == "f" else {}))
    try:
        array = native(np.asarray(unmasked(values)))
        if array.dtype.kind in "US" and isinstance(values, (list, tuple)):
            # NumPy would make text of the numbers among text
            as_given = np.asarray(values, dtype=object)
            array = array if all(isinstance(value, str) for value in as_given.ravel()) else as_given
        return array
    except ValueError as error:
        raise ValueError(
            f"{name} must be an array with rows of one length; got a {type(values).__name__} with rows of different "
            "lengths. (Only sequences may differ in length, and with mapping='many-to-many' their targets.)"
        ) from error


def _holds_nullable_numbers(values: pd.DataFrame | pd.Series) -> bool:
    """Are all columns numbers, some of a type with a missing value of its own (Int64, Float64, boolean, of Arrow)?"""
    dtypes = values.dtypes if isinstance(values, pd.DataFrame) else [values.dtype]
    return (
        any(isinstance(dtype, pd.api.extensions.ExtensionDtype) for dtype in dtypes)
        and all(pd.api.types.is_numeric_dtype(dtype) for dtype in dtypes)
        and not any(pd.api.types.is_complex_dtype(dtype) for dtype in dtypes)
    )


def as_numbers(x: np.ndarray, name: str) -> np.ndarray:
    """x as it is if it is of a real number type, converted if its objects are numbers, else an error."""
    if x.dtype == object:
        _refuse_times_among(x.flat, name)
        try:
            return np.where(pd.isna(x), np.nan, x).astype(np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{name} must hold numbers; got objects that are none: {error}") from error
    if x.dtype.kind not in "biuf":
        why = " Complex data not supported." if x.dtype.kind == "c" else ""
        raise ValueError(f"{name} must hold real numbers, got dtype {x.dtype}.{why}")
    return x


def _refuse_times_among(objects: Iterable, name: str) -> None:
    if any(isinstance(value, (np.datetime64, np.timedelta64)) for value in objects):
        raise ValueError(f"{name} must hold real numbers; got dates or durations among objects.")


def refuse_times_and_text(X: Any, name: str, advice: str) -> None:
    """An array of times or text, or a frame with columns of them. scikit-learn would read times as whole numbers, and a
    missing one as the smallest of them."""
    if getattr(getattr(X, "dtype", None), "kind", "") in ("m", "M", "U", "S", "V"):
        raise ValueError(f"{name} must hold real numbers, got dtype {X.dtype}.")
    if isinstance(X, np.ndarray) and X.dtype == object:
        _refuse_times_among(X.flat, name)
    elif isinstance(X, (list, tuple)) and len(X) and isinstance(X[0], (list, tuple)):
        _refuse_times_among(X[0], f"{name}[0]")
    elif isinstance(X, pd.DataFrame):
        if not X.columns.is_unique and all(isinstance(label, str) for label in X.columns):
            twice = X.columns[X.columns.duplicated()][0]
            raise ValueError(f"{name} has two columns of one name, {twice!r}. Rename one, or leave it out.")
        for label, dtype in zip(X.columns, X.dtypes, strict=True):
            if isinstance(dtype, pd.CategoricalDtype):
                is_text = not pd.api.types.is_numeric_dtype(dtype.categories.dtype)
            else:
                is_text = pd.api.types.is_string_dtype(dtype) and not pd.api.types.is_object_dtype(dtype)
            if dtype.kind in "mM" or isinstance(dtype, (pd.PeriodDtype, pd.IntervalDtype)) or is_text:
                raise ValueError(f"Column {label!r} of {name} is of type {dtype}, and holds no numbers. {advice}")
    elif library_of(X) in ("polars", "pyarrow") and hasattr(X, "to_pandas") and hasattr(X, "schema"):
        for label, dtype in zip(X.schema.names if hasattr(X.schema, "types") else X.schema, _column_types(X)):
            if dtype.lower().startswith(_NO_NUMBERS):
                raise ValueError(f"Column {label!r} of {name} is of type {dtype}, and holds no numbers. {advice}")


# How the names of types of polars and of Arrow begin whose values are no numbers.
_NO_NUMBERS = (
    "date", "time", "duration", "month_day_nano", "string", "large_string", "utf8", "categorical", "enum", "dictionary",
    "list", "large_list", "fixed_size", "struct", "map", "array", "binary", "large_binary",
)  # fmt: skip


def _column_types(frame: Any) -> list[str]:
    """The types of the columns of a frame of polars, or of a table of Arrow."""
    types = frame.schema.types if hasattr(frame.schema, "types") else frame.schema.values()
    return [str(dtype) for dtype in types]


def single_column(X: Any) -> Any:
    """The column of a data frame that has only one, if it holds lists or arrays; otherwise X as it is."""
    shape = getattr(X, "shape", None)
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] != 1 or not hasattr(X, "columns"):
        return X
    column = X[next(iter(X.columns))]
    return column if is_ragged(column) else X


def list_column(X: Any) -> list | None:
    """A column of lists (of Arrow or polars) as a list of arrays; None if X is no such column."""
    if isinstance(X, (np.ndarray, list, tuple)) or getattr(X, "ndim", 1) != 1:
        return None
    dtype = X.dtype if hasattr(X, "dtype") else getattr(X, "type", None)  # pyarrow says type
    if not str(dtype).lower().startswith(("list", "large_list", "fixed_size_list", "array(")):
        return None
    return [np.asarray(x if not hasattr(x, "as_py") else x.as_py()) for x in X]


def is_ragged(X: Any) -> bool:
    """Is X a list, tuple or object array of arrays (or of lists of different lengths), one for each sequence?"""
    if list_column(X) is not None:
        return True
    if (
        getattr(X, "ndim", None) == 1 and getattr(getattr(X, "dtype", None), "kind", None) == "O"
    ):  # an array or a pandas Series
        return len(X) > 0 and all(isinstance(x, (list, tuple)) or getattr(x, "ndim", 0) > 0 for x in X)
    if not isinstance(X, (list, tuple)) or len(X) == 0:
        return False
    if any(_n_axes(x) > 0 for x in X):
        return True
    lengths = {len(x) if isinstance(x, (list, tuple)) else -1 for x in X}
    return len(lengths) > 1 and -1 not in lengths


def _n_axes(x: object) -> int:
    """polars knows no ndim."""
    return getattr(x, "ndim", len(shape) if isinstance(shape := getattr(x, "shape", None), tuple) else 0)
