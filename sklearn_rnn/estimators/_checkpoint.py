"""Checkpoint: the state of a fit in a file, from which a killed fit goes on as if nothing had happened."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from numbers import Integral
from pathlib import Path
from time import monotonic
from typing import Any

import joblib
import numpy as np
import pandas as pd

from .._version import __version__
from .._warnings import warn
from ..core._training import Training

# Parameters that change nothing of what is learnt.
_WITHOUT_EFFECT = ("verbose", "checkpoint", "checkpoint_every")


def interval(every: object) -> tuple[float, float]:
    """`checkpoint_every` as epochs and seconds between two checkpoints, one of which is 0."""
    if isinstance(every, (int, np.integer)) and not isinstance(every, bool) and every >= 1:
        return int(every), 0.0
    try:
        is_number = isinstance(every, (int, float)) or (isinstance(every, str) and every.strip().isdigit())
        seconds = 0.0 if is_number else pd.Timedelta(every).total_seconds()
    except (ValueError, TypeError):
        seconds = 0.0
    if not seconds > 0:
        raise ValueError(
            "checkpoint_every must be a number of epochs, such as 10, or a time, such as '30s', '5min' or a timedelta; "
            f"got {every!r}."
        )
    return 0, seconds


def identify(estimator: Any, *data: object) -> str:
    """What tells a fit from all others: the parameters, the data and this package's version."""
    parameters = {
        name: value for name, value in estimator.get_params(deep=False).items() if name not in _WITHOUT_EFFECT
    }
    for name, value in parameters.items():
        if callable(value):
            parameters[name] = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value))}"
    if not isinstance(parameters["random_state"], Integral):
        parameters["random_state"] = None  # whatever is drawn from it is in the file
    return joblib.hash([type(estimator).__name__, __version__, parameters, data])


class Checkpoint:
    """The file of one fit.

    Parameters
    ----------
    folder : path or None
        None: there is no file, and nothing is done.
    every : int, str or timedelta
        Epochs, or time, from one checkpoint to the next.
    of : callable
        of() tells which fit it is (see `identify`).
    name : str
        Of the estimator, which the file's name begins with.
    """

    def __init__(self, folder: str | os.PathLike | None, every: object, of: Callable[[], str], name: str):
        self.path = None if folder is None else Path(folder) / f"{name}-{of()}.npz"
        self.epochs, self.seconds = interval(every)
        self._written = monotonic(), 0
        self._told = False

    def resume(self, training: Training) -> dict:
        """Let the training go on from the file, if there is one; returns the notes that were stored with it."""
        if self.path is None:
            return {}
        try:
            with open(self.path, "rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            notes = json.loads(str(arrays.pop("values")))
            training.restore(arrays, notes.pop("training"))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except Exception as error:  # whatever it is that stands there, it is no reason not to train
            warn(f"The checkpoint {self.path} cannot be read ({error!r}); training starts anew.")
            return {}
        self._written = monotonic(), training.progress.epoch
        return notes

    def between_epochs(self, training: Training, notes: Mapping[str, object]) -> None:
        """Write the file, if it is time to; `notes` are stored with it."""
        if self.path is None:
            return
        when, epoch = self._written
        done = training.progress.epoch - max(epoch, training.n_before)
        if not done or (done < self.epochs if self.epochs else monotonic() - when < self.seconds):
            return
        arrays, values = training.snapshot()
        try:
            _replace(
                self.path, {**arrays, "values": np.array(json.dumps({**notes, "training": values}, default=float))}
            )
        except OSError as error:
            if not self._told:
                warn(f"The checkpoint {self.path} cannot be written ({error}); training goes on without it.")
            self._told = True
        self._written = monotonic(), training.progress.epoch

    def remove(self) -> None:
        """The fit has come to its end."""
        if self.path is not None:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)


def _replace(path: Path, arrays: dict[str, Any]) -> None:
    """Write the file so that whoever reads it finds the old or the new one, whole, whenever power fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    if os.name == "posix":  # the new name is on the disk, too
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
