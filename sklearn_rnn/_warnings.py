"""Warnings that point at the user's own line, and that a search of many fits does not repeat."""

from __future__ import annotations

import sys
import warnings
import weakref
from types import FrameType

# Code between a user's line and ours.
_BETWEEN = ("sklearn_rnn", "sklearn", "joblib")
_said: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # of each run of joblib's Parallel


def _outer_frame() -> tuple[FrameType | None, int]:
    """The first frame outside of what is in between, and how many frames above the caller's caller it is."""
    frame: FrameType | None = sys._getframe(2)
    level = 1
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _BETWEEN:
        frame, level = frame.f_back, level + 1
    return frame, level


def outside() -> int:
    """The `stacklevel` that makes a caller's warning point at the first line outside this package and scikit-learn."""
    return _outer_frame()[1]


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn from the first line outside this package and scikit-learn.

    scikit-learn resets Python's memory of what was said with each fit of a search, so that all of them would say the
    same. Here each run of joblib's Parallel, which is what a search is, says a thing once.
    """
    search = _running_search()
    if search is not None:
        said = _said.setdefault(search, set())
        if (message, category) in said:
            return
        said.add((message, category))
    warnings.warn(message, category, stacklevel=_outer_frame()[1] + 1)


def _running_search() -> object | None:
    """The outermost joblib.Parallel among the callers."""
    found = None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == "joblib.parallel":
            caller = frame.f_locals.get("self")
            found = caller if type(caller).__name__ == "Parallel" else found
        frame = frame.f_back
    return found
