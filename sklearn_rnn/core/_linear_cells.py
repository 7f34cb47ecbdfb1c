"""Cells whose recurrence is elementwise: the minimal GRU and IndRNN. They remember a thousand steps, and are fast.

The notation is that of `_cells`; read that first. There, ``W_h @ h_{t-1}`` mixes all units at every step: T products,
each waiting for the one before. Here a unit hears only of itself, and all mixing is done by the layers above and below.
So the matrix products run over all time steps at once, and only a *scan* is left to do step by step:

    h_t = c_t * h_{t-1} + v_t

elementwise. A unit with c close to 1 forgets as slowly as 1 / (1 - c) steps, its "memory" m; what decides whether
these cells can learn is that the memories they start from range over all lengths up to that of the sequences.

The gradient runs backwards through the same scan, D_t = dH_t + c_{t+1} * D_{t+1}, with D_t the whole gradient of h_t.

What a step costs
-----------------
Counted as in `_cells`. For few units (H*N up to some 1,000) even the two calls of a scan's step are too many: then it
is done in two levels, in about 5 sqrt(T) calls instead of 2 T (see `scan`).

======  =========================  ==============================================
cell    forward                    backward
======  =========================  ==============================================
minGRU  2 calls, 2 passes, 7 in    2 calls, 2 passes, and 13 in chunks
        chunks
IndRNN  3 calls, 3 passes          2 calls, 2 passes, and 8 in chunks
======  =========================  ==============================================
"""

from math import isqrt

import numpy as np
from numpy import add, maximum, multiply, subtract, tanh

from ._blas import at_all_steps, by_row, outer, sum_outer
from ._cell import Cell, chunks
from ._memory import Arena

# Up to so many units times sequences, and from so many steps on, calls cost more than passes. (Measured.)
_FEW_UNITS, _MANY_STEPS = 1024, 64


def _size_of_blocks(A: np.ndarray) -> int:
    """How many steps a block has if a scan over A (T, H, N) is to be done in two levels; 0 if it is not."""
    n_steps, width, batch = A.shape
    return isqrt(n_steps) if width * batch <= _FEW_UNITS and n_steps >= _MANY_STEPS else 0


def _in_blocks(A: np.ndarray, size: int) -> np.ndarray:
    """A (T, H, N) as a view (size, T // size, H, N): [t, k] is step t of block k. The steps left over are not there."""
    n_blocks = len(A) // size
    return A[: n_blocks * size].reshape(n_blocks, size, *A.shape[1:]).swapaxes(0, 1)


def scan(C: np.ndarray, V: np.ndarray, before: np.ndarray, H: np.ndarray, arena: Arena) -> None:
    """h_t = c_t * h_{t-1} + v_t for all t.

    In two levels, the steps are cut into blocks. All blocks run side by side, each as if it started from zero; c is
    multiplied up beside it, so that what a block starts from can be added once it is known:

        h_t = (h_t from zero) + (c_first * ... * c_t) * (h at the end of the block before)

    Parameters
    ----------
    C : ndarray of shape (T, H, N)
    V : ndarray of shape (T, H, N)
        May be overwritten.
    before : ndarray of shape (H, N)
        h before the first step.
    H : ndarray of shape (T, H, N)
        Where h_t is written; may be V itself.
    arena : Arena
    """
    size = _size_of_blocks(V)
    if size:
        with arena.borrowed():
            # copies, so that what stands side by side is contiguous: numbers first, then what to multiply the end by
            from_zero, factors = (arena.empty(_in_blocks(V, size).shape, V.dtype) for _ in range(2))
            from_zero[...], factors[...] = _in_blocks(V, size), _in_blocks(C, size)
            starts = arena.empty(from_zero[0].shape, V.dtype)
            for h_before, factor_before, h, factor in zip(from_zero, factors, from_zero[1:], factors[1:]):
                add(h, multiply(factor, h_before, starts), h)  # starts lends its memory
                multiply(factor, factor_before, factor)
            for start, factor, h in zip(starts, factors[-1], from_zero[-1]):
                start[...] = before
                before = multiply(factor, before) + h
            factors *= starts
            add(from_zero, factors, _in_blocks(H, size))
            done = from_zero.shape[1] * size
            C, V, H = C[done:], V[done:], H[done:]
    term = np.empty(before.shape, V.dtype)
    for c, v, h in zip(C, V, H):
        add(v, multiply(c, before, term), h)
        before = h


def relu_scan(c: np.ndarray, V: np.ndarray, before: np.ndarray, H: np.ndarray, arena: Arena) -> None:
    """h_t = max(0, c * h_{t-1} + v_t) for all t, as `scan` but for c (H, 1), which is at least 0.

    A block of such steps is again a maximum: of what it would be from -inf, and of what it would be without relu,

        h_t = max(m_t, q_t + c^k * (h at the end of the block before))       k: steps since then
        m_t = max(0, c * m_{t-1} + v_t)          q_t = c * q_{t-1} + v_t     0 and v_t at the first step of a block

    so the two levels of `scan` do here as well.
    """
    size = _size_of_blocks(V)
    if size:
        with arena.borrowed():
            m, q = (arena.empty(_in_blocks(V, size).shape, V.dtype) for _ in range(2))
            m[0], m[1:], q[...] = 0.0, _in_blocks(V, size)[1:], _in_blocks(V, size)
            whole, starts = (arena.empty(m[0].shape, V.dtype) for _ in range(2))
            whole[...] = c
            for m_before, q_before, m_t, q_t in zip(m, q, m[1:], q[1:]):
                add(q_t, multiply(whole, q_before, starts), q_t)  # starts lends its memory
                maximum(add(m_t, multiply(whole, m_before, starts), m_t), 0.0, out=m_t)
            powers = (c ** np.arange(1, size + 1, dtype=V.dtype)[:, None, None])[:, None]
            for start, m_end, q_end in zip(starts, m[-1], q[-1]):
                start[...] = before
                before = maximum(m_end, q_end + powers[-1, 0] * before)
            q += multiply(powers, starts, arena.empty(q.shape, V.dtype))
            maximum(m, q, out=_in_blocks(H, size))
            done = m.shape[1] * size
            V, H = V[done:], H[done:]
    term, whole = np.empty(before.shape, V.dtype), np.empty(before.shape, V.dtype)
    whole[...] = c  # NumPy is slow to broadcast short rows
    for v, h in zip(V, H):
        maximum(add(v, multiply(whole, before, term), h), 0.0, out=h)
        before = h


def _fill(D: np.ndarray, dH) -> None:
    """D (T, H, N) from a sequence of (H, N) or None."""
    if isinstance(dH, np.ndarray):
        D[...] = dH
        return
    D[...] = 0.0
    for t, from_above in enumerate(dH):
        if from_above is not None:
            D[t] = from_above


class MinGRUCell(Cell):
    """The minimal gated recurrent unit (Feng et al., 2024, Were RNNs all we needed?).

    Equations
    ---------
    ::

        z_t = s(W_xz @ x_t + b_z)                           update gate
        n_t = tanh(W_xn @ x_t + b_n)                        candidate
        h_t = h_{t-1} + z_t * (n_t - h_{t-1})               = (1 - z_t) * h_{t-1} + z_t * n_t

    Backward, with D_t the whole gradient of h_t::

        D_t  = dH_t + (1 - z_{t+1}) * D_{t+1}
        da_z = D_t * (n_t - h_{t-1}) * z_t * (1 - z_t)
        da_n = D_t * z_t * (1 - n_t^2)

    A GRU whose gates do not see h_{t-1}. (The paper has n without tanh, or with a function that keeps it positive for a
    scan in logarithms; with tanh, as in the GRU, it learns at least as well and its states are bounded.)

    The update gates start at z = 1/m with memories m spread evenly, in logarithms, from 1 to the usual length. The
    blocks stand in the order z, n. The cache holds z, n, 1 - z as three blocks.
    """

    gates = 2
    mixes_units = False
    usual_rate = 0.01

    def shapes(self, n_inputs, width):
        return {"W_x": (2 * width, n_inputs), "b": (2 * width,)}

    def start(self, weights, rng, usual_length):
        super().start(weights, rng, usual_length)
        width = len(weights["b"]) // 2
        memory = usual_length ** rng.uniform(0.0, 1.0, width)
        z = np.minimum(1.0 / memory, 0.9)
        weights["b"][:width] = np.log(z / (1.0 - z))

    def forward(self, weights, Z, state, arena, keep=True):
        rows = len(weights["b"])
        width = rows // 2
        n_steps, batch = len(Z) - 1, Z.shape[2]
        W = np.hstack([weights["W_x"], weights["b"][:, None]])
        W[:width] *= 0.5  # s(a) = (1 + tanh(a/2)) / 2
        A = arena.empty((3, n_steps, width, batch), Z.dtype)
        H = Z[:, :width]
        H[0] = 0.0 if state is None else state[0]
        for steps in reversed(chunks(n_steps, batch, 9 * H[0].nbytes)):
            with arena.borrowed():
                z, n, kept = A[:, steps]
                for W_gate, a in zip((W[:width], W[width:]), (z, n)):
                    at_all_steps(W_gate, Z[steps, width:], a)
                    tanh(a, a)
                z *= 0.5
                subtract(0.5, z, kept)
                z += 0.5
                scan(kept, multiply(z, n, arena.empty(z.shape, Z.dtype)), H[steps.start], H[1:][steps], arena)
        return (H,), A

    def backward(self, weights, Z, cache, dH, grads, arena, dX=None, whole=None):
        rows = len(weights["b"])
        width = rows // 2
        n_steps, batch = len(Z) - 1, Z.shape[2]
        carried = np.zeros((width, batch), Z.dtype)
        dW = np.zeros((rows, Z.shape[1] - width), Z.dtype)
        W_zT, W_nT = (np.ascontiguousarray(W.T) for W in (weights["W_x"][:width], weights["W_x"][width:]))
        for steps in chunks(n_steps, batch, 8 * carried.nbytes):
            with arena.borrowed():
                z, n, kept = cache[:, steps]
                D, da_z, da_n = (arena.empty(z.shape, Z.dtype) for _ in range(3))
                _fill(D, dH[steps])
                D[-1] += carried
                scan(kept[:0:-1], D[-2::-1], D[-1], D[-2::-1], arena)
                multiply(kept[0], D[0], carried)
                if whole is not None:
                    whole[steps] = D
                subtract(n, Z[steps, :width], da_z)
                da_z *= kept
                subtract(1.0, multiply(n, n, da_n), da_n)
                D *= z
                da_z *= D
                da_n *= D
                X_rows = by_row(Z[steps, width:], arena)
                dW[:width] += outer(by_row(da_z, arena), X_rows)
                dW[width:] += outer(by_row(da_n, arena), X_rows)
                if dX is not None:
                    at_all_steps(W_zT, da_z, dX[steps])
                    through_n = arena.empty(dX[steps].shape, Z.dtype)
                    at_all_steps(W_nT, da_n, through_n)
                    dX[steps] += through_n
        grads["W_x"][...], grads["b"][...] = dW[:, :-1], dW[:, -1]


class IndRNNCell(Cell):
    """The independently recurrent network (Li et al., 2018), an Elman cell whose units hear only of themselves.

    Equations
    ---------
    ::

        u   = exp(-exp(nu))                                 in (0, 1): memory m is about 1 / (1 - u)
        g   = sqrt(1 - u^2)
        h_t = relu(u * h_{t-1} + g * (W_x @ x_t + b))

    Backward, with D_t the whole gradient of h_t::

        da_t = D_t where h_t > 0, else 0
        D_t  = dH_t + u * da_{t+1}
        du   = sum of da_t * h_{t-1},   dg = sum of da_t * (W_x @ x_t + b)

    The paper bounds u by clipping it; the double exponential, and g, by which a unit with a long memory does not grow
    beyond the others, are those of the linear recurrent unit (LRU; Orvieto et al., 2023). Without g the states of the
    first epochs add up a thousand inputs and explode. The memories start evenly spread, in logarithms, from 1 to ten
    times the usual length.
    """

    gates = 1
    mixes_units = False
    usual_rate = 0.01

    def shapes(self, n_inputs, width):
        return {"W_x": (width, n_inputs), "nu": (width,), "b": (width,)}

    def start(self, weights, rng, usual_length):
        super().start(weights, rng, usual_length)
        memory = (10.0 * usual_length) ** rng.uniform(0.0, 1.0, len(weights["nu"]))
        u = np.maximum(1.0 - 1.0 / memory, 0.001)
        weights["nu"][...] = np.log(-np.log(u))

    @staticmethod
    def _u_and_g(weights):
        """exp(nu), u and g; nu is kept from where float32 would overflow, and where u would round to 1 and g to 0."""
        e = np.exp(np.clip(weights["nu"], -80.0, 30.0))
        return e, np.exp(-e), np.sqrt(-np.expm1(-2.0 * e))

    def forward(self, weights, Z, state, arena, keep=True):
        width = len(weights["b"])
        _, u, g = self._u_and_g(weights)
        W = np.hstack([weights["W_x"], weights["b"][:, None]]) * g[:, None]
        H = Z[:, :width]
        H[0] = 0.0 if state is None else state[0]
        for steps in reversed(chunks(len(Z) - 1, Z.shape[2], 4 * H[0].nbytes)):
            with arena.borrowed():
                V = arena.empty((steps.stop - steps.start, *H[0].shape), Z.dtype)
                at_all_steps(W, Z[steps, width:], V)
                relu_scan(u[:, None], V, H[steps.start], H[1:][steps], arena)
        return (H,), None

    def backward(self, weights, Z, cache, dH, grads, arena, dX=None, whole=None):
        width = len(weights["b"])
        n_steps, batch = len(Z) - 1, Z.shape[2]
        e, u, g = self._u_and_g(weights)
        carried = np.zeros((width, batch), Z.dtype)
        dW, du = np.zeros((width, Z.shape[1] - width), Z.dtype), np.zeros(width, Z.dtype)
        W_xT = np.ascontiguousarray((weights["W_x"] * g[:, None]).T)
        for steps in chunks(n_steps, batch, 6 * carried.nbytes):
            with arena.borrowed():
                H = Z[1:][steps, :width]
                D, dA, kept = (arena.empty(H.shape, Z.dtype) for _ in range(3))
                np.greater(H, 0.0, out=dA, casting="unsafe")  # where da_t is D_t
                multiply(dA, u[:, None], kept)
                _fill(D, dH[steps])
                D[-1] += carried
                scan(kept[:0:-1], D[-2::-1], D[-1], D[-2::-1], arena)
                multiply(kept[0], D[0], carried)
                if whole is not None:
                    whole[steps] = D
                dA *= D
                dW += sum_outer(dA, Z[steps, width:], arena)
                du += multiply(dA, Z[steps, :width], D).sum(axis=(0, 2))
                if dX is not None:
                    at_all_steps(W_xT, dA, dX[steps])
        # dW is the gradient of g * [W_x | b]
        dg = (dW[:, :-1] * weights["W_x"]).sum(axis=1) + dW[:, -1] * weights["b"]
        dW *= g[:, None]
        grads["W_x"][...], grads["b"][...] = dW[:, :-1], dW[:, -1]
        # du/dnu = u log u, and dg/du = -u / g
        grads["nu"][...] = (du - dg * u / g) * u * -e
