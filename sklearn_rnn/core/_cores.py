"""The processor's cores: the settings under which networks run, and the threads that compute parts of a batch."""

from __future__ import annotations

import _thread
import contextvars
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache, partial
from queue import SimpleQueue
from typing import TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

from ._memory import Arena

T = TypeVar("T")
# NumPy copies operands that are not contiguous into buffers of this many numbers, and copies whenever a contiguous
# piece is shorter than half of it. The default of 8192 makes the blocks of a cell three times as slow.
_BUFFER_SIZE = 512


@cache
def blas_libraries() -> ThreadpoolController:
    """The BLAS libraries of this process: NumPy's and SciPy's wheels bring one each."""
    return ThreadpoolController().select(user_api="blas")


def _n_blas_threads() -> int:
    return max((library.num_threads or 1 for library in blas_libraries().lib_controllers), default=1)


@cache
def _limits_are_per_thread() -> bool:
    """Where BLAS is built on OpenMP, every thread has a limit of its own."""
    return any(getattr(lib, "threading_layer", "") == "openmp" for lib in blas_libraries().lib_controllers)


def with_numerics(work: Callable[[], T]) -> T:
    """work() under the settings of NumPy that networks run with, which end with the call, however it ends."""

    def in_context():
        np.seterr(over="ignore", invalid="ignore", divide="ignore")  # the solver deals with divergence
        np.setbufsize(_BUFFER_SIZE)
        return work()

    # NumPy's error state and buffer size belong to the context: in a copy of it there is nothing to set back.
    return contextvars.copy_context().run(in_context)


def insist(action: Callable[[], None]) -> None:
    """Do what must be done, and can be done twice, also where the user presses Ctrl-C meanwhile, once or many times."""
    interrupted = None
    while True:
        try:
            action()
            break
        except KeyboardInterrupt as error:
            interrupted = error
    if interrupted is not None:
        raise interrupted


class _BlasLimit:
    """BLAS held to one thread in the whole process, as long as anybody holds on to it.

    An exception may come at any line, when a user presses Ctrl-C. So nothing here is a flag that is set and taken back:
    who holds on is a set, what is restored is what was read before the set had a member, and to let go twice does no
    harm. Where BLAS is built on OpenMP every thread has a number of threads of its own, and restores it when the last
    holder in that thread lets go.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._holders: weakref.WeakSet = weakref.WeakSet()
        self._before: list[int] | None = None  # threads of each library while the limit is in force

    @staticmethod
    def _set(n_threads: Sequence[int]) -> None:
        for library, n in zip(blas_libraries().lib_controllers, n_threads):
            if library.num_threads != n:
                library.set_num_threads(n)

    @staticmethod
    def _give_up_control() -> None:
        """From threadpoolctl 3.8 on only one thread may set limits, until it gives that up or ends."""
        for library in blas_libraries().lib_controllers:
            getattr(library, "clear_controlling_thread", lambda: None)()

    def hold(self, cores: Cores) -> None:
        """Set the limit. Of those who hold on at the same time, the first may use all cores, the others have one."""
        with self._lock:
            n = [library.num_threads or 1 for library in blas_libraries().lib_controllers]
            first = not self._holders
            if first:
                if self._before is not None:  # whoever held on is gone without a word
                    n = self._before
                self._before = n
            cores.thread = threading.get_ident()
            self._holders.add(cores)
            self._set([1] * len(n))
            # where another thread has set a limit and not lifted it yet, ours may have no effect
            cores.n = max(n, default=1) if first and _n_blas_threads() == 1 else _lent.get()

    def let_go(self, cores: Cores) -> None:
        """Lift the limit, if nobody else holds on."""
        with self._lock:
            self._holders.discard(cores)
            if self._before is None:
                return
            last = not self._holders
            here = threading.get_ident()
            if last or (_limits_are_per_thread() and all(other.thread != here for other in self._holders)):
                self._restore()
            self._give_up_control()
            if last:
                self._before = None

    def _restore(self) -> None:
        """Back to what was before, but where that was one thread: then there was nothing to lower, and another thread,
        whose limit it was, may have lifted it meanwhile."""
        libraries = blas_libraries().lib_controllers
        self._set([n if n > 1 else library.num_threads for n, library in zip(self._before or [], libraries)])

    def after_fork(self) -> None:
        """In a forked child no other thread lives on, neither one that holds on nor one that computes."""
        before, holders = self._before, list(self._holders)
        self._begin()
        for cores in holders:
            cores.alone()
        if before is not None:
            self._before = before
            self._restore()
            self._give_up_control()
            self._before = None


_limit = _BlasLimit()
_lent = contextvars.ContextVar("cores_that_who_holds_the_limit_lends", default=1)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_limit.after_fork)


class Cores:
    """The processor's cores for the length of one call.

    BLAS is held to one thread. On the products of one time step a second BLAS thread gains little or loses, while two
    threads that each compute one half of the batch gain nearly everything, once a half is large enough. (Also, NumPy's
    and SciPy's wheels bring a BLAS each, whose threads would fight for the cores.)

    Attributes
    ----------
    n : int
        Parts of a batch that are computed at the same time: as many as BLAS had threads, so that the limits of joblib,
        threadpoolctl and environment variables hold. 1 outside of `use`, and in a call that overlaps another.
    arena : Arena
        Memory for what is computed in the thread that calls.
    """

    def __init__(self) -> None:
        self.thread = 0
        self.alone()

    def alone(self) -> None:
        """One core, and no other threads."""
        self.n = 1
        self.arena = Arena()
        self._arenas = [self.arena]
        self._tasks: SimpleQueue | None = None
        self._n_workers = 0

    def use(self, work: Callable[[Cores], T]) -> T:
        """work(self) with all cores, under `with_numerics`."""
        try:
            # Twice finally: an interrupt that comes where the first is about to leave finds the second.
            try:
                _limit.hold(self)
                return with_numerics(partial(work, self))
            finally:
                insist(self._leave)
        finally:
            insist(self._leave)

    def _leave(self) -> None:
        self._dismiss()
        _limit.let_go(self)

    def _dismiss(self) -> None:
        """Let the other threads end, once they have done what they are at. Nobody waits for them: whoever waits can be
        interrupted, and what they still compute is written to memory that nobody reads any more."""
        if self._tasks is not None:
            for _ in range(self._n_workers):
                self._tasks.put(None)
        self.alone()

    def map(self, compute: Callable, parts: Sequence) -> list:
        """[compute(part, arena) for part in parts], at most `n` of them at the same time."""
        if self.n == 1 or len(parts) <= 1:
            return [compute(part, self.arena) for part in parts]
        n, n_helpers = self.n, min(self.n, len(parts)) - 1
        if self._tasks is None:
            self._tasks = SimpleQueue()
        while self._n_workers < n_helpers:
            self._n_workers += 1
            self._arenas.append(Arena())
            try:
                # Not threading.Thread: to start one, and to wait for one, takes locks that an interrupt leaves locked.
                _thread.start_new_thread(_work, (self._tasks,))
            except RuntimeError:  # there can be no more, at the end of the process
                self._n_workers -= 1
                n_helpers = self._n_workers
        todo, results = deque(range(len(parts))), [None] * len(parts)
        done: SimpleQueue = SimpleQueue()

        def take_parts(arena):
            while True:
                try:
                    number = todo.popleft()  # whoever is free takes the next part
                except IndexError:
                    return
                results[number] = compute(parts[number], arena)

        try:
            for arena in self._arenas[1 : 1 + n_helpers]:
                # NumPy's error state and buffer size belong to the context
                self._tasks.put((contextvars.copy_context(), take_parts, arena, done))
            take_parts(self.arena)
            for _ in range(n_helpers):
                error = done.get()
                if error is not None:
                    raise error
        except BaseException:
            todo.clear()  # nothing more is begun
            self._dismiss()
            self.n = n
            raise
        return results


def on_one_blas_thread(work: Callable[[], T]) -> T:
    """work(), in which BLAS has one thread, so that what it computes does not depend on how many cores there are.

    Networks in it have all cores, as they would outside: what they compute does not depend on that.
    """
    cores = Cores()

    def in_context():
        _lent.set(cores.n)
        return work()

    try:
        try:
            _limit.hold(cores)
            return contextvars.copy_context().run(in_context)
        finally:
            insist(cores._leave)
    finally:
        insist(cores._leave)


def _work(tasks: SimpleQueue) -> None:
    """What the other threads do: take tasks until there comes None."""
    if _limits_are_per_thread():
        blas_libraries().limit(limits=1)
    while True:
        task = tasks.get()
        if task is None:
            return
        context, function, arena, done = task
        try:
            context.run(function, arena)
            done.put(None)
        except BaseException as error:
            done.put(error)
        del task, context, function, arena
