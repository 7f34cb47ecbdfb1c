"""Columns of data frames: which hold numbers, which categories, and either as arrays."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

_TIMES = {"datetime64", "datetime", "date", "period"}
_NUMBERS = {"integer", "floating", "mixed-integer-float", "decimal", "boolean"}


def kind_of(column: pd.Series) -> str:
    """What a column holds: "numbers" (also truth values), "categories" (also text), "nothing", where all is missing; or
    "times", "durations", "complex numbers", "text and numbers", "objects", which are not encoded here."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "categories" if len(dtype.categories) else "nothing"
    if types.is_complex_dtype(dtype):
        return "complex numbers"
    if types.is_bool_dtype(dtype) or types.is_numeric_dtype(dtype):
        return "numbers"
    present = column[column.notna()]
    if isinstance(dtype, pd.StringDtype):
        return "categories" if len(present) else "nothing"
    present = present.astype(object)
    inferred = types.infer_dtype(present, skipna=False)
    if inferred in _NUMBERS:
        return "numbers"
    if inferred in ("string", "bytes"):
        return "categories"
    if inferred in _TIMES:
        return "times"
    if inferred in ("timedelta64", "timedelta"):
        return "durations"
    if inferred == "empty":
        return "nothing"
    if all(isinstance(value, (Real, Decimal, np.bool_)) for value in present):
        return "numbers"
    if all(isinstance(value, (Real, Decimal, np.bool_, str)) for value in present):
        return "text and numbers"
    return "complex numbers" if inferred == "complex" else "objects"


def refuse_column(column: pd.Series, label: Hashable, kind: str) -> None:
    """An error for a column that holds neither numbers nor categories."""
    if kind in ("numbers", "categories", "nothing"):
        return
    of_df = f"df[{label!r}]"
    advice = f"Make numbers or text of it, as with {of_df}.astype(str)."
    if kind in ("times", "durations"):
        read = f"pd.to_datetime({of_df})" if column.dtype == object and kind == "times" else of_df
        what = "dt.dayofweek" if kind == "times" else "dt.total_seconds()"
        advice = (
            f"Make numbers of what matters of it, as with {read}.{what}; if rows are to be sorted by it, say "
            f"time_col={label!r}."
        )
    elif kind == "text and numbers":
        advice = (
            f"Make one of it: {of_df}.astype(str), or pd.to_numeric({of_df}, errors='coerce'), which makes NaN of text."
        )
    elif kind == "complex numbers":
        advice = "Take its real and its imaginary part as two columns."
    raise ValueError(
        f"Column {label!r} holds no numbers and no categories: it is of type {column.dtype} and holds {kind}, such as "
        f"{an_example(column)}. {advice} Or leave it out: name the features in columns=."
    )


def an_example(column: pd.Series) -> str:
    """A value, as text that is not long."""
    present = column[column.notna()]
    return shown(present.iloc[0]) if len(present) else "a missing one"


def shown(value: Any) -> str:
    """A value for a message, which NumPy's types have nothing to do with."""
    value = value.item() if isinstance(value, np.generic) else value
    return f"{value!r:.60}"


def text_to_numbers(column: pd.Series, code: str) -> str:
    """How text becomes numbers, by what is in it; nothing for a column without text. `code` is what to call it."""
    texts = [value for value in column.dropna().unique() if isinstance(value, str)] if column.dtype.kind != "M" else []
    if not texts:
        return ""
    plain_ones = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").notna().to_numpy()
    others = [text.strip() for text, is_plain in zip(texts, plain_ones) if not is_plain]
    if not others:
        return f" It is text: make numbers of it by pd.to_numeric({code})."
    german = [text for text in others if _DECIMAL_COMMA.fullmatch(text)]
    english = [text for text in others if _THOUSANDS_COMMA.fullmatch(text)]
    if len(german) > len(english):
        dots = [text for text in (*german, *texts) if _THOUSANDS_DOT.match(text)]
        option, replaced = "decimal=','", f"{code}.str.replace(',', '.')"
        if dots:
            option, replaced = f"{option}, thousands='.'", f"{code}.str.replace('.', '').str.replace(',', '.')"
        example, what = german[0], "has a decimal comma" + (f", and {dots[0]!r} dots between thousands" if dots else "")
    elif english:
        option, replaced = "thousands=','", f"{code}.str.replace(',', '')"
        example, what = english[0], "has commas between thousands"
        if len(german) == len(english):  # 1,234 alone may be either
            option, what = f"{option}) or, if it is a decimal comma, pd.read_csv(..., decimal=','", "has a comma"
    elif any(character.isdigit() for character in others[0]):
        return f" {others[0]!r} is more than a number: take the rest away, as with {code}.str.replace('...', '')."
    else:
        return (
            f" {others[0]!r} is no number: name in pd.read_csv(..., na_values=[{others[0]!r}]) what stands for a "
            f"missing value, or make NaN of all such text by pd.to_numeric({code}, errors='coerce')."
        )
    return f" {example!r} {what}: pd.read_csv(..., {option}), or pd.to_numeric({replaced})."


# a sign, digits with or without dots (commas) between thousands, and what follows the comma (dot)
_DECIMAL_COMMA = re.compile(r"[-+]?(\d+|\d{1,3}(\.\d{3})+),\d+")
_THOUSANDS_COMMA = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")
_THOUSANDS_DOT = re.compile(r"[-+]?\d{1,3}(\.\d{3})+(,|$)")


def is_single(column: pd.Series) -> bool | None:
    """Are its numbers float32? None for truth values, which are exact in any type."""
    dtype = getattr(column.dtype, "numpy_dtype", column.dtype)
    return None if types.is_bool_dtype(column.dtype) else dtype == np.float32


def numbers_of(column: pd.Series) -> np.ndarray:
    """A column of numbers, truth values or nothing as an array of floats, NaN where they are missing."""
    dtype = np.float32 if is_single(column) else np.float64
    if not column.notna().any():  # of whatever type
        return np.full(len(column), np.nan, dtype)
    return column.to_numpy(dtype=dtype, na_value=np.nan)


def plain(category: Any) -> str | int | float | bool:
    """A category as a value that can be stored anywhere: text, a number, or the text of anything else (an interval)."""
    if isinstance(category, (bool, np.bool_)):
        return bool(category)
    if isinstance(category, Integral):
        return int(category)
    return float(category) if isinstance(category, Real) else str(category)


def categories_of(column: pd.Series) -> np.ndarray:
    """Those that a column of categories declares, in their order; the different texts of one of text, sorted."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        values = [plain(value) for value in column.cat.categories]
    else:
        values = sorted(plain(value) for value in column[column.notna()].unique())
    categories = np.empty(len(values), dtype=object)
    categories[:] = values
    return categories


def codes_of(column: pd.Series, categories: Iterable) -> tuple[np.ndarray, list]:
    """The place of each value among the categories, -1 if it is missing or not among them; and what is not."""
    places = {category: place for place, category in enumerate(categories)}
    codes, uniques = pd.factorize(column)
    values = [plain(value) for value in uniques]
    # what is missing has code -1, the last entry
    found = np.array([*(places.get(value, -1) for value in values), -1])
    return found[codes], [value for value in values if value not in places]
