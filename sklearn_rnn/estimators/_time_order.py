"""Tables whose columns are seen not to be time steps with the oldest first, as other libraries make them."""

from __future__ import annotations

import numpy as np

from .._warnings import warn
from ..sequences._lags import lag_of
from ..sequences._sequences import Sequences

# Rows that are looked at, and how many pairs of them must be windows of one series.
_ROWS, _LEAST = 100, 5


def warn_of_wrong_order(sequences: Sequences, names: np.ndarray | None, Y: np.ndarray, name: str) -> None:
    """Warn where a network would read time backwards, or columns as steps that are none.

    Parameters
    ----------
    sequences : Sequences
    names : ndarray of str, or None
        Of the columns, where X is a table and each column a time step.
    Y : ndarray of shape (n, k)
        The targets, one row for each sequence.
    name : str
        Of X, for messages.
    """
    found = _wrong_names(names) or _newest_first(sequences, Y, name)
    if found:
        warn(found)


def _wrong_names(names: np.ndarray | None) -> str | None:
    lags = [] if names is None else [lag_of(column) for column in names]
    known = [lag for lag in lags if lag is not None]
    if names is None or len(known) < 2:
        return None
    shown = ", ".join(repr(column) for column, lag in zip(names, lags) if lag is not None and lag in known[:3])
    shown += ", ..." if len(known) > 3 else ""
    others = [column for column, lag in zip(names, lags) if lag is None]
    numbers = [lag for _, lag in known]
    if others:
        why, advice = f"but {others[0]!r} is none", f"LagsToSequence(static={others[:3]})"
        advice = advice if len(others) <= 3 else f"LagsToSequence(static=[{others[0]!r}, ...])"
    elif len({channel for channel, _ in known}) > 1:
        why, advice = "of several series, not time steps of one", "LagsToSequence()"
    elif numbers != sorted(numbers, reverse=True):
        why, advice = "and do not stand with the oldest first", "LagsToSequence()"
    else:
        return None
    return (
        f"The columns {shown} are lags, {why}. In a table each column is read as one time step, oldest first, so time "
        f"would be scrambled. Put {advice} before the network: it sorts lags by their names."
    )


def _newest_first(sequences: Sequences, Y: np.ndarray, name: str) -> str | None:
    """Windows of one series, row after row, that begin with their newest value, with the value after it as target."""
    X = sequences.values
    if sequences.kind == "ragged" or X.shape[2] != 1 or X.shape[1] < 2 or len(Y) != len(X):
        return None
    X, y = X[:_ROWS, :, 0], Y[:_ROWS, 0]
    backwards = (X[1:, 1:] == X[:-1, :-1]).all(axis=1) & (X[1:, 0] == y[:-1])
    forwards = (X[1:, :-1] == X[:-1, 1:]).all(axis=1)  # a constant is both
    if np.count_nonzero(backwards & ~forwards) < max(_LEAST, 0.5 * len(backwards)):
        return None
    return (
        f"The rows of {name} are windows of one series with the newest value first: each begins with the target of the "
        "row before. The network would read time backwards; it expects the oldest first. Put "
        "LagsToSequence('newest-first') before it, with static= for columns that are no lags, or pass "
        f"{name}[:, ::-1]."
    )
