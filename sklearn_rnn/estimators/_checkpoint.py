"""Checkpoint: the state of a fit in a file, from which a killed fit goes on as if nothing had happened."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from time import monotonic
from types import CodeType, FunctionType
from typing import Any

import joblib
import numpy as np
import pandas as pd
from joblib.hashing import NumpyHasher

from .._version import __version__
from .._warnings import warn
from ..core._training import Training

# Parameters that change nothing of what is learnt.
_WITHOUT_EFFECT = ("verbose", "checkpoint", "checkpoint_every")
# So many numbers of an array are looked at at once; windows that are views are never copied as a whole.
_AT_ONCE = 1 << 20


def interval(every: object) -> tuple[float, float]:
    """`checkpoint_every` as epochs and seconds between two checkpoints, one of which is 0."""
    if isinstance(every, (int, np.integer)) and not isinstance(every, (bool, np.timedelta64)) and every >= 1:
        return int(every), 0.0
    try:
        is_number = isinstance(every, (int, float)) or (isinstance(every, str) and every.strip().isdigit())
        is_number = is_number and not isinstance(every, np.timedelta64)
        seconds = 0.0 if is_number else pd.Timedelta(every).total_seconds()
    except (ValueError, TypeError):
        seconds = 0.0
    if not seconds > 0:
        raise ValueError(
            "checkpoint_every must be a number of epochs, such as 10, or a time, such as '30s', '5min' or a timedelta; "
            f"got {every!r}."
        )
    return 0, seconds


def _digest(value: Any) -> str:
    """What tells a value from others, whatever its layout in memory."""
    if isinstance(value, (list, tuple)):
        return joblib.hash([type(value).__name__, *map(_digest, value)])
    if (
        isinstance(value, np.ndarray)
        and value.dtype.kind in "biufcSUmM"
        and value.ndim
        and not isinstance(value, np.ma.MaskedArray)
    ):
        found = hashlib.blake2b(f"{value.dtype.str} {value.shape}".encode(), digest_size=16)
        rows = max(1, _AT_ONCE // max(1, value[:1].size))
        for start in range(0, len(value), rows):
            found.update(np.ascontiguousarray(value[start : start + rows]).data.cast("B") if value.size else b"")
        return found.hexdigest()
    if isinstance(value, np.ma.MaskedArray):
        there = value.filled(0) if value.dtype.kind in "biuf" else value.data
        return _digest(["masked", there, np.ma.getmaskarray(value)])
    return _Hasher("md5").hash(value)


class _Hasher(NumpyHasher):
    """joblib's, to which a function is more than its name: its code, which may have been edited since, what it
    encloses and its defaults; and a class its methods, since an instance may be called. Not so what they call."""

    def reducer_override(self, value):
        """Of pickle: what stands for a value. It is only ever written."""
        if isinstance(value, type):
            methods = {name: getattr(method, "__func__", method) for name, method in vars(value).items()}
            codes = [(name, _digest_code(f.__code__)) for name, f in methods.items() if isinstance(f, FunctionType)]
            return (str, (f"{value.__module__}.{value.__qualname__}",), sorted(codes)) if codes else NotImplemented
        if not isinstance(value, FunctionType):
            return NotImplemented
        enclosed = [cell.cell_contents for cell in value.__closure__ or ()]
        more = value.__defaults__, value.__kwdefaults__, vars(value)
        return str, (f"{value.__module__}.{value.__qualname__}",), (_digest_code(value.__code__), enclosed, *more)


def _digest_code(code: CodeType) -> str:
    """What tells the code of a function from others; not what it calls."""
    return joblib.hash([code.co_code, code.co_names, _plain(code.co_consts)])


def _plain(constant: Any) -> Any:
    """A constant of a function as what is the same in every process: the order of a set is not."""
    if isinstance(constant, CodeType):
        return _digest_code(constant)
    if isinstance(constant, tuple):
        return [_plain(each) for each in constant]
    return sorted(map(repr, constant)) if isinstance(constant, frozenset) else repr(constant)


def identify(estimator: Any, seed: object, *data: object) -> str:
    """What tells a fit from all others: the parameters, the data, the seed and this package's version.

    A random_state of None never draws the same again: there, what was drawn is in the file alone.
    """
    parameters = {
        name: value for name, value in estimator.get_params(deep=False).items() if name not in _WITHOUT_EFFECT
    }
    drawn = None if parameters.pop("random_state") is None else seed
    of_parameters = {name: _digest(value) for name, value in parameters.items()}
    return joblib.hash([type(estimator).__name__, __version__, of_parameters, drawn, *map(_digest, data)])


class Checkpoint:
    """The file of one fit; a context manager around it, which takes the file away where the fit is `finished`.

    Fits that cannot be told from each other, such as those of an ensemble with random_state=None, may run side by side:
    each holds a lock on its file, and takes the next number where one is held.

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
        self.epochs, self.seconds = interval(every)
        self.path: Path | None = None
        self._lock: _Lock | None = None
        self._written = monotonic(), 0
        self._told = False
        self.finished = False  # whether the fit is one that nobody will go on with
        if folder is None:
            return
        if not os.fspath(folder) or "\0" in os.fspath(folder):
            raise ValueError(
                f"checkpoint={str(folder)!r} is no folder. Use None for no checkpoints, '.' for the current folder."
            )
        try:
            fit = f"{name}-{of()}"
        except Exception as error:  # whatever cannot be pickled may be a parameter, or data
            warn(
                f"Nothing tells this fit from others ({error!r}), so that there are no checkpoints; training goes on "
                "without them."
            )
            return
        where = Path(folder).expanduser().absolute()  # what it means now, wherever the process goes while it trains
        for number in count():
            self.path = where / f"{fit}{f'-{number}' if number else ''}.npz"
            try:
                self._lock = _Lock(where / f".{self.path.stem}.lock")
            except BlockingIOError:
                continue
            except OSError:  # it cannot be written to; that is told when it is tried
                pass
            break

    def resume(self, training: Training, verbose: int = 0) -> dict:
        """Let the training go on from the file, if there is one; returns the notes that were stored with it."""
        if self.path is None:
            return {}
        self._sweep()
        try:
            with open(self.path, "rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            notes = json.loads(str(arrays.pop("values")))
            training.restore(arrays, notes.pop("training"))
        except (FileNotFoundError, NotADirectoryError):
            others = len(list(self.path.parent.glob(f"{self.path.name.partition('-')[0]}-*.npz")))
            if verbose and others:
                print(
                    f"Starts anew: of {others} checkpoint(s) in {self.path.parent} none is of a fit with these data, "
                    "these parameters and this version.",
                    flush=True,
                )
            return {}
        except Exception as error:  # whatever it is that stands there, it is no reason not to train
            warn(f"The checkpoint {self.path} cannot be read ({error!r}); training starts anew.")
            return {}
        self._written = monotonic(), training.progress.epoch
        if verbose:
            print(f"Goes on after epoch {training.progress.epoch}, from {self.path}", flush=True)
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
        text = json.dumps({**notes, "training": values}, default=float)
        try:
            _replace(self.path, {**arrays, "values": np.array(text)})
        except OSError as error:
            if not self._told:
                warn(f"The checkpoint {self.path} cannot be written ({error}); training goes on without it.")
            self._told = True
        self._written = monotonic(), training.progress.epoch

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(self, *error: object) -> None:
        """The fit has come to its end, or was stopped and may go on later."""
        if self.path is None:
            return
        if self.finished:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)
        self._sweep()
        if self._lock is not None:
            self._lock.release()

    def _sweep(self) -> None:
        """Take away what was half written when a fit was killed; nobody else writes here while the lock is held."""
        if self._lock is not None and self.path is not None:
            for leftover in self.path.parent.glob(f".{self.path.stem}.*.tmp"):
                with suppress(OSError):
                    leftover.unlink()


class _Lock:
    """Held by one in all processes and threads, and let go by the system when its process dies, however it does.

    Raises BlockingIOError where somebody else holds it.
    """

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT)
            try:
                _hold(self._file)
                # whoever held it may have taken the file away between the two lines
                if os.path.samestat(os.fstat(self._file), os.stat(path)):
                    self._path = path
                    return
            except FileNotFoundError:
                pass
            except BaseException:
                os.close(self._file)
                raise
            os.close(self._file)

    def release(self) -> None:
        """Let go."""
        if os.name == "posix":
            with suppress(OSError):
                self._path.unlink()
        os.close(self._file)
        if os.name != "posix":  # there an open file cannot be taken away
            with suppress(OSError):
                self._path.unlink()


def _hold(file: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError as error:
            raise BlockingIOError(str(error)) from None
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _replace(path: Path, arrays: dict[str, Any]) -> None:
    """Write the file so that whoever reads it finds the old or the new one, whole, whenever power fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".tmp")
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
