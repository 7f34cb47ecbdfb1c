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
    *,
    per_step: bool | None = None,
) -> np.ndarray:
    """compute(theta, batch, arena) over all sequences, as rows: one for each sequence, or one for each valid step.

    A sequence of more steps than are computed at once is walked through in segments, each of which goes on from the
    state that the one before left, so that there are never the states of all its steps. Not so where a direction
    begins at its end, nor with `batch_of`, which gradients need: there the states of all steps must be kept.

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
    per_step : bool, default=None
        Whether `compute` returns something for every step; None is what the network's readout does.

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
    most_cells = cells(network, theta.dtype)
    blocks = sequences.blocks(np.arange(n), most_cells)
    per_step = network.pooling is None if per_step is None else per_step
    walks = batch_of is None and len(network.directions) == 1
    rows = np.empty(0)

    def rows_of(values, index, start=0):
        """Rows copied out of the arena, which the next block may be computed in, and where they belong."""
        if not per_step:
            return index, values.T
        t = np.arange(start, start + len(values))[:, None]
        valid = t < lengths[index]
        return (first_row[index] + t)[valid], values.transpose(0, 2, 1)[valid]

    def compute_block(index, arena):
        batch = Batch(*sequences.steps(index, theta.dtype)) if batch_of is None else batch_of(index)
        if not walks or len(batch.X) <= most_cells:  # of longer ones, each is a block of its own
            return [rows_of(compute(theta, batch, arena), index)]
        if not per_step:
            return [rows_of(compute(theta, network.fast_forward(theta, batch, most_cells), arena), index)]
        segments = enumerate(batch.segments(most_cells))
        return [rows_of(compute(theta, piece, arena), index, i * most_cells) for i, piece in segments]

    def put(found):
        nonlocal rows
        for where, values in found:
            if not rows.size:
                rows = np.empty((int(lengths.sum()) if per_step else n, values.shape[1]), values.dtype)
            rows[where] = values

    def one_by_one():
        arena = Arena()
        for index in blocks:
            put(compute_block(index, arena))

    def on_all_cores(cores):
        at_once = cores.n if network.multiplications * len(blocks[0]) >= MULTIPLICATIONS_A_THREAD else 1
        for start in range(0, len(blocks), at_once):
            for found in cores.map(compute_block, blocks[start : start + at_once]):
                put(found)

    # to take all cores costs as much as to run one sequence through the network
    if len(blocks) > 1:
        Cores().use(on_all_cores)
    else:
        with_numerics(one_by_one)
    return rows
