"""How training goes, while it goes: what is recorded of each epoch, and what `verbose` prints."""

from __future__ import annotations

import contextvars
import multiprocessing
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


def told(training: Training, checkpoint: Any, epochs: Any, announcer: Announcer, **notes: object) -> dict[str, Any]:
    """What `Training.run` is to call between epochs and mini-batches: all that a fit tells of itself on the way.

    `notes` are stored with the checkpoint.
    """

    def on_epoch_begin():
        checkpoint.between_epochs(training, notes)
        epochs.begin()

    def on_epoch_end(theta):
        announcer.epoch()
        return epochs.end(theta)

    on_batch_end = announcer.batch if announcer.verbose > 1 else None
    return {"on_epoch_begin": on_epoch_begin, "on_batch_end": on_batch_end, "on_epoch_end": on_epoch_end}


@contextmanager
def announced(label: str, verbose: int | None = None) -> Iterator[None]:
    """Whatever is trained in this block by estimators that are not asked to be verbose is as verbose as this; None is
    as verbose as it was to be before.

    Each line says what it is about: label.
    """
    token = _announced.set((label, _announced.get()[1] if verbose is None else verbose))
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

    On a terminal lines are rewritten in place, shortened to fit, and a bar shows how much of `max_iter` is done.
    Elsewhere, in a file, a notebook, a log or a worker of a search, they follow each other.

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
        process = multiprocessing.current_process().name
        self.is_worker = process != "MainProcess"
        if self.is_worker:  # several print at once
            self.label = f"{process}: {self.label}"
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

    @property
    def _in_place(self) -> bool:
        is_terminal = getattr(sys.stdout, "isatty", None)  # None, and a stream without it, are no terminals
        return not self.is_worker and is_terminal is not None and is_terminal()

    def _print(self, epoch: int, parts: dict[str, str], time: str, *, stays: bool) -> None:
        """A line of parts, such as "loss" and its value, with the time at its end, or in front, where it may be cut."""
        of_all = "" if self.last is None else f"/{self.last}"
        head = f"{self.label}Epoch {epoch}{of_all}"
        times = [time] if time else []
        if not self._in_place:
            of_parts = [f"{name} = {value}" if value else name for name, value in parts.items()]
            print(", ".join([head, *of_parts, *times]), flush=sys.stdout is not None)
            return
        short = {"validation loss": "validation", "validation score": "score", "gradient norm": "gradient"}
        line = ", ".join([*times, *(f"{short.get(name, name)} {value}".strip() for name, value in parts.items())])
        width = shutil.get_terminal_size().columns - 1
        if self.last is not None and len(head) + len(line) + _BAR + 5 <= width:
            done = _BAR * epoch // self.last
            head += f" [{'#' * done}{'-' * (_BAR - done)}]"
        # back to the start of the line, and what is longer than the new one is erased; a line that wraps could not be
        print(f"\r{f'{head}, {line}'[:width]}\x1b[K", end="\n" if stays else "", flush=True)
        self.must_end_line = not stays

    def _number(self, value: float) -> str:
        return f"{value:.4g}" if self._in_place else f"{value:.8f}"

    def batch(self, value: float, norm: float) -> None:
        """A mini-batch of this objective and gradient norm is done."""
        if self.verbose < 2:
            return
        self.n_batches += 1
        progress = self.training.progress
        parts = {f"batch {self.n_batches}": "", "loss": self._number(value)}
        parts |= {"rate": f"{progress.rate:.3g}", "gradient norm": f"{norm:.3g}"}
        self._print(progress.epoch + 1, parts, "", stays=False)

    def epoch(self) -> None:
        """An epoch is done."""
        if not self.verbose or self.training.progress.epoch == self.first:
            return
        progress, self.n_batches = self.training.progress, 0
        parts = {"loss": self._number(progress.curve[-1])}
        if self.training.validation:
            loss, score = self.training.validation[-1]
            parts["validation loss"] = self._number(loss)
            if score is not None:
                parts["validation score"] = f"{score:.6f}" if not self._in_place else f"{score:.4g}"
        if progress.rate is not None:
            parts["rate"] = f"{progress.rate:.3g}"
        parts["gradient norm"] = f"{progress.norms[-1]:.3g}"
        time = ""
        if self.last is not None:
            passed = perf_counter() - self.start
            # it may stop before, when it has converged
            left = passed / (progress.epoch - self.first) * (self.last - progress.epoch)
            time = f"at most {in_words(left)} left" if progress.epoch < self.last else f"{in_words(passed)} in all"
        self._print(progress.epoch, parts, time, stays=self.verbose > 1)
