"""Tables whose columns are seen not to be time steps with the oldest first, as other libraries make them."""

from __future__ import annotations

import numpy as np

from .._warnings import warn
from ..sequences._lags import lag_of
from ..sequences._sequences import Sequences

# Pieces of the rows that are looked at, rows in each, and pairs of rows that must tell.
_PIECES, _ROWS, _LEAST = 10, 25, 5
# Share of pairs that must agree: the others may be where one series ends and the next begins.
_MOST = 0.75


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
    """Rows that begin with their newest value, one step of a series after another, with the value after it as target.

    Each then begins with the target of the row before, and has the first value of that row second. How many more are
    shifted so does not matter, since other columns may follow on the lags, and lags may leave steps out.
    """
    X = sequences.values
    if sequences.kind == "ragged" or X.shape[1] < 2 or len(Y) != len(X):
        return None
    rows = _pairs(len(X))
    now, after, target = X[rows, :2], X[rows + 1, :2], Y[rows, :1]  # (n_pairs, 2, n_channels), and (n_pairs, 1)
    # What stands still agrees with any order, and so do zeros that are only seldom something else.
    moves = (now[:, 0] != target) | (after[:, 0] != now[:, 0])
    backwards = moves & (after[:, 0] == target) & (after[:, 1] == now[:, 0])
    tells = backwards & (after[:, 0] != now[:, 1])  # the same order forwards would be as right
    n_moves = moves.sum(axis=0)
    found = (backwards.sum(axis=0) >= _MOST * n_moves) & (tells.sum(axis=0) >= np.maximum(_LEAST, 0.2 * n_moves))
    if not found.any():
        return None
    if X.shape[2] > 1:
        channel = int(np.flatnonzero(found)[0])
        return (
            f"In channel {channel} of {name}, sequences begin with their newest value, each with the target of the "
            "one before. The network would read time backwards; it expects the oldest first. Where LagsToSequence made "
            f"the sequences, give it the other order; otherwise pass {name}[:, ::-1]."
        )
    return (
        f"The rows of {name} are windows of a series with the newest value first: each begins with the target of the "
        "row before. The network would read time backwards; it expects the oldest first. Put "
        "LagsToSequence('newest-first') before it, with static= for columns that are no lags, or pass "
        f"{name}[:, ::-1]."
    )


def _pairs(n: int) -> np.ndarray:
    """Numbers of rows, each with one that follows it: all of few, and pieces from everywhere of many."""
    if n <= _PIECES * _ROWS:
        return np.arange(n - 1)
    starts = np.linspace(0, n - 1 - _ROWS, _PIECES).astype(np.intp)
    return (starts[:, None] + np.arange(_ROWS)).ravel()
