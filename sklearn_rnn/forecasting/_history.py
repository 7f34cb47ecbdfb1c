"""The past of series that a forecaster was not fitted on, in whatever layout they come."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

import pandas as pd

from ._tables import Layout, Table, read_table


def read_history_table(y: object, fitted: Layout) -> Table:
    """y as a table with as many value columns as were fitted.

    If that is one, the columns of an array, or of a frame without ids, are series of their own: `layout.separate`.
    """
    if isinstance(y, pd.DataFrame):
        return _of_frame(y, fitted)
    table = read_table(y, target=fitted.target is not None) if isinstance(y, pd.Series) else read_table(y)
    m, found = len(fitted.names), len(table.layout.names)
    if m == 1:
        if table.layout.kind == "array" and not table.layout.is_1d:
            table.layout = replace(table.layout, separate=True)
        return table
    if isinstance(y, pd.Series) or found != m:
        raise _read_together(fitted, f"{found} column(s)")
    return table


def _of_frame(y: pd.DataFrame, fitted: Layout) -> Table:
    id_col, time_col = fitted.id_col, fitted.time_col
    if id_col not in y.columns:
        id_col = None
        if time_col not in y.columns:
            time_col = None
    keys = [key for key in (id_col, time_col) if key is not None]
    others = [column for column in y.columns if column not in keys]
    names, target = fitted.names, fitted.target is not None
    has_names = all(name in others for name in names)
    if len(names) > 1:
        if fitted.kind == "array" and len(others) == len(names):
            return read_table(y, id_col, time_col, columns=others)
        if not has_names or (len(others) > len(names) and not target):
            raise _read_together(fitted, f"the columns {others}")
        return read_table(y, id_col, time_col, columns=names, target=target)
    if target and has_names:
        return read_table(y, id_col, time_col, columns=names, target=True)
    if keys or isinstance(y.index, pd.MultiIndex):
        if len(others) > 1:
            raise ValueError(
                f"This forecaster forecasts one column, {names[0]!r}, and y has {others}. Pass that column"
                + ("." if target else ", or fit with target_col, and the others are exogenous columns.")
            )
        return read_table(y, id_col, time_col, columns=others)
    table = read_table(y)
    table.layout = replace(table.layout, separate=True)
    return table


def _read_together(fitted: Layout, got: str) -> ValueError:
    return ValueError(
        f"The network of this forecaster reads {len(fitted.names)} columns together, {fitted.names}, and so takes the "
        f"past of just these; y has {got}. For a forecaster that takes new series, fit on a long frame or a panel, "
        "with one series for each id."
    )


def separated(table: Table, name: Hashable) -> Table:
    """A table with a series for each value column; `name` is what their values are called."""
    n = len(table.layout.names)
    return replace(
        table,
        layout=replace(table.layout, names=[name]),
        ids=list(table.layout.names),
        indexes=table.indexes * n,
        values=[table.values[0][:, [column]] for column in range(n)],
        rows=table.rows * n,
    )
