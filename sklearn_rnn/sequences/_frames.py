"""frame_to_sequences: a long data frame, one row for each sequence and time step, as sequences."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import pandas as pd

from ._arrays import library_of
from ._columns import an_example, kind_of, numbers_of, refuse_column
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
        Features, numbers or truth values of any type of pandas; None takes all other columns.

    Returns
    -------
    sequences : list of ndarray of shape (n_timesteps_i, n_features)
        Missing values are NaN.
    ids : ndarray of shape (n_sequences,)
        In the order in which they first appear.

    Raises
    ------
    ValueError
        If a column is missing or holds no numbers, an id or a time is missing, or a time occurs twice in a sequence.

    See Also
    --------
    FrameToSequences : The same as a transformer, which also encodes text and categories.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_rnn import frame_to_sequences
    >>> df = pd.DataFrame({"who": ["b", "a", "b"], "t": [2, 1, 1], "x": [3.0, 5.0, 4.0]})
    >>> sequences, ids = frame_to_sequences(df, "who", "t")
    >>> ids.tolist(), [x.ravel().tolist() for x in sequences]
    (['b', 'a'], [[4.0, 3.0], [5.0]])
    """
    columns = check_long_frame(df, id_col, time_col, columns)
    order, lengths, ids = order_of_rows(df, id_col, time_col)
    values = []
    for column in columns:
        kind = kind_of(df[column])
        if kind == "categories":
            raise ValueError(
                f"Column {column!r} holds no numbers: it is of type {df[column].dtype}, with values such as "
                f"{an_example(df[column])}. Use FrameToSequences, which encodes categories and text; or, if it is "
                f"numbers written as text, pd.to_numeric(df[{column!r}]). Or name the features in columns=."
            )
        refuse_column(df[column], column, kind)
        values.append(numbers_of(df[column]))
    return np.split(np.column_stack(values)[order], np.cumsum(lengths)[:-1]), ids


def check_long_frame(
    df: object, id_col: Hashable, time_col: Hashable | None, columns: Sequence[Hashable] | None
) -> list[Hashable]:
    """The features of a frame with one row for each sequence and time step, or an error that says why it is none."""
    keys = check_keys(df, id_col, time_col)
    assert isinstance(df, pd.DataFrame)
    columns = [column for column in df.columns if column not in keys] if columns is None else as_labels(columns)
    refuse_missing(df, columns)
    if len(set(columns)) < len(columns):
        raise ValueError(f"columns names a column twice: {columns}.")
    if not columns:
        raise ValueError(f"df must have rows and at least one column besides {keys}; its shape is {df.shape}.")
    return columns


def as_labels(columns: Sequence[Hashable] | Hashable) -> list[Hashable]:
    """The columns that are named, also where there is one that is not in a list."""
    return [columns] if isinstance(columns, str) or not isinstance(columns, Iterable) else list(columns)


def check_keys(df: object, id_col: Hashable, time_col: Hashable | None) -> list[Hashable]:
    """The columns that say to which sequence and time a row belongs, if df has them and nothing is missing there."""
    if not isinstance(df, pd.DataFrame):
        given = f"{library_of(df)}.{type(df).__name__}"
        hint = " Convert it: df.to_pandas()." if hasattr(df, "to_pandas") else ""
        raise TypeError(f"df must be a pandas DataFrame, got {given}.{hint}")
    keys = [id_col] if time_col is None else [id_col, time_col]
    for key in keys:
        if not isinstance(key, Hashable):
            raise TypeError(f"id_col and time_col each name one column, got {key!r}.")
    if id_col == time_col:
        raise ValueError(f"id_col and time_col must be two columns, both are {id_col!r}.")
    if df.columns.nlevels > 1 and not isinstance(id_col, tuple):
        raise ValueError(
            f"The columns of df have {df.columns.nlevels} levels: name one by a tuple, such as {df.columns[0]!r}, or "
            "flatten them: df.columns = ['_'.join(map(str, names)) for names in df.columns]."
        )
    if not df.columns.is_unique:
        raise ValueError(f"df has two columns of the name {df.columns[df.columns.duplicated()][0]!r}; rename one.")
    refuse_missing(df, keys)
    if len(df) == 0:
        raise ValueError(f"df must have rows and at least one column besides {keys}; its shape is {df.shape}.")
    for key in keys:
        if df[key].isna().any():
            raise ValueError(f"Column {key!r} is missing in row {int(np.flatnonzero(df[key].isna())[0])}.")
    return keys


def refuse_missing(df: pd.DataFrame, columns: Sequence[Hashable], why: str = "") -> None:
    """An error if df does not have all of these columns."""
    missing = [column for column in columns if column not in df.columns]
    if missing:
        hint = " Take it out of the index with df.reset_index()." if missing[0] in df.index.names else ""
        named = f"column {missing[0]!r}" if len(missing) == 1 else f"columns {missing}"
        raise ValueError(f"df has no {named}{why}; its columns are {list(df.columns)}.{hint}")


def order_of_rows(
    df: pd.DataFrame, id_col: Hashable, time_col: Hashable | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows of all sequences, one sequence after another and each in order of time; the lengths and ids of the
    sequences, in the order in which they first appear."""
    order = np.arange(len(df))
    codes, ids = ids_of_rows(df, id_col)
    if time_col is not None:
        times = pd.Series(parse_times(pd.Index(df[time_col]), f"df[{time_col!r}]")).reset_index(drop=True)
        twice = pd.DataFrame({"id": codes, "time": times}).duplicated().to_numpy()
        if twice.any():
            row = df[[id_col, time_col]].iloc[int(np.flatnonzero(twice)[0])]
            raise ValueError(
                f"Sequence {row.iloc[0]} has two rows for {time_col}={row.iloc[1]}. Aggregate them, or drop one."
            )
        try:
            order = times.sort_values(kind="stable").index.to_numpy()
        except TypeError as error:
            raise ValueError(f"Column {time_col!r} cannot be ordered in time: {error}. Convert it first.") from error
    order = order[np.argsort(codes[order], kind="stable")]
    return order, np.bincount(codes), ids


def ids_of_rows(df: pd.DataFrame, id_col: Hashable) -> tuple[np.ndarray, np.ndarray]:
    """For each row, the place of its id among the ids; and the ids, in the order in which they first appear."""
    try:
        codes, ids = pd.factorize(df[id_col])
    except TypeError as error:
        raise ValueError(f"Column {id_col!r} holds no ids, which are text, numbers or the like: {error}.") from error
    return codes, np.asarray(ids)
