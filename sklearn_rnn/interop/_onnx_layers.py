"""Recurrent layers and poolings as nodes of an ONNX graph: the equations of `core._cells` and `core._pooling`.

A layer is one of ONNX's own operators, RNN, GRU or LSTM, where there is one, or else a Scan, which is a loop over time
with the equations of the cell as its body. ONNX Runtime has these operators for float32 only; so in float64 all are
Scans.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ._onnx_graph import Graph, Step, Steps

Weights = dict[str, np.ndarray]

# ONNX's order of the gates, in terms of ours, which is PyTorch's: i, o, f, c of i, f, g, o; z, r, h of r, z, n.
_GATES = {"rnn": [0], "gru": [1, 0, 2], "lstm": [0, 3, 1, 2]}
_ACTIVATIONS = {"tanh": "Tanh", "relu": "Relu"}


def recurrent_layer(
    steps: Steps, cell: str, activation: str | None, directions: Sequence[Weights], width: int
) -> tuple[Steps, str]:
    """One layer, in as many directions as there are weights.

    Returns
    -------
    H : Steps
        States (T, N, D), zero at absent steps.
    last : str
        (N, D), where each direction ends: at the last step that is there, and at the first.
    """
    standard = cell in _GATES and steps.graph.dtype == np.float32
    run = _standard if standard else _scanned
    H, last = run(steps, cell, activation, directions, width)
    return steps.holding(H), last


def _standard(steps, cell, activation, directions, width):
    """ONNX's operator. (ONNX Runtime knows only layout=0, time first.)"""
    g = steps.graph
    order = _GATES[cell]

    def in_order(W):
        return W.reshape(len(order), width, *W.shape[1:])[order].reshape(W.shape)

    def biases(weights):
        b_h = np.zeros_like(weights["b"])
        if cell == "gru":
            b_h[2 * width :] = weights["b_hn"]
        return np.concatenate([in_order(weights["b"]), in_order(b_h)])

    options = {"hidden_size": width, "direction": "bidirectional" if len(directions) == 2 else "forward"}
    if cell == "gru":
        options["linear_before_reset"] = 1
    if cell == "rnn":
        options["activations"] = [_ACTIVATIONS[activation]] * len(directions)
    lengths = "" if steps.lengths is None else g.op("Cast", steps.lengths, to=g.onnx.TensorProto.INT32)
    H, last = g.ops(
        cell.upper(),
        2,
        steps.X,
        g.reals(np.stack([in_order(weights["W_x"]) for weights in directions])),
        g.reals(np.stack([in_order(weights["W_h"]) for weights in directions])),
        g.reals(np.stack([biases(weights) for weights in directions])),
        lengths,
        **options,
    )
    both = width * len(directions)
    H = g.op("Reshape", g.op("Transpose", H, perm=[0, 2, 1, 3]), g.integers(0, 0, both))  # (T, directions, N, H)
    last = g.op("Reshape", g.op("Transpose", last, perm=[1, 0, 2]), g.integers(0, both))  # (directions, N, H)
    return H, last


def _scanned(steps, cell, activation, directions, width):
    """A Scan in each direction. Backwards, absent steps come first, and leave the state at zero."""
    states, lasts = [], []
    for backwards, weights in enumerate(directions):
        inputs, step = _EQUATIONS[cell](steps.graph, steps.X, weights, width, activation)
        widths = [width, width] if cell == "lstm" else [width]
        H, last = steps.graph.scan(step, widths, inputs, steps.valid, bool(backwards))
        states.append(H)
        lasts.append(last)
    return steps.graph.join(states, 2), steps.graph.join(lasts, 1)


# -- the equations of the cells: what is computed for all steps at once, and what a step is ---------------------------


def _elman(g: Graph, X: str, weights: Weights, width: int, activation: str) -> tuple[list[str], Step]:
    W_hT = g.reals(weights["W_h"].T)

    def step(body, states, inputs):
        (h,), (a,) = states, inputs
        return [body.op(_ACTIVATIONS[activation], body.op("Add", a, body.op("MatMul", h, W_hT)))]

    return [g.affine(X, weights["W_x"], weights["b"])], step


def _gru(g: Graph, X: str, weights: Weights, width: int, activation: str) -> tuple[list[str], Step]:
    b_h = np.concatenate([np.zeros(2 * width), weights["b_hn"]])
    widths = g.integers(width, width, width)

    def step(body, states, inputs):
        (h,), (a,) = states, inputs
        a_r, a_z, a_n = body.ops("Split", 3, a, widths, axis=1)
        m_r, m_z, m = body.ops("Split", 3, body.affine(h, weights["W_h"], b_h), widths, axis=1)
        r = body.op("Sigmoid", body.op("Add", a_r, m_r))
        z = body.op("Sigmoid", body.op("Add", a_z, m_z))
        n = body.op("Tanh", body.op("Add", a_n, body.op("Mul", r, m)))
        return [body.op("Add", n, body.op("Mul", z, body.op("Sub", h, n)))]

    return [g.affine(X, weights["W_x"], weights["b"])], step


def _lstm(g: Graph, X: str, weights: Weights, width: int, activation: str) -> tuple[list[str], Step]:
    W_hT, widths = g.reals(weights["W_h"].T), g.integers(width, width, width, width)

    def step(body, states, inputs):
        (h, c), (a,) = states, inputs
        i, f, g_in, o = body.ops("Split", 4, body.op("Add", a, body.op("MatMul", h, W_hT)), widths, axis=1)
        i, f, o = (body.op("Sigmoid", gate) for gate in (i, f, o))
        c = body.op("Add", body.op("Mul", f, c), body.op("Mul", i, body.op("Tanh", g_in)))
        return [body.op("Mul", o, body.op("Tanh", c)), c]

    return [g.affine(X, weights["W_x"], weights["b"])], step


def _mingru(g: Graph, X: str, weights: Weights, width: int, activation: str) -> tuple[list[str], Step]:
    z = g.op("Sigmoid", g.affine(X, weights["W_x"][:width], weights["b"][:width]))
    n = g.op("Tanh", g.affine(X, weights["W_x"][width:], weights["b"][width:]))

    def step(body, states, inputs):
        (h,), (z, n) = states, inputs
        return [body.op("Add", h, body.op("Mul", z, body.op("Sub", n, h)))]

    return [z, n], step


def _indrnn(g: Graph, X: str, weights: Weights, width: int, activation: str) -> tuple[list[str], Step]:
    e = np.exp(np.clip(weights["nu"], -80.0, 30.0))
    u, scale = g.reals(np.exp(-e)), np.sqrt(-np.expm1(-2.0 * e))

    def step(body, states, inputs):
        (h,), (v,) = states, inputs
        return [body.op("Relu", body.op("Add", body.op("Mul", u, h), v))]

    return [g.affine(X, scale[:, None] * weights["W_x"], scale * weights["b"])], step


_EQUATIONS: dict[str, Callable[..., tuple[list[str], Step]]] = {
    "rnn": _elman,
    "gru": _gru,
    "lstm": _lstm,
    "mingru": _mingru,
    "indrnn": _indrnn,
}
CELLS = tuple(_EQUATIONS)


# -- poolings: what the readout sees, (N, R), from the states (T, N, D) -----------------------------------------------


def _last(H: Steps, last: str, weights: Weights) -> str:
    return last


def _mean(H: Steps, last: str, weights: Weights) -> str:
    g = H.graph
    if H.lengths is None:
        return g.op("ReduceMean", H.X, g.integers(0), keepdims=0)
    lengths = g.op("Unsqueeze", g.op("Cast", H.lengths, to=g.float_type), g.integers(1))
    return g.op("Div", g.op("ReduceSum", H.X, g.integers(0), keepdims=0), lengths)


def _max(H: Steps, last: str, weights: Weights) -> str:
    g = H.graph
    return g.op("ReduceMax", H.where_valid(H.X, -np.inf), g.integers(0), keepdims=0)


def _concat(H: Steps, last: str, weights: Weights) -> str:
    return H.graph.join([pooling(H, last, weights) for pooling in (_last, _mean, _max)], 1)


def _attention(H: Steps, last: str, weights: Weights) -> str:
    g = H.graph
    S = g.op("Tanh", g.op("MatMul", H.X, g.reals(weights["W_a"].T)))
    e = H.where_valid(g.op("MatMul", S, g.reals(weights["v_a"].T)), -np.inf)  # (T, N, 1)
    a = g.op("Softmax", e, axis=0)
    return g.op("ReduceSum", g.op("Mul", a, H.X), g.integers(0), keepdims=0)


POOLINGS: dict[str, Callable[[Steps, str, Weights], str]] = {
    "last": _last,
    "mean": _mean,
    "max": _max,
    "concat": _concat,
    "attention": _attention,
}
