"""The parts whose importance is measured: what they are called, and checks of what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Is value one of the choices?"""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}.")


def check_count(name: str, value: object) -> None:
    """Is value an integer of at least 1?"""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r}.")


def n_samples_drawn(max_samples: float | None, n: int, default: int, what: str) -> int:
    """How many of n samples to draw."""
    if max_samples is None:
        return min(default, n)
    if isinstance(max_samples, Integral) and not isinstance(max_samples, bool) and 1 <= max_samples <= n:
        return int(max_samples)
    if isinstance(max_samples, Real) and not isinstance(max_samples, Integral) and 0 < max_samples <= 1:
        return max(1, int(max_samples * n))
    raise ValueError(
        f"max_samples must be an integer from 1 to the number of {what}, {n}, or a share above 0 and up to 1.0; got "
        f"{max_samples!r}."
    )


def parts_by_feature(features: np.ndarray, align: str) -> tuple[list[tuple], dict[str, Any]]:
    """Parts (channels, 0, None), the whole course of each channel, and what they are called."""
    labels = {"by": "feature", "align": align, "features": features, "steps": None, "names": features.astype(str)}
    return [([channel], 0, None) for channel in range(len(features))], {**labels, "shape": (len(features),)}


def parts_by_step(
    by: str,
    spans: list[tuple[int, int]],
    align: str,
    channels: list[int],
    features: np.ndarray,
    step_names: list | None = None,
) -> tuple[list[tuple], dict[str, Any]]:
    """Parts (channels, start, stop) in order of time, channel after channel by "block", and what they are called.

    Parameters
    ----------
    by : {"timestep", "block"}
    spans : list of (start, stop)
        Counted from the side of `align`.
    align : {"end", "start"}
    channels : list of int
    features : ndarray of object
        Their names.
    step_names : list, default=None
        Names of all time steps, in order of time.

    Returns
    -------
    parts : list of (list of int, int, int)
    labels : dict
        by, align, features, steps, names, and the shape of the parts.
    """
    if align == "end":
        spans = spans[::-1]
        steps = np.array([(-stop, -start - 1) for start, stop in spans])
    else:
        steps = np.array([(start, stop - 1) for start, stop in spans])
    labels: dict[str, Any] = {"by": by, "align": align, "steps": steps}
    if by == "timestep":
        names = [_step_name(first, last, step_names) for first, last in steps.tolist()]
        labels |= {"features": None, "names": np.array(names), "shape": (len(steps),)}
        return [(channels, *span) for span in spans], labels
    labels |= {"features": features, "names": features.astype(str), "shape": (len(channels), len(steps))}
    return [([channel], *span) for channel in channels for span in spans], labels


def _step_name(first: int, last: int, step_names: list | None) -> str:
    if step_names is not None:
        first, last = step_names[first], step_names[last]
    return str(first) if first == last else f"{first} to {last}"
