"""The recurrent cells: Elman, GRU and LSTM, each as a forward loop and, next to it, its backward loop.

Read this file with a textbook open, from top to bottom: the cells come in order of increasing complexity.

Notation
--------
T, N, F, H are the numbers of time steps, sequences in the batch, input features and hidden units.

X (T, F, N) inputs, H (T, H, N) hidden states, A pre-activations. The batch is always the **last** axis ("feature
major"): the gates of one time step are then contiguous blocks of rows, and NumPy runs through them at full speed.

W_x (gates*H, F), W_h (gates*H, H), b (gates*H,) are the weights of one cell; gates is 1 for Elman, 3 for GRU, 4 for
LSTM. Shapes and the order of the gates are PyTorch's. A gradient is the name with a d in front: dA is dLoss/dA.

``s(a) = 1 / (1 + exp(-a))`` is the logistic sigmoid, ``*`` is elementwise, ``@`` is the matrix product.

Z (T+1, H+F+1, N) is the one buffer that a cell reads and writes. We are at time step t:

    Z[t] = [ h_{t-1} ]   H rows: the state that step t starts from
           [ x_t     ]   F rows: its input
           [ 1       ]   1 row:  carries the bias

so that ``W_h @ h_{t-1} + W_x @ x_t + b`` is the single product ``[W_h | W_x | b] @ Z[t]``, and the new state goes
straight to where the next step finds it: ``h_t = Z[t+1, :H]``.

What depends on the forward pass alone (the local derivatives) is computed for many steps with one NumPy call each,
in chunks small enough to stay in the processor's cache; only what needs the gradient of the step after is done step by
step. The weights' gradients are products over all steps of a chunk, while it is still in the cache. No time loop
allocates memory.

What a step costs
-----------------
Besides its matrix products: half a microsecond for each NumPy call, which is nearly all where H*N is below some 1,000,
and for larger blocks of H*N numbers the time to pass over them, about 0.1 ns a number in cache (tanh 0.4). So each cell
counts calls and passes, a pass being one elementwise operation on one block. "Chunk" passes are spread over
many steps and make no calls of their own; the last of them copy dA and Z for the product with the weights' gradient.

======  =========================  ==============================================
cell    forward                    backward
======  =========================  ==============================================
Elman   2 calls,   1 pass (tanh)   2 or 3 calls,  1 or 2 passes, and 4 in chunks
GRU     10 calls, 12 passes        7 or 8 calls,  6 or 7 passes, and 15 in chunks
LSTM    8 calls,  15 passes        8 or 9 calls,  7 or 8 passes, and 20 in chunks
======  =========================  ==============================================
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy import add, multiply, subtract, tanh

from ._blas import at_all_steps, by_row, outer, product, sum_outer
from ._cell import Cell, chunks
from ._linear_cells import IndRNNCell, MinGRUCell


def _blocks(A: np.ndarray, n: int) -> np.ndarray:
    """A (T, n*H, N) as its n blocks of rows (T, H, N), one for each gate."""
    n_steps, rows, batch = A.shape
    return A.reshape(n_steps, n, rows // n, batch).swapaxes(0, 1)


def _backwards(*sequences: Sequence) -> list[Sequence]:
    """The sequences from their last time step to their first."""
    return [sequence[::-1] for sequence in sequences]


def _each(n_steps: int, *arrays: np.ndarray) -> list[np.ndarray | list[np.ndarray]]:
    """A[t] of each array for each step t. Where nothing is kept for `backward`, arrays have one step, which all use."""
    return [A if len(A) >= n_steps else [A[0]] * n_steps for A in arrays]


def _places(whole: np.ndarray | None, n_steps: int) -> np.ndarray | list[None]:
    """Where the whole gradient of each h_t is to be written; nowhere, unless it is wanted."""
    return [None] * n_steps if whole is None else whole


class ElmanCell(Cell):
    """The simple recurrent network (Elman, 1990).

    Equations
    ---------
    ::

        a_t = W_x @ x_t + W_h @ h_{t-1} + b
        h_t = f(a_t)                            f = tanh or relu

    Backward, with dh_t the whole gradient of h_t::

        dh_t = dH_t + W_h^T @ da_{t+1}
        da_t = dh_t * f'(a_t)                   tanh: 1 - h_t^2      relu: 1 where h_t > 0
    """

    gates = 1
    options = ("activation",)

    def __init__(self, activation: str = "tanh"):
        self.activation = activation

    def forward(self, weights, Z, state, arena, keep=True):
        width = len(weights["W_h"])
        W = np.concatenate([weights["W_h"], weights["W_x"], weights["b"][:, None]], axis=1)
        H = Z[:, :width]
        H[0] = 0.0 if state is None else state[0]
        times_W, outputs = product(W, H[1:])
        for z, h in zip(Z, outputs):
            times_W(z, h)
            if self.activation == "tanh":
                tanh(h, h)
            else:
                np.maximum(h, 0.0, out=h)
        return (H,), None

    def backward(self, weights, Z, cache, dH, grads, arena, dX=None, whole=None):
        width = len(weights["W_h"])
        n_steps, batch = len(Z) - 1, Z.shape[2]
        dh = np.zeros((width, batch), Z.dtype)
        times_W_hT, (dh_out,) = product(np.ascontiguousarray(weights["W_h"].T), dh[None])
        dW = np.zeros((width, Z.shape[1]), Z.dtype)
        places = _places(whole, n_steps)
        if dX is not None:
            times_W_xT, dX = product(np.ascontiguousarray(weights["W_x"].T), dX)
        for steps in chunks(n_steps, batch, 4 * dh.nbytes):
            with arena.borrowed():
                H = Z[1:][steps, :width]
                dA = arena.empty(H.shape, Z.dtype)  # f'(a_t) stands where da_t will
                if self.activation == "tanh":
                    subtract(1.0, multiply(H, H, dA), dA)
                else:
                    np.greater(H, 0.0, out=dA, casting="unsafe")
                for from_above, da, place in zip(*_backwards(dH[steps], dA, places[steps])):
                    if from_above is not None:
                        add(dh, from_above, dh)
                    if place is not None:
                        place[...] = dh
                    multiply(dh, da, da)
                    times_W_hT(da, dh_out)
                dW += sum_outer(dA, Z[:-1][steps], arena)
                if dX is not None:
                    for da, dx in zip(dA, dX[steps]):
                        times_W_xT(da, dx)
        grads["W_h"][...] = dW[:, :width]
        grads["W_x"][...] = dW[:, width:-1]
        grads["b"][...] = dW[:, -1]


class GRUCell(Cell):
    """The gated recurrent unit (Cho et al., 2014), in the "reset after" form of cuDNN, PyTorch and Keras.

    Equations
    ---------
    ::

        r_t = s(W_xr @ x_t + W_hr @ h_{t-1} + b_r)          reset gate
        z_t = s(W_xz @ x_t + W_hz @ h_{t-1} + b_z)          update gate
        m_t = W_hn @ h_{t-1} + b_hn
        n_t = tanh(W_xn @ x_t + b_n + r_t * m_t)            candidate
        h_t = n_t + z_t * (h_{t-1} - n_t)                   = (1 - z_t) * n_t + z_t * h_{t-1}

    Backward, with dh_t the whole gradient of h_t::

        da_z = dh_t * (h_{t-1} - n_t) * z_t * (1 - z_t)
        da_n = dh_t * (1 - z_t) * (1 - n_t^2)
        da_r = da_n * m_t * r_t * (1 - r_t)
        dm   = da_n * r_t
        dh_{t-1} = dH_{t-1} + dh_t * z_t + W_hr^T @ da_r + W_hz^T @ da_z + W_hn^T @ dm

    The gates stand in PyTorch's order r, z, n; b_hn is PyTorch's third block of bias_hh, whose other blocks would
    only repeat b. The cache holds r, z, m, n as four blocks.
    """

    gates = 3

    def shapes(self, n_inputs, width):
        return {**super().shapes(n_inputs, width), "b_hn": (width,)}

    def forward(self, weights, Z, state, arena, keep=True):
        W_x, W_h, b = weights["W_x"], weights["W_h"], weights["b"]
        width = W_h.shape[1]
        n_steps, batch = len(Z) - 1, Z.shape[2]
        two, three = 2 * width, 3 * width
        # Rows r, z, m of one product with Z[t]. s(a) = (1 + tanh(a/2)) / 2, and tanh is ten times as fast as exp and
        # a division: the weights of the sigmoids are halved here, once, and not a in every step.
        W = np.concatenate([W_h, W_x, b[:, None]], axis=1)
        W[:two] *= 0.5
        W[two:, width:] = 0.0
        W[two:, -1] = weights["b_hn"]
        A = arena.empty((n_steps if keep else 1, 4 * width, batch), Z.dtype)
        # W_xn @ x_t + b_n, for all steps at once, stands where n_t will.
        N = A[:, three:] if keep else arena.empty((n_steps, width, batch), Z.dtype)
        at_all_steps(np.concatenate([W_x[two:], b[two:, None]], axis=1), Z[:-1, width:], N)
        times_W, rzm = product(W, A[:, :three])
        H = Z[:, :width]
        H[0] = 0.0 if state is None else state[0]
        r_times_m, half = np.empty((width, batch), Z.dtype), np.array(0.5, Z.dtype)
        h_before = H[0]
        for z, h, n, out, gates, r, update, m in zip(
            Z, H[1:], N, *_each(n_steps, rzm, A[:, :two], A[:, :width], A[:, width:two], A[:, two:three])
        ):
            times_W(z, out)
            tanh(gates, gates)
            multiply(gates, half, gates)
            add(gates, half, gates)
            add(n, multiply(r, m, r_times_m), n)
            tanh(n, n)
            subtract(h_before, n, h)
            multiply(h, update, h)
            add(h, n, h)
            h_before = h
        return (H,), A

    def backward(self, weights, Z, cache, dH, grads, arena, dX=None, whole=None):
        W_h = weights["W_h"]
        width = W_h.shape[1]
        n_steps, batch = len(Z) - 1, Z.shape[2]
        two, three = 2 * width, 3 * width
        dh, dh_kept = np.zeros((2, width, batch), Z.dtype)
        times_W_hT, (dh_out,) = product(np.ascontiguousarray(np.vstack([W_h[two:], W_h[:two]]).T), dh[None])
        dW_h, dW_x = np.zeros((three, width), Z.dtype), np.zeros((three, Z.shape[1] - width), Z.dtype)
        db_hn = np.zeros(width, Z.dtype)
        places = _places(whole, n_steps)
        if dX is not None:
            times_W_xT, dX = product(np.ascontiguousarray(weights["W_x"].T), dX)
        for steps in chunks(n_steps, batch, 14 * dh.nbytes):
            with arena.borrowed():
                r, z, m, n = _blocks(cache[steps], 4)
                # Blocks dm, da_r, da_z, da_n: the first three go back through W_h, the last three through W_x.
                dA = arena.empty(cache[steps].shape, Z.dtype)
                dm, da_r, da_z, da_n = _blocks(dA, 4)
                # da_r, da_z, da_n = da_n * F_r, dh * F_z, dh * F_n
                F_r, F_z, F_n = _blocks(arena.empty((len(r), three, batch), Z.dtype), 3)
                subtract(1.0, r, F_r)
                F_r *= r
                F_r *= m
                subtract(1.0, z, F_n)
                subtract(Z[steps, :width], n, F_z)
                F_z *= z
                F_z *= F_n
                subtract(1.0, multiply(n, n, da_n), da_n)  # da_n lends its memory
                F_n *= da_n
                for from_above, place, f_r, f_z, f_n, r_t, z_t, dm_t, da_r_t, da_z_t, da_n_t, da_mrz in zip(
                    *_backwards(dH[steps], places[steps], F_r, F_z, F_n, r, z, dm, da_r, da_z, da_n, dA[:, :three])
                ):
                    if from_above is not None:
                        add(dh, from_above, dh)
                    if place is not None:
                        place[...] = dh
                    multiply(dh, f_z, da_z_t)
                    multiply(dh, f_n, da_n_t)
                    multiply(da_n_t, f_r, da_r_t)
                    multiply(da_n_t, r_t, dm_t)
                    multiply(dh, z_t, dh_kept)
                    times_W_hT(da_mrz, dh_out)
                    add(dh, dh_kept, dh)
                dA_rows, Z_rows = by_row(dA, arena), by_row(Z[:-1][steps], arena)
                dW_h += outer(dA_rows[:three], Z_rows[:width])
                dW_x += outer(dA_rows[width:], Z_rows[width:])
                db_hn += dA_rows[:width].sum(axis=1)
                if dX is not None:
                    for da, dx in zip(dA[:, width:], dX[steps]):
                        times_W_xT(da, dx)
        grads["W_h"][:two], grads["W_h"][two:] = dW_h[width:], dW_h[:width]
        grads["W_x"][...], grads["b"][...] = dW_x[:, :-1], dW_x[:, -1]
        grads["b_hn"][...] = db_hn


class LSTMCell(Cell):
    """The long short-term memory with a forget gate and without peepholes (Gers et al., 2000).

    Equations
    ---------
    ::

        i_t = s(W_xi @ x_t + W_hi @ h_{t-1} + b_i)          input gate
        f_t = s(W_xf @ x_t + W_hf @ h_{t-1} + b_f)          forget gate
        g_t = tanh(W_xg @ x_t + W_hg @ h_{t-1} + b_g)       candidate
        o_t = s(W_xo @ x_t + W_ho @ h_{t-1} + b_o)          output gate
        c_t = f_t * c_{t-1} + i_t * g_t                     cell
        h_t = o_t * tanh(c_t)

    Backward, with dh_t and dc_t the whole gradients of h_t and c_t::

        da_o = dh_t * tanh(c_t) * o_t * (1 - o_t)
        dc_t = dc_{t+1} * f_{t+1} + dh_t * o_t * (1 - tanh(c_t)^2)
        da_i = dc_t * g_t * i_t * (1 - i_t)
        da_f = dc_t * c_{t-1} * f_t * (1 - f_t)
        da_g = dc_t * i_t * (1 - g_t^2)
        dh_{t-1} = dH_{t-1} + W_h^T @ [da_i; da_f; da_g; da_o]

    The gates stand in PyTorch's order i, f, g, o. The cache holds i, f, o, g, c_{t-1}, tanh(c_t) as six blocks, in
    this order because then the sigmoids i, f, o are neighbours, and so are the factors of (i, f) * (g, c_{t-1}).
    """

    gates = 4

    def start(self, weights, rng, usual_length):
        super().start(weights, rng, usual_length)
        # An open forget gate lets gradients through from the first epoch on (Jozefowicz et al., 2015).
        width = weights["W_h"].shape[1]
        weights["b"][width : 2 * width] = 1.0

    def forward(self, weights, Z, state, arena, keep=True):
        width = weights["W_h"].shape[1]
        n_steps, batch = len(Z) - 1, Z.shape[2]
        two, three, four, five = (k * width for k in (2, 3, 4, 5))
        W = np.concatenate([weights["W_h"], weights["W_x"], weights["b"][:, None]], axis=1)
        W = np.concatenate([W[:two], W[three:], W[two:three]])  # i, f, o, g
        W[:three] *= 0.5  # s(a) = (1 + tanh(a/2)) / 2: halve once here, not in every step
        A = arena.empty((n_steps + 1 if keep else 1, 6 * width, batch), Z.dtype)
        times_W, outputs = product(W, A[:, :four])
        H, C = Z[:, :width], A[:, four:five]
        H[0], C[0] = (0.0, 0.0) if state is None else state
        products, half = np.empty((two, batch), Z.dtype), np.array(0.5, Z.dtype)
        from_input, from_memory = products[:width], products[width:]
        C_after = C[1:] if keep else C  # c_t stands where the next step looks for it
        parts = A[:, :four], A[:, :three], A[:, :two], A[:, two:three], A[:, three:five], C_after, A[:, five:]
        for z, h, out, a, sigmoids, i_f, o, g_c, c, tanh_c in zip(Z, H[1:], *_each(n_steps, outputs, *parts)):
            times_W(z, out)
            tanh(a, a)
            multiply(sigmoids, half, sigmoids)
            add(sigmoids, half, sigmoids)
            multiply(i_f, g_c, products)
            add(from_input, from_memory, c)
            multiply(o, tanh(c, tanh_c), h)
        return (H, C), A

    def backward(self, weights, Z, cache, dH, grads, arena, dX=None, whole=None):
        width = weights["W_h"].shape[1]
        n_steps, batch = len(Z) - 1, Z.shape[2]
        dh, dc, from_h = np.zeros((3, width, batch), Z.dtype)
        times_W_hT, (dh_out,) = product(np.ascontiguousarray(weights["W_h"].T), dh[None])
        dW = np.zeros((4 * width, Z.shape[1]), Z.dtype)
        places = _places(whole, n_steps)
        if dX is not None:
            times_W_xT, dX = product(np.ascontiguousarray(weights["W_x"].T), dX)
        for steps in chunks(n_steps, batch, 18 * dh.nbytes):
            with arena.borrowed():
                i, f, o, g, c, tanh_c = _blocks(cache[steps], 6)
                # da_i, da_f, da_g = dc * F_i, dc * F_f, dc * F_g     da_o = dh * F_o     dc += dh * F_c
                F = arena.empty((len(i), 5 * width, batch), Z.dtype)
                F_i, F_f, F_g, F_o, F_c = _blocks(F, 5)
                subtract(1.0, i, F_i)
                F_i *= i
                F_i *= g
                subtract(1.0, f, F_f)
                F_f *= f
                F_f *= c
                subtract(1.0, o, F_o)
                F_o *= o
                F_o *= tanh_c
                subtract(1.0, multiply(g, g, F_g), F_g)
                F_g *= i
                subtract(1.0, multiply(tanh_c, tanh_c, F_c), F_c)
                F_c *= o
                dA = arena.empty((len(i), 4 * width, batch), Z.dtype)
                for from_above, place, f_i, f_f, f_g, f_o, f_c, f_t, da_i, da_f, da_g, da_o, da in zip(
                    *_backwards(dH[steps], places[steps], F_i, F_f, F_g, F_o, F_c, f, *_blocks(dA, 4), dA)
                ):
                    if from_above is not None:
                        add(dh, from_above, dh)
                    if place is not None:
                        place[...] = dh
                    add(dc, multiply(dh, f_c, from_h), dc)
                    multiply(dh, f_o, da_o)
                    multiply(dc, f_i, da_i)
                    multiply(dc, f_f, da_f)
                    multiply(dc, f_g, da_g)
                    multiply(dc, f_t, dc)
                    times_W_hT(da, dh_out)
                dW += sum_outer(dA, Z[:-1][steps], arena)
                if dX is not None:
                    for da, dx in zip(dA, dX[steps]):
                        times_W_xT(da, dx)
        grads["W_h"][...] = dW[:, :width]
        grads["W_x"][...] = dW[:, width:-1]
        grads["b"][...] = dW[:, -1]


CELLS: dict[str, type[Cell]] = {
    "rnn": ElmanCell,
    "gru": GRUCell,
    "lstm": LSTMCell,
    "mingru": MinGRUCell,
    "indrnn": IndRNNCell,
}


def make_cell(name: str, parameters: Mapping[str, object]) -> Cell:
    """The cell of this name, with those of the parameters that it takes."""
    if name not in CELLS:
        raise ValueError(f"There is no cell {name!r} in this process, only {sorted(CELLS)}. Import what registers it.")
    cell = CELLS[name]
    return cell(**{option: parameters[option] for option in cell.options})
