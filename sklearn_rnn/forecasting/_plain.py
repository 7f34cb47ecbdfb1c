"""What pandas holds, as plain values and arrays: for pickles that any version of pandas, and skops, can read."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from ..sequences._timeindex import index_from_plain, index_to_plain
from ._tables import Layout
from ._timegrid import TimeGrid

_PLAIN = (str, int, float, bool, type(None), np.ndarray, np.generic)


def to_plain(value: Any) -> Any:
    """Plain values stay; of containers, each element; of pandas objects what they are made of, under a key "pandas".

    What is not known here, a calendar of one's own, say, stays as it is: pickle can store it, skops may refuse.
    """
    if isinstance(value, (pd.Timestamp, pd.Period)):
        return {"pandas": "label", "of": index_to_plain(_index_of([value]))}
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, (list, tuple)):
        kinds = {_kind_of_label(label) for label in value}
        if isinstance(value, list) and len(kinds) == 1 and None not in kinds:
            return {"pandas": "labels", "of": index_to_plain(_index_of(value))}  # shorter than one by one
        return type(value)(to_plain(part) for part in value)
    if isinstance(value, dict):
        return {"pandas": "dict", "keys": [to_plain(k) for k in value], "values": [to_plain(v) for v in value.values()]}
    if isinstance(value, pd.Index):
        return {
            "pandas": "index",
            "labels": [to_plain(label) for label in value],
            "names": [to_plain(name) for name in value.names],
            "levels": value.nlevels,
            "dtype": to_plain(value.dtype) if value.nlevels == 1 else None,
        }
    if isinstance(value, pd.CategoricalDtype):
        return {"pandas": "categories", "of": to_plain(value.categories), "ordered": bool(value.ordered)}
    if isinstance(value, (np.dtype, pd.api.extensions.ExtensionDtype)):
        return {"pandas": "dtype", "of": str(value)}
    if isinstance(value, pd.offsets.BaseOffset):
        if type(value) is pd.DateOffset:
            return {"pandas": "dateoffset", "n": value.n, "of": dict(value.kwds)}
        try:
            if to_offset(value.freqstr) == value:
                return {"pandas": "offset", "of": value.freqstr}
        except ValueError:
            pass
        return value
    if isinstance(value, (Layout, TimeGrid)):
        names = [field.name for field in fields(value)] if isinstance(value, Layout) else list(vars(value))
        kind = type(value).__name__
        return {"pandas": kind, **{name: to_plain(getattr(value, name)) for name in names}}
    return value


def _kind_of_label(label: object) -> tuple | None:
    """Times of one kind make an index; None for what is no time."""
    if isinstance(label, pd.Timestamp):
        return "datetime", label.unit, str(label.tz)
    return ("period", label.freqstr) if isinstance(label, pd.Period) else None


def _index_of(labels: list) -> pd.Index:
    if isinstance(labels[0], pd.Period):
        return pd.PeriodIndex(labels)
    return pd.DatetimeIndex(labels).as_unit(labels[0].unit)


def from_plain(value: Any) -> Any:
    """What `to_plain` was given."""
    if isinstance(value, (list, tuple)):
        return type(value)(from_plain(part) for part in value)
    if not isinstance(value, dict) or "pandas" not in value:
        return value
    kind = value["pandas"]
    if kind in ("label", "labels"):
        index = index_from_plain(value["of"])
        labels = [] if index is None else list(index)
        return labels[0] if kind == "label" else labels
    if kind == "dict":
        return dict(zip(from_plain(value["keys"]), from_plain(value["values"])))
    if kind == "index":
        labels, names = from_plain(value["labels"]), from_plain(value["names"])
        if value["levels"] > 1:
            return pd.MultiIndex.from_tuples(labels, names=names)
        return pd.Index(labels, dtype=from_plain(value["dtype"]), name=names[0])
    if kind == "categories":
        return pd.CategoricalDtype(from_plain(value["of"]), value["ordered"])
    if kind == "dtype":
        return pd.api.types.pandas_dtype(value["of"])
    if kind == "dateoffset":
        return pd.DateOffset(value["n"], **value["of"])
    if kind == "offset":
        return to_offset(value["of"])
    made = (Layout if kind == "Layout" else TimeGrid).__new__(Layout if kind == "Layout" else TimeGrid)
    vars(made).update({name: from_plain(part) for name, part in value.items() if name != "pandas"})
    return made
