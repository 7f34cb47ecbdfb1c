"""Warnings that point at the user's own line, and that a search of many fits does not repeat."""

from __future__ import annotations

import re
import sys
import warnings
from types import FrameType

# Code between a user's line and ours.
_BETWEEN = ("sklearn_rnn", "sklearn", "joblib")
_said: set[tuple] = set()


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

    Python says a warning once a line, unless a filter asks for more. scikit-learn resets Python's memory of that with
    each fit of a search, so that it says the same thirteen times; ours does not forget.
    """
    frame, level = _outer_frame()
    if frame is not None and _action(message, category, frame) == "default":
        key = (message, category, frame.f_code.co_filename, frame.f_lineno)
        if key in _said:
            return
        _said.add(key)
    warnings.warn(message, category, stacklevel=level + 1)


def _action(message: str, category: type[Warning], frame: FrameType) -> str:
    """What Python's filters say is to be done with a warning that is raised in this frame."""
    module = frame.f_globals.get("__name__", "<unknown>")
    for action, text, of, where, line in warnings.filters:
        if (
            issubclass(category, of)
            and (text is None or _matches(text, message))
            and (where is None or _matches(where, module))
            and line in (0, frame.f_lineno)
        ):
            return action
    return "default"


def _matches(pattern: re.Pattern | str, text: str) -> bool:
    return pattern == text if isinstance(pattern, str) else pattern.match(text) is not None
