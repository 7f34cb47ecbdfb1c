"""What this package asks of BLAS, the library behind ``@``: products in the shape that it computes fastest."""

from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numpy import matmul

from ._cores import blas_libraries
from ._memory import Arena

# OpenBLAS copies the factors of a product into panels ("packing") before it multiplies, but for small products on
# processors that it has special kernels for: up to so many multiplications, and where the second factor is transposed
# up to so many results. (interface/gemm.c and kernel/x86_64/sgemm_small_kernel_permit_skylakex.c)
_SMALL_PRODUCT, _SMALL_RESULT = 10**6, 1200


@cache
def _has_small_kernels() -> bool:
    cores = {getattr(library, "architecture", None) for library in blas_libraries().lib_controllers}
    return not cores.isdisjoint({"SkylakeX", "Cooperlake", "SapphireRapids"})


def _block_of(rows: int, at_most: int) -> int:
    """The largest divisor of `rows` that is not above `at_most`, if that is worth while; else all rows."""
    if rows <= at_most or not _has_small_kernels():
        return rows
    return next((size for size in (*range(at_most, 7, -1), 4) if size <= at_most and rows % size == 0), rows)


def product(W: np.ndarray, outputs: np.ndarray) -> tuple[Callable, np.ndarray]:
    """How to compute ``W @ z`` again and again: a function times_W(z, out), and the views to use for `out`.

    Blocks of rows of W that are too small to be packed make the product up to 1.3 times as fast. Where BLAS has no
    kernels for small products there is one block, and then ``W.dot`` is half a microsecond quicker to call than matmul.

    Parameters
    ----------
    W : ndarray of shape (a, b), C-contiguous
    outputs : ndarray of shape (T, a, N)
        outputs[t] must be C-contiguous, and so must z, of shape (b, N).

    Returns
    -------
    times_W : callable
    outputs : ndarray of shape (T, a, N) or (T, blocks, a/blocks, N)
    """
    rows, inner = W.shape
    n_steps, _, batch = outputs.shape
    size = _block_of(rows, _SMALL_PRODUCT // (inner * batch))
    if size == rows:
        return W.dot, outputs
    return partial(matmul, W.reshape(-1, size, inner)), outputs.reshape(n_steps, -1, size, batch)


def at_all_steps(W: np.ndarray, Z: np.ndarray, out: np.ndarray) -> None:
    """out[t] = W @ Z[t] for all t at once, for W (a, b), Z (T, b, N) and out (T, a, N)."""
    n_steps, inner, batch = Z.shape
    if batch == 1:  # one product, not T
        matmul(Z[:, :, 0], W.T, out=out[:, :, 0])
        return
    size = _block_of(len(W), _SMALL_PRODUCT // (inner * batch))
    matmul(W.reshape(-1, size, inner), Z[:, None], out=out.reshape(n_steps, -1, size, batch))


def outer(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left @ right^T, for left (a, K) and right (b, K), in blocks of rows as in `product`."""
    rows, inner = left.shape
    size = _block_of(rows, min(_SMALL_PRODUCT // right.size, _SMALL_RESULT // len(right)))
    return matmul(left.reshape(-1, size, inner), right.T).reshape(rows, -1)


def by_row(A: np.ndarray, arena: Arena) -> np.ndarray:
    """A (T, rows, N) as (rows, T*N): BLAS wants axes that are summed over side by side, which costs a copy."""
    n_steps, rows, batch = A.shape
    if n_steps == 1:
        return A[0]
    if batch == 1:
        return A[:, :, 0].T
    copy = arena.empty((rows, n_steps, batch), A.dtype)
    copy[...] = A.transpose(1, 0, 2)
    return copy.reshape(rows, -1)


def sum_outer(left: np.ndarray, right: np.ndarray, arena: Arena) -> np.ndarray:
    """Sum over t and n of left[t, :, n] right[t, :, n]^T: the gradient of a matrix that was used at every step.

    One product over many steps is several times as fast as many small ones added up.

    Parameters
    ----------
    left : ndarray of shape (T, a, N)
    right : ndarray of shape (T, b, N)
    arena : Arena

    Returns
    -------
    ndarray of shape (a, b)
    """
    return outer(by_row(left, arena), by_row(right, arena))
