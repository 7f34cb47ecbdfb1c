"""frame_to_sequences: a long data frame, one row for each sequence and time step, as sequences."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from ._timeindex import parse_times


def frame_to_sequences(
    df: pd.DataFrame,
    id_col: Hashable,
    time_col: Hashable | None = None,
    columns: Sequence[Hashable] | None = None,
) -> tuple[list[np.ndarray], np.ndarray]:
    """Split a long data frame, one row for each sequence and time step, into sequences.

    Parameters
    ----------
    df : DataFrame
    id_col : label
        Column that says to which sequence a row belongs.
    time_col : label, default=None
        Column to sort the rows of each sequence by, numbers, times, or ISO dates as text; None keeps their order.
    columns : list of labels, default=None
        Features; None takes all other columns.

    Returns
    -------
    sequences : list of ndarray of shape (n_timesteps_i, n_features)
    ids : ndarray of shape (n_sequences,)
        In the order in which they first appear.

    Raises
    ------
    ValueError
        If a column is missing or holds no numbers, an id or a time is missing, or a time occurs twice in a sequence.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_rnn import frame_to_sequences
    >>> df = pd.DataFrame({"who": ["b", "a", "b"], "t": [2, 1, 1], "x": [3.0, 5.0, 4.0]})
    >>> sequences, ids = frame_to_sequences(df, "who", "t")
    >>> ids.tolist(), [x.ravel().tolist() for x in sequences]
    (['b', 'a'], [[4.0, 3.0], [5.0]])
    """
    if not isinstance(df, pd.DataFrame):
        given = f"{type(df).__module__.partition('.')[0]}.{type(df).__name__}"
        hint = " Convert it: df.to_pandas()." if hasattr(df, "to_pandas") else ""
        raise TypeError(f"df must be a pandas DataFrame, got {given}.{hint}")
    keys = [id_col] if time_col is None else [id_col, time_col]
    for key in keys:
        if isinstance(key, list):
            raise TypeError(f"id_col and time_col each name one column, got {key!r}.")
    if id_col == time_col:
        raise ValueError(f"id_col and time_col must be two columns, both are {id_col!r}.")
    if not df.columns.is_unique:
        raise ValueError(f"df has two columns of the name {df.columns[df.columns.duplicated()][0]!r}; rename one.")
    if isinstance(columns, str):
        columns = [columns]
    columns = [column for column in df.columns if column not in keys] if columns is None else list(columns)
    missing = [column for column in (*keys, *columns) if column not in df.columns]
    if missing:
        hint = " Take it out of the index with df.reset_index()." if missing[0] in df.index.names else ""
        raise ValueError(f"df has no column {missing[0]!r}; its columns are {list(df.columns)}.{hint}")
    if len(set(columns)) < len(columns):
        raise ValueError(f"columns names a column twice: {columns}.")
    if not columns or len(df) == 0:
        raise ValueError(f"df must have rows and at least one column besides {keys}; its shape is {df.shape}.")
    for key in keys:
        if df[key].isna().any():
            raise ValueError(f"Column {key!r} is missing in row {int(np.flatnonzero(df[key].isna())[0])}.")
    times = None
    if time_col is not None:
        times = pd.Series(parse_times(pd.Index(df[time_col]), f"df[{time_col!r}]")).reset_index(drop=True)
        twice = pd.DataFrame({"id": df[id_col].to_numpy(), "time": times}).duplicated().to_numpy()
        if twice.any():
            row = df[keys].iloc[int(np.flatnonzero(twice)[0])]
            raise ValueError(
                f"Sequence {row.iloc[0]} has two rows for {time_col}={row.iloc[1]}. Aggregate them, or drop one."
            )
    values = {}
    for column in columns:
        dtype = df[column].dtype
        try:
            if not pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_object_dtype(dtype):
                raise TypeError(f"it is of type {dtype}.")
            if pd.api.types.is_complex_dtype(dtype):
                raise TypeError("complex numbers are not supported.")
            kind = np.float32 if dtype == np.float32 else np.float64
            values[column] = df[column].to_numpy(dtype=kind, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise ValueError(f"Column {column!r} holds no numbers: {error} Name the features in columns=.") from error
    stacked = np.column_stack(list(values.values()))
    codes, ids = pd.factorize(df[id_col])
    order = np.arange(len(df))
    if times is not None:
        try:
            order = times.sort_values(kind="stable").index.to_numpy()
        except TypeError as error:
            raise ValueError(f"Column {time_col!r} cannot be ordered in time: {error}. Convert it first.") from error
    order = order[np.argsort(codes[order], kind="stable")]
    ends = np.cumsum(np.bincount(codes))
    return np.split(stacked[order], ends[:-1]), np.asarray(ids)
