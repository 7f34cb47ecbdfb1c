"""The network: a stack of recurrent layers in one or two directions, a readout and a loss on top.

A Network knows shapes and nothing else: it holds no weights and no state, so one network may run in many threads.
Weights come in as one flat vector theta, gradients go out in the same layout. All arrays have the batch as their last
axis (see `_cells`). Sequences of different lengths are padded at the end; lengths are dealt with here, so that cells
need not know of them: a padded step gets no gradient and its state is cleared, so that nothing found there can reach a
result.

Weights are named ``W_x_l0, W_h_l0, b_l0`` for layer 0, with ``_reverse`` appended for the backward direction (GRU also
``b_hn_l0``), ``W_a, v_a`` for attention pooling, ``W_o, b_o`` for the readout and ``E`` for an embedding of tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np
from scipy.sparse import csr_array

from ._batch import Batch, reverse_in_time
from ._blas import sum_outer
from ._cell import Cell, glorot
from ._losses import Loss
from ._memory import Arena, ParamLayout
from ._pooling import POOLINGS


def _state_after(history: tuple[np.ndarray, ...], lengths: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """What a cell remembers after the last valid step of each sequence, from its history of (T+1, H, N) arrays."""
    if lengths is None:
        return tuple(h[-1].copy() for h in history)
    return tuple(np.take_along_axis(h, lengths[None, None, :], axis=0)[0] for h in history)


class Network:
    """Stacked recurrent layers, a readout and a loss.

    Parameters
    ----------
    n_inputs : int
        F.
    hidden_layer_sizes : tuple of int
        H of each layer.
    loss : Loss
    cell : Cell
    bidirectional : bool
        Each layer also runs through the sequence backwards; what it hands on is both states, D = 2 H rows.
    pooling : {"last", "mean", "max", "concat", "attention"} or None
        None for an output at every step.
    dropout : float
        Share of the values that are dropped between layers and before the readout while training.
    n_tokens : int, default=None
        If given, inputs are numbers of tokens, X (T, 1, N), each of which stands for a row of E (n_tokens, F).
    one_hot : bool, default=False
        Whether that row is a 1 among zeros, and not learnt.

    Attributes
    ----------
    layout : ParamLayout
    multiplications : int
        Of one time step of one sequence, in the largest layer and one direction.
    numbers_a_step : int
        Which one step of one sequence takes memory for, roughly.
    """

    def __init__(
        self,
        n_inputs: int,
        hidden_layer_sizes: Sequence[int],
        loss: Loss,
        *,
        cell: Cell,
        bidirectional: bool,
        pooling: str | None,
        dropout: float,
        n_tokens: int | None = None,
        one_hot: bool = False,
    ):
        self.loss = loss
        self.cell = cell
        self.dropout = dropout
        if pooling not in (None, *POOLINGS):
            raise ValueError(
                f"There is no pooling {pooling!r} in this process, only {sorted(POOLINGS)}. Import what registers it."
            )
        self.pooling = None if pooling is None else POOLINGS[pooling](bidirectional)
        self.directions = ("", "_reverse") if bidirectional else ("",)
        self.hidden_layer_sizes = tuple(hidden_layer_sizes)
        self.n_tokens = n_tokens
        self._embeds = n_tokens is not None and not one_hot
        shapes: dict[str, tuple[int, ...]] = {}
        if n_tokens is not None and not one_hot:
            shapes["E"] = (n_tokens, n_inputs)
        self.multiplications = 0
        n_below = n_inputs
        for layer, width in enumerate(self.hidden_layer_sizes):
            for direction in self.directions:
                of_cell = cell.shapes(n_below, width)
                for name, shape in of_cell.items():
                    shapes[f"{name}_l{layer}{direction}"] = shape
            self.multiplications = max(self.multiplications, sum(prod(s) for s in of_cell.values() if len(s) == 2))
            n_below = width * len(self.directions)
        self.numbers_a_step = 8 * len(self.directions) * sum(self.hidden_layer_sizes) + n_inputs
        if self.pooling is None:
            self.numbers_a_step += loss.n_raw
        readout = {} if self.pooling is None else self.pooling.shapes(n_below)
        n_pooled = n_below if self.pooling is None else self.pooling.n_pooled(n_below)
        readout.update(W_o=(loss.n_raw, n_pooled), b_o=(loss.n_raw,))
        self._readout_names = tuple(readout)
        self.layout = ParamLayout(shapes | readout)

    def _layer(self, named: dict[str, np.ndarray], layer: int, direction: str) -> dict[str, np.ndarray]:
        """The arrays of one cell, under the cell's own names."""
        suffix = f"_l{layer}{direction}"
        return {name: named[name + suffix] for name in self.cell.shapes(1, 1)}

    def start(self, rng: np.random.Generator, init: str, init_scale: float, dtype, usual_length: int) -> np.ndarray:
        """Draw starting weights; `init` and `init_scale` are those of the estimators.

        `usual_length`: steps that sequences usually have, which some cells start their memory with.
        """
        theta = np.zeros(self.layout.size)
        named = self.layout.views(theta)
        if self._embeds:
            named["E"][...] = rng.normal(0.0, init_scale if init == "normal" else 1.0, named["E"].shape)
        for layer, width in enumerate(self.hidden_layer_sizes):
            for direction in self.directions:
                weights = self._layer(named, layer, direction)
                if init == "orthogonal":
                    self.cell.start(weights, rng, usual_length)
                for W in weights.values():
                    if init == "uniform":
                        # PyTorch's rule: within 1 / sqrt(H) for everything in a recurrent layer
                        W[...] = rng.uniform(-1, 1, W.shape) / np.sqrt(width)
                    elif init == "normal":
                        W[...] = rng.normal(0.0, init_scale, W.shape)
        for name in self._readout_names:
            W = named[name]
            if init == "uniform":
                W[...] = rng.uniform(-1, 1, W.shape) / np.sqrt(named["W_o"].shape[1])
            elif init == "normal":
                W[...] = rng.normal(0.0, init_scale, W.shape)
            elif W.ndim == 2:
                W[...] = glorot(rng, W.shape, *W.shape)
        return theta.astype(dtype)

    def _drop(self, A, rng):
        """Inverted dropout. Returns the thinned array and what its gradient has to be multiplied by, or None."""
        if rng is None or self.dropout == 0.0:
            return A, None
        keep = 1.0 - self.dropout
        mask = (rng.random(A.shape, np.float32) < keep).astype(A.dtype)
        mask /= keep
        return A * mask, mask

    def _forward_layers(self, named, batch: Batch, rng, arena: Arena, n_layers: int | None = None, keep: bool = False):
        """Run all layers, or the first so many. Returns the states of the last one (T, D, N), a trace, which with
        `keep` is for `_backward_layers`, and what each cell remembers after the last step."""
        keep = keep or batch.lengths is not None  # what is remembered after the last step of each sequence
        X, valid = batch.X, batch.valid
        if self.n_tokens is not None:
            if self._embeds:
                X = named["E"][X[:, 0].astype(np.intp)].transpose(0, 2, 1)
            else:
                X = (X == np.arange(self.n_tokens)[:, None]).astype(X.dtype)
        n_steps, _, n_sequences = X.shape
        trace: list = []
        state_after: list = []
        for layer, width in enumerate(self.hidden_layer_sizes[:n_layers]):
            mask = None
            if layer:
                X, mask = self._drop(X, rng)
            outputs, runs = [], []
            for direction in self.directions:
                inputs = reverse_in_time(X, batch.lengths) if direction else X
                Z = arena.empty((n_steps + 1, width + X.shape[1] + 1, n_sequences), X.dtype)
                Z[:-1, width:-1] = inputs
                Z[:-1, -1] = 1
                weights = self._layer(named, layer, direction)
                state = None if batch.state is None else batch.state[len(state_after)]
                history, cache = self.cell.forward(weights, Z, state, arena, keep)
                state_after.append(_state_after(history, batch.lengths))
                H = Z[1:, :width]
                if valid is not None:
                    np.copyto(H, 0, where=~valid[:, None, :])
                runs.append((Z, cache))
                outputs.append(reverse_in_time(H, batch.lengths) if direction else H)
            X = outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=1)
            trace.append((runs, mask))
        return X, trace, state_after

    def _backward_layers(self, named, trace, dH, batch: Batch, grads, arena: Arena, whole: list | None = None):
        """Send dH (T, D, N), or a list of T arrays (D, N) or None, down through all layers.

        The whole gradients of their states are put into `whole`, if it is given, those of the last layer first.
        """
        lengths = batch.lengths
        for layer in reversed(range(len(trace))):
            runs, mask = trace[layer]
            width = self.hidden_layer_sizes[layer]
            dX: np.ndarray | None = None
            wholes = []
            for k, (direction, (Z, cache)) in enumerate(zip(self.directions, runs)):
                mine = dH
                if len(self.directions) == 2:
                    rows = slice(k * width, (k + 1) * width)
                    mine = dH[:, rows] if isinstance(dH, np.ndarray) else [None if d is None else d[rows] for d in dH]
                if direction:
                    if lengths is None:
                        mine = mine[::-1]
                    else:
                        if not isinstance(mine, np.ndarray):
                            zero = np.zeros((width, Z.shape[2]), Z.dtype)
                            mine = np.stack([zero if d is None else d for d in mine])
                        mine = reverse_in_time(mine, lengths)
                weights = self._layer(named, layer, direction)
                n_steps, n_rows, n_sequences = Z.shape
                from_here = None
                if layer or self._embeds:  # is there anything to learn further down?
                    from_here = arena.empty((n_steps - 1, n_rows - width - 1, n_sequences), Z.dtype)
                of_cell = self._layer(grads, layer, direction)
                D = None if whole is None else np.empty_like(Z[1:, :width])
                self.cell.backward(weights, Z, cache, mine, of_cell, arena, from_here, D)
                if D is not None:
                    wholes.append(reverse_in_time(D, lengths) if direction else D)
                if from_here is not None:
                    if direction:
                        from_here = reverse_in_time(from_here, lengths)
                    dX = from_here if dX is None else dX + from_here
            if whole is not None:
                whole.append(np.concatenate(wholes, axis=1))
            if layer and dX is not None:
                dH = dX if mask is None else dX * mask
            elif dX is not None:
                # dE[v] is the sum of dX over all steps and sequences where the token is v
                tokens, dX = batch.X[:, 0].astype(np.intp).ravel(), dX.transpose(0, 2, 1).reshape(-1, dX.shape[1])
                one_hot = csr_array(
                    (np.ones(len(tokens), dX.dtype), tokens, np.arange(len(tokens) + 1)), (len(tokens), self.n_tokens)
                )
                grads["E"][...] = one_hot.T @ dX

    def hidden_states(
        self, theta: np.ndarray, batch: Batch, arena: Arena | None = None, n_layers: int | None = None
    ) -> np.ndarray:
        """States of the last of the first so many layers, (T, D, N); zero at padded steps."""
        arena = _started(arena)
        H, _, batch.state_after = self._forward_layers(self.layout.views(theta), batch, None, arena, n_layers)
        return H

    def hidden_gradients(
        self, theta: np.ndarray, batch: Batch, arena: Arena | None = None, layer: int = -1
    ) -> np.ndarray:
        """dL/dh_t at every step of a layer (T, D, N), L the sum of weight times loss: the whole gradient, through all
        later steps and the layers above; zero at padded steps."""
        whole: list[np.ndarray] = []
        self.loss_grad(theta, batch, None, arena, whole)
        return whole[::-1][layer]

    def outputs(self, theta: np.ndarray, batch: Batch, arena: Arena | None = None) -> np.ndarray:
        """Raw outputs O: (K, N), or (T, K, N) where pooling is None."""
        arena = _started(arena)
        named = self.layout.views(theta)
        P, _, batch.state_after = self._forward_layers(named, batch, None, arena)
        if self.pooling is not None:
            P, weight, _ = self.pooling.forward(named, P, batch.valid, batch.pooled)
            batch.pooled_after = P, weight
        return named["W_o"] @ P + named["b_o"][:, None]

    def advance(self, theta: np.ndarray, X: np.ndarray, state: list | None, arena: Arena) -> tuple[list, np.ndarray]:
        """Go on from a state by the steps X (T, F, 1) of one sequence.

        Returns what each layer remembers after them, and the raw outputs (T, K).
        """
        arena.start()
        named = self.layout.views(theta)
        H, _, state = self._forward_layers(named, Batch(X, state=state), None, arena)
        return state, H[:, :, 0] @ named["W_o"].T + named["b_o"]

    def predict(self, theta: np.ndarray, batch: Batch, arena: Arena | None = None) -> np.ndarray:
        """The loss's link applied to the raw outputs."""
        return self.loss.link(self.outputs(theta, batch, arena))

    def _weighted_sum(self, O, batch: Batch):
        """The batch's loss and its gradient with respect to O."""
        assert batch.Y is not None  # without targets there is no loss
        values, dO = self.loss.value_and_gradient(O, batch.Y)
        weights = batch.weights
        valid = batch.valid
        if self.pooling is None and valid is not None:
            weights = valid.astype(O.dtype) if weights is None else weights * valid
        if weights is None:
            return float(values.sum()), dO
        return float((weights * values).sum()), dO * weights[..., None, :]

    def loss_sum(self, theta: np.ndarray, batch: Batch, arena: Arena | None = None) -> float:
        """Sum of weight times loss, without a gradient and without dropout."""
        return self._weighted_sum(self.outputs(theta, batch, arena), batch)[0]

    def loss_grad(
        self,
        theta: np.ndarray,
        batch: Batch,
        rng: np.random.Generator | None = None,
        arena: Arena | None = None,
        whole: list[np.ndarray] | None = None,
    ) -> tuple[float, np.ndarray]:
        """Sum of weight times loss over the batch, and its gradient with respect to theta.

        Parameters
        ----------
        theta : ndarray of shape (layout.size,)
        batch : Batch
        rng : Generator or None
            Draws the dropout masks; None switches dropout off.
        arena : Arena or None
            Memory for the step; None takes new memory.
        whole : list or None
            If given, the whole gradients of the states are put into it, those of the last layer first.
        """
        arena = _started(arena)
        named = self.layout.views(theta)
        gradient = np.empty_like(theta)
        grads = self.layout.views(gradient)

        H, trace, batch.state_after = self._forward_layers(named, batch, rng, arena, keep=True)
        if self.pooling is None:
            P = H
        else:
            P, _, pooling_cache = self.pooling.forward(named, H, batch.valid, batch.pooled)
        thinned, mask = self._drop(P, rng)
        O = named["W_o"] @ thinned + named["b_o"][:, None]

        value, dO = self._weighted_sum(O, batch)

        dP = named["W_o"].T @ dO
        if mask is not None:
            dP *= mask
        if self.pooling is None:
            grads["W_o"][...] = sum_outer(dO, thinned, arena)
            grads["b_o"][...] = dO.sum(axis=(0, 2))
            dH = dP
        else:
            grads["W_o"][...] = dO @ thinned.T
            grads["b_o"][...] = dO.sum(axis=1)
            dH = self.pooling.backward(named, H, pooling_cache, dP, grads, arena)
        self._backward_layers(named, trace, dH, batch, grads, arena, whole)
        return value, gradient

    def fast_forward(
        self, theta: np.ndarray, batch: Batch, n_last: int, rng: np.random.Generator | None = None
    ) -> Batch:
        """The last `n_last` steps of each sequence of a many-to-one batch, started from where the earlier ones lead.

        The earlier steps are run through without being kept, `n_last` at a time: what comes back remembers their
        final states and what pooling has seen of them, as constants. This is truncated back-propagation through time
        for one target at the end.
        """
        n_steps, _, n_sequences = batch.X.shape
        lengths = np.full(n_sequences, n_steps) if batch.lengths is None else batch.lengths
        n_early = np.maximum(lengths - min(n_last, n_steps), 0)
        if not n_early.any():
            return batch
        named = self.layout.views(theta)
        state, pooled = None, None
        for start in range(0, int(n_early.max()), n_last):
            X = batch.X[start : start + n_last]
            piece = Batch(X, np.clip(n_early - start, 0, len(X)), state=state)
            H, _, state = self._forward_layers(named, piece, rng, Arena())
            pooled = self.pooling.forward(named, H, piece.valid, pooled)[:2]  # type: ignore[union-attr]
        late_lengths = lengths - n_early
        t = np.arange(late_lengths.max())[:, None] + n_early
        X = np.take_along_axis(batch.X, np.minimum(t, n_steps - 1)[:, None, :], axis=0)
        all_full = (late_lengths == len(X)).all()
        return replace(batch, X=X, lengths=None if all_full else late_lengths, state=state, pooled=pooled)


def _started(arena: Arena | None) -> Arena:
    """The arena at the beginning of a step; without one, memory that is used once."""
    arena = Arena() if arena is None else arena
    arena.start()
    return arena
