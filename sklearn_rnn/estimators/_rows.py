"""Running a fitted network over many sequences, block by block, on all cores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core._batch import Batch
from ..core._cores import Cores, with_numerics
from ..core._memory import Arena
from ..core._network import Network
from ..core._training import MULTIPLICATIONS_A_THREAD, cells
from ..sequences._sequences import Sequences

# So many time steps of sequences, at most, take less time than to see how they could be divided.
_FEW = 256


def compute_rows(
    compute: Callable[..., np.ndarray],
    theta: np.ndarray,
    sequences: Sequences,
    network: Network,
    batch_of: Callable[[np.ndarray], Batch] | None = None,
) -> np.ndarray:
    """compute(theta, batch, arena) over all sequences, as rows: one for each sequence, or one for each valid step.

    Parameters
    ----------
    compute : callable
        A method of the network, which returns (P, N) or (T, P, N).
    theta : ndarray
        Its dtype is that of the computation.
    sequences : Sequences
    network : Network
    batch_of : callable, default=None
        The batch of sequences given by their numbers, where it holds more than their inputs.

    Returns
    -------
    ndarray of shape (rows, P)
    """
    n = len(sequences)
    if batch_of is None and not sequences.may_vary and n * sequences.n_timesteps <= _FEW:  # nothing to divide
        values = with_numerics(lambda: compute(theta, Batch(sequences.whole(theta.dtype)), Arena()))
        return values.T if values.ndim == 2 else values.transpose(2, 0, 1).reshape(-1, values.shape[1])
    lengths = sequences.n_patches  # steps, as the network sees them
    first_row = np.cumsum(lengths) - lengths
    blocks = sequences.blocks(np.arange(n), cells(network, theta.dtype))
    rows = np.empty(0)

    def compute_block(index, arena):
        batch = Batch(*sequences.steps(index, theta.dtype)) if batch_of is None else batch_of(index)
        return compute(theta, batch, arena)

    def put(index, values):
        nonlocal rows
        per_step = values.ndim == 3
        if not rows.size:
            rows = np.empty((int(lengths.sum()) if per_step else n, values.shape[-2]), values.dtype)
        if per_step:
            t = np.arange(len(values))[:, None]
            valid = t < lengths[index]
            rows[(first_row[index] + t)[valid]] = values.transpose(0, 2, 1)[valid]
        else:
            rows[index] = values.T

    def one_by_one():
        arena = Arena()
        for index in blocks:
            put(index, compute_block(index, arena))

    def on_all_cores(cores):
        at_once = cores.n if network.multiplications * len(blocks[0]) >= MULTIPLICATIONS_A_THREAD else 1
        for start in range(0, len(blocks), at_once):
            some = blocks[start : start + at_once]
            for index, values in zip(some, cores.map(compute_block, some)):
                put(index, values)

    # to take all cores costs as much as to run one sequence through the network
    if len(blocks) > 1:
        Cores().use(on_all_cores)
    else:
        with_numerics(one_by_one)
    return rows
