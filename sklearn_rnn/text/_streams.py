"""A text as the network is trained on it: streams of tokens, side by side."""

from __future__ import annotations

import numpy as np

from .._warnings import warn
from ..sequences._dataset import Dataset
from ..sequences._sequences import Sequences


def streams(numbers: np.ndarray, at_most: int, bptt_steps: int) -> Dataset:
    """Tokens and those that follow them, in up to so many streams, each of at least two stretches of bptt_steps; what
    is left over is left out."""
    n_pairs = len(numbers) - 1
    n_streams = max(1, min(at_most, n_pairs // (2 * bptt_steps)))
    n_steps = n_pairs // n_streams
    n_tokens = n_streams * n_steps
    X = numbers[:n_tokens].astype(np.float32).reshape(n_streams, n_steps, 1)
    return Dataset(Sequences.from_3d(X), numbers[1 : n_tokens + 1, None], None, True, X.dtype)


def count(numbers: np.ndarray, n_tokens: int) -> np.ndarray:
    """How often each token occurs, which tells with which one to begin."""
    if len(numbers) < 2:
        raise ValueError(f"The text has {len(numbers)} token(s) to learn from; it takes at least 2.")
    return np.bincount(numbers, minlength=n_tokens)


def warn_if_short(numbers: np.ndarray, bptt_steps: int, text: object) -> None:
    """A text that is hardly one may be the name of a file."""
    if len(numbers) < 2 * bptt_steps:
        hint = ""
        if isinstance(text, str) and len(text) < 300 and "\n" not in text:
            hint = f" If {text!r:.60} is the name of a file, pass what is in it: pathlib.Path(...).read_text()."
        warn(
            f"The text has {len(numbers)} tokens, fewer than 2 * bptt_steps = {2 * bptt_steps}, which is hardly enough "
            f"to learn from.{hint}"
        )
