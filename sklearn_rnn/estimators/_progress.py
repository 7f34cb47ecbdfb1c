"""How training goes, while it goes: what is recorded of each epoch, and what `verbose` prints."""

from __future__ import annotations

import contextvars
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import numpy as np

from ..core._training import Training

#: what `Progress` records of each epoch, and the fitted attributes that keep it
CURVES = {"curve": "loss_curve_", "norms": "gradient_norm_curve_", "clipped": "clipped_curve_"}
_BAR = 12  # characters

_announced = contextvars.ContextVar("announced", default=("", 0))


def curves_of(estimator: Any) -> dict[str, list[float]]:
    """What is recorded so far, to go on with; NaN where an older release recorded nothing."""
    nothing = [np.nan] * len(estimator.loss_curve_)
    return {name: list(getattr(estimator, attribute, nothing)) for name, attribute in CURVES.items()}


def with_validation(
    losses: list[float] | None, scores: list[float] | None, training: Training
) -> tuple[list[float] | None, list[float] | None]:
    """The curves of validation so far, with the epochs of this training.

    Epochs that were not validated, before or now, stand there as NaN, so that all curves go together.
    """
    n = training.progress.epoch - training.n_before
    new = training.validation[:n] or [(np.nan, None)] * n
    before = [np.nan] * training.n_before
    if training.validation or losses:
        losses = [*(losses or before), *(loss for loss, _ in new)]
    if scores or any(score is not None for _, score in new):
        scores = [*(scores or before), *(np.nan if score is None else score for _, score in new)]
    return losses, scores


@contextmanager
def announced(label: str, verbose: int) -> Iterator[None]:
    """Whatever is trained in this block by estimators that are not asked to be verbose is as verbose as this.

    Each line says what it is about: label.
    """
    token = _announced.set((label, verbose))
    try:
        yield
    finally:
        _announced.reset(token)


def in_words(seconds: float) -> str:
    """A duration, as a person would say it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"


class Announcer:
    """Prints a line an epoch, and above verbose=1 also one a mini-batch; a context manager around the training.

    On a terminal lines are rewritten in place, and a bar shows how much of `max_iter` is done. Elsewhere, in a file, a
    notebook or a log, they follow each other.

    Parameters
    ----------
    training : Training
    verbose : int
    one_pass : bool
        Whether there is one epoch only, so that nothing can be said of how long it will take.
    """

    def __init__(self, training: Training, verbose: int, *, one_pass: bool = False):
        label, least = _announced.get()
        self.training, self.verbose = training, max(int(verbose), least)
        self.label = label if least >= int(verbose) else ""
        self.last = None if one_pass else training.n_before + training.settings.max_iter
        self.first = training.progress.epoch
        self.n_batches = 0
        self.must_end_line = False

    def __enter__(self) -> Announcer:
        self.start = perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        if self.must_end_line:
            print()

    def _print(self, line: str, *, stays: bool) -> None:
        if not sys.stdout.isatty():
            print(line, flush=True)
            return
        width = shutil.get_terminal_size().columns
        # back to the start of the line, and what is longer than the new one is erased; a line that wraps could not be
        print(f"\r{line[: width - 1]}\x1b[K", end="\n" if stays else "", flush=True)
        self.must_end_line = not stays

    def _head(self, epoch: int) -> str:
        of_all = "" if self.last is None else f"/{self.last}"
        bar = ""
        if self.last is not None and sys.stdout.isatty():
            done = _BAR * epoch // self.last
            bar = f" [{'#' * done}{'-' * (_BAR - done)}]"
        return f"{self.label}Epoch {epoch}{of_all}{bar}"

    def batch(self, value: float, norm: float) -> None:
        """A mini-batch of this objective and gradient norm is done."""
        if self.verbose < 2:
            return
        self.n_batches += 1
        progress = self.training.progress
        line = f"{self._head(progress.epoch + 1)}, batch {self.n_batches}, loss = {value:.8f}"
        self._print(f"{line}, rate = {progress.rate:.3g}, gradient norm = {norm:.3g}", stays=False)

    def epoch(self) -> None:
        """An epoch is done."""
        if not self.verbose or self.training.progress.epoch == self.first:
            return
        progress, self.n_batches = self.training.progress, 0
        line = f"{self._head(progress.epoch)}, loss = {progress.curve[-1]:.8f}"
        if self.training.validation:
            loss, score = self.training.validation[-1]
            line += f", validation loss = {loss:.8f}"
            if score is not None:
                line += f", validation score = {score:.6f}"
        if progress.rate is not None:
            line += f", rate = {progress.rate:.3g}"
        line += f", gradient norm = {progress.norms[-1]:.3g}"
        if self.last is not None:
            # it may stop before, when it has converged
            left = (perf_counter() - self.start) / (progress.epoch - self.first) * (self.last - progress.epoch)
            line += f", at most {in_words(left)} left"
        self._print(line, stays=self.verbose > 1)
