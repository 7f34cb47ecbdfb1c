"""An ONNX graph that is built node by node, and sequences inside it.

Inside a graph, time is the first axis: X (T, N, F), states (T, N, D), as ONNX's recurrent operators have it. A tensor
is known by its name, a str.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import numpy as np

# The oldest operator set that has all that is used here in the form in which it is used (ReduceMax with axes as input).
OLDEST_OPSET = 18

Step = Callable[["Graph", list[str], list[str]], list[str]]


def require_onnx(caller: str) -> Any:
    """The onnx package; an ImportError that names the extra where it is not installed."""
    try:
        import onnx
        import onnx.checker
    except ImportError as error:
        raise ImportError(
            f"{caller} needs the package onnx, which is not installed. Install it with: pip install onnx (or install "
            "this package with its extra: sklearn-rnn[onnx])."
        ) from error
    return onnx


class Graph:
    """Nodes and constants; every method adds some and returns the name of what comes out.

    Parameters
    ----------
    onnx : module
    dtype : dtype
        Of all that is no whole number.
    outer : Graph, default=None
        The graph inside which this one is the body of a loop: it keeps the constants of both.
    """

    def __init__(self, onnx: Any, dtype: np.dtype, outer: Graph | None = None):
        self.onnx, self.dtype = onnx, dtype
        self.float_type = onnx.helper.np_dtype_to_tensor_dtype(dtype)
        self.nodes: list = []
        self._outer = self if outer is None else outer
        self._numbers: Iterator[int] = count() if outer is None else outer._numbers
        self.constants: dict[str, Any] = {}
        self._known: dict[tuple, str] = {}

    def ops(self, kind: str, n_outputs: int, *inputs: str, called: str = "", **attributes: Any) -> list[str]:
        """A node with several outputs; what it is called stands in a runtime's errors."""
        name = f"{called or kind}_{next(self._numbers)}"
        outputs = [name] if n_outputs == 1 else [f"{name}_{k}" for k in range(n_outputs)]
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), outputs, name=name, **attributes))
        return outputs

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output."""
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def array(self, values: Any) -> str:
        """A constant as it is."""
        values = np.asarray(values)
        keeper = self._outer
        # strings of NumPy's own kinds are turned into objects, which onnx.numpy_helper takes
        if values.dtype.kind in "UT":
            values = values.astype(object)
        content = tuple(values.ravel().tolist()) if values.dtype == object else values.tobytes()
        key = (values.dtype.str, values.shape, content)
        if key not in keeper._known:
            name = f"constant_{next(self._numbers)}"
            keeper.constants[name] = self.onnx.numpy_helper.from_array(values, name)
            keeper._known[key] = name
        return keeper._known[key]

    def reals(self, values: Any) -> str:
        """A constant in the graph's dtype."""
        values = np.asarray(values)
        with np.errstate(over="ignore"):
            as_stored = values.astype(self.dtype)
        if not (np.isfinite(as_stored) | ~np.isfinite(values)).all():
            raise ValueError(
                f"The model holds numbers up to {np.abs(values).max():.3g}, of its weights or of a scaler, which are "
                "infinite in float32. Export with dtype='float64', or scale what it is fitted on."
            )
        return self.array(as_stored)

    def integers(self, *values: int) -> str:
        """A vector of whole numbers, as shapes and axes are."""
        return self.array(np.array(values, np.int64))

    def size(self, of: str, axis: int) -> str:
        """The size along one axis, a vector of one number."""
        return self.op("Shape", of, start=axis, end=axis + 1)

    def scalar(self, vector_of_one: str) -> str:
        """() from (1,)."""
        return self.op("Squeeze", vector_of_one)

    def all_bounded(self, A: str, *axes: int) -> str:
        """Where no number along these axes is NaN, infinite or near to that: bool, without the axes.

        Near, since a product of what is finite with weights may not be, and the difference of two such is NaN.
        """
        # a sum, unlike a maximum, passes NaN on in every runtime; and NaN is not less than anything
        total = self.op("ReduceSum", self.op("Abs", A), self.integers(*axes), keepdims=0)
        return self.op("Less", total, self.reals(np.finfo(self.dtype).max / 1e8))

    def not_empty(self, A: str) -> str:
        """A; an error when the graph is run on no sequences, or on no steps.

        ONNX Runtime (1.32) else aborts the process, in its GRU and LSTM, or puts out numbers.
        """
        shape = self.op("Shape", A)
        one = self.op("Min", self.op("ReduceProd", shape), self.integers(1))
        zero = self.op(
            "Gather",
            self.op("ConstantOfShape", one, value=self._zero(np.int64)),
            self.integers(0),
            called="X_is_not_empty",
        )
        return self.op("Reshape", A, self.op("Add", shape, zero))

    def _zero(self, dtype: Any) -> Any:
        return self.onnx.numpy_helper.from_array(np.zeros(1, dtype), "zero")

    def join(self, names: Sequence[str], axis: int) -> str:
        """Concat, unless there is only one."""
        return names[0] if len(names) == 1 else self.op("Concat", *names, axis=axis)

    def affine(self, X: str, W: np.ndarray, b: np.ndarray) -> str:
        """X @ W^T + b, with W (outputs, inputs) as our weights are."""
        return self.op("Add", self.op("MatMul", X, self.reals(W.T)), self.reals(b))

    def scan(
        self, step: Step, widths: Sequence[int], inputs: Sequence[str], valid: str | None, backwards: bool
    ) -> tuple[str, str]:
        """A loop over time; absent steps leave the states as they are.

        Parameters
        ----------
        step : callable
            step(body, states, inputs) -> states after it, the hidden state first, all (N, H).
        widths : sequence of int
            H of each state.
        inputs : sequence of str
            What each step is given, (T, N, ...).
        valid : str or None
            (T, N, 1), which steps there are; None is all.
        backwards : bool
            From the last step to the first.

        Returns
        -------
        H : str
            (T, N, H) the hidden state after each step.
        last : str
            (N, H) after the last one.
        """
        helper = self.onnx.helper
        body = Graph(self.onnx, self.dtype, outer=self._outer)
        number = next(self._numbers)
        given = [*inputs] if valid is None else [*inputs, valid]
        states = [f"state_{number}_{k}" for k in range(len(widths))]
        slices = [f"slice_{number}_{k}" for k in range(len(given))]
        after = step(body, states, slices[: len(inputs)])
        if valid is not None:
            after = [body.op("Where", slices[-1], new, old) for new, old in zip(after, states)]
        # an output of a body may not be another one's too: the hidden state is put out as state and as step
        per_step = body.op("Identity", after[0])
        bool_type = self.onnx.TensorProto.BOOL
        types = [self.float_type] * (len(states) + len(inputs)) + [bool_type] * (len(given) - len(inputs))
        proto = helper.make_graph(
            body.nodes,
            f"step_{number}",
            [helper.make_tensor_value_info(name, of, None) for name, of in zip([*states, *slices], types)],
            [helper.make_tensor_value_info(name, self.float_type, None) for name in [*after, per_step]],
        )
        batch = self.size(given[0], 1)
        zero = self._zero(self.dtype)
        starts = [
            self.op("ConstantOfShape", self.join([batch, self.integers(width)], 0), value=zero) for width in widths
        ]
        direction = int(backwards)
        *lasts, H = self.ops(
            "Scan",
            len(widths) + 1,
            *starts,
            *given,
            body=proto,
            num_scan_inputs=len(given),
            scan_input_directions=[direction] * len(given),
            scan_output_directions=[direction],
        )
        return H, lasts[0]


class Steps:
    """Sequences inside a graph: X (T, N, F), and their lengths where they differ.

    Parameters
    ----------
    graph : Graph
    X : str
        (T, N, F); where steps are absent it may hold anything.
    lengths : str or None
        (N,) int64; None where all sequences have all T steps.
    valid : str or None
        (T, N, 1), which steps there are, if that has been found out already.
    """

    def __init__(self, graph: Graph, X: str, lengths: str | None, valid: str | None = None):
        self.graph, self.X, self.lengths, self.valid = graph, X, lengths, valid
        if lengths is not None and valid is None:
            n_steps = graph.size(X, 0)
            # the identity, but that a length beyond T is an index out of bounds, and no silent wrong answer
            possible = self._counted(graph.scalar(graph.op("Add", n_steps, graph.integers(1))))
            self.lengths = lengths = graph.op("Gather", possible, lengths, called="lengths_are_at_most_T")
            steps = self._counted(graph.scalar(n_steps))
            there = graph.op("Less", graph.op("Unsqueeze", steps, graph.integers(1)), lengths)
            self.valid = graph.op("Unsqueeze", there, graph.integers(2))
        self.X = self.where_valid(X, 0.0)  # so that not even NaN reaches a result

    def holding(self, X: str) -> Steps:
        """Other numbers at the same steps."""
        return Steps(self.graph, X, self.lengths, self.valid)

    def _counted(self, n: str) -> str:
        """0, 1, ..., n - 1."""
        whole = [self.graph.array(np.array(k, np.int64)) for k in (0, 1)]
        return self.graph.op("Range", whole[0], n, whole[1])

    def where_valid(self, A: str, otherwise: float) -> str:
        """A (T, N, ...), with a number in the place of absent steps."""
        if self.valid is None:
            return A
        return self.graph.op("Where", self.valid, A, self.graph.reals(otherwise))

    def in_patches(self, size: int, n_features: int) -> Steps:
        """Every `size` steps joined into one; the first patch is filled up by repeating the sequence's first step.

        Step t of what is joined is step t - k of the sequence, and step 0 for t < k: k = (-length) mod size.
        """
        if size == 1:
            return self
        g, width = self.graph, self.graph.integers(size)
        n_steps = g.size(self.X, 0)
        n_patches = g.op("Div", g.op("Add", n_steps, g.integers(size - 1)), width)
        t = self._counted(g.scalar(g.op("Mul", n_patches, width)))
        lengths = self.lengths
        if lengths is None:
            missing = g.op("Mod", g.op("Neg", n_steps), width)
            at = g.op("Max", g.op("Sub", t, missing), g.integers(0))
            X = g.op("Gather", self.X, at, axis=0)
        else:
            missing = g.op("Mod", g.op("Neg", lengths), width)
            t = g.op("Unsqueeze", t, g.integers(1))
            at = g.op("Max", g.op("Sub", t, missing), g.integers(0))
            at = g.op("Min", at, g.op("Sub", n_steps, g.integers(1)))  # what stands behind the end is absent
            at = g.op("Unsqueeze", at, g.integers(2))
            shape = g.join([g.op("Shape", at, end=2), g.integers(n_features)], 0)
            X = g.op("GatherElements", self.X, g.op("Expand", at, shape), axis=0)
            lengths = g.op("Div", g.op("Add", lengths, g.integers(size - 1)), width)
        batch = g.size(X, 1)
        X = g.op("Reshape", X, g.join([n_patches, width, batch, g.integers(n_features)], 0))
        X = g.op("Transpose", X, perm=[0, 2, 1, 3])  # the features of a step stay together
        X = g.op("Reshape", X, g.join([n_patches, batch, g.integers(size * n_features)], 0))
        return Steps(g, X, lengths)
