"""Pooling: what a many-to-one readout sees of the states of the last layer, and the registry that finds it by name.

Notation: H (T, D, N) are the states of T steps, N sequences, D units; those of padded steps are 0. P (R, N) is what the
readout sees, in most poolings one value for each unit, R = D. Forward and backward stand side by side:

    forward(weights, H, valid, before) -> P (R, N), weight (N,), cache
        `before` = (P, weight) stands for earlier steps, as constants; what comes out can be passed on in the same way.
    backward(weights, H, cache, dP, grads, arena) -> dH (T, D, N), or a list of T arrays (D, N), None where it is zero

A new pooling is one class in this file and one line in the registry at its end; the gradient tests find it there.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from ._blas import sum_outer


class Pooling(ABC):
    """Base of all poolings; notation and arguments stand at the top of the file."""

    #: the weight that stands for no step at all
    nothing = 0.0

    def __init__(self, bidirectional: bool = False):
        self.bidirectional = bidirectional

    def shapes(self, n_states: int) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the weights, for D states; none by default."""
        return {}

    def n_pooled(self, n_states: int) -> int:
        """R, the number of values that the readout sees, for D states."""
        return n_states

    @abstractmethod
    def forward(self, weights, H, valid, before=None) -> tuple:
        """What the readout sees, the weight of the steps seen so far, and what `backward` needs."""

    @abstractmethod
    def backward(self, weights, H, cache, dP, grads, arena) -> Sequence[np.ndarray | None]:
        """The gradient that reaches each step's states; that of the pooling's own weights is written to `grads`."""


class LastPooling(Pooling):
    """The state after the last step; of a backward direction, whose last step is the first, the state there."""

    def forward(self, weights, H, valid, before=None):
        n_steps, n_states, batch = H.shape
        if valid is None and not self.bidirectional:
            return H[-1].copy(), np.ones(batch, H.dtype), None
        # at[d, n] is the step at which row d of column n is read
        at = np.empty((n_states, batch), np.intp)
        at[:] = n_steps - 1 if valid is None else np.maximum(valid.sum(axis=0) - 1, 0)
        if self.bidirectional:
            at[n_states // 2 :] = 0
        P = H[at, np.arange(n_states)[:, None], np.arange(batch)]
        return P, np.ones(batch, H.dtype), at

    def backward(self, weights, H, at, dP, grads, arena):
        dH: list = [None] * len(H)
        if at is None:
            dH[-1] = dP
            return dH
        for t in {*at[0].tolist(), *at[-1].tolist()}:
            dH[t] = dP * (at == t)
        return dH


class MeanPooling(Pooling):
    """The mean over the steps."""

    def forward(self, weights, H, valid, before=None):
        total = H.sum(axis=0)
        n_steps = np.full(H.shape[2], len(H), H.dtype) if valid is None else valid.sum(axis=0).astype(H.dtype)
        if before is not None:
            total += before[1] * before[0]
            n_steps += before[1]
        return total / np.maximum(n_steps, 1), n_steps, (valid, n_steps)

    def backward(self, weights, H, cache, dP, grads, arena):
        valid, n_steps = cache
        share = dP / n_steps
        return np.broadcast_to(share, H.shape) if valid is None else share * valid[:, None, :]


class MaxPooling(Pooling):
    """The largest value of each unit over the steps."""

    def forward(self, weights, H, valid, before=None):
        n_steps = np.full(H.shape[2], len(H), H.dtype) if valid is None else valid.sum(axis=0).astype(H.dtype)
        candidates = H if valid is None else np.where(valid[:, None, :], H, H.dtype.type(-np.inf))
        P = candidates.max(axis=0)
        # the first step that has the maximum: several times as fast as argmax, which runs across memory
        steps_left = np.arange(len(H), 0, -1, dtype=np.int32)[:, None, None]
        at = len(H) - ((candidates == P) * steps_left).max(axis=0, initial=1)
        from_here = np.ones(P.shape, bool)
        if before is not None:
            from_here = (before[1] == 0) | (P > before[0])
            P = np.where(from_here, P, before[0])
            n_steps = n_steps + before[1]
        return np.where(n_steps > 0, P, H.dtype.type(0)), n_steps, (at, from_here)

    def backward(self, weights, H, cache, dP, grads, arena):
        at, from_here = cache
        dH = np.zeros_like(H)
        np.put_along_axis(dH, at[None], (dP * from_here)[None], axis=0)
        return dH


class AttentionPooling(Pooling):
    """A weighted mean over the steps whose weights are learnt (Bahdanau et al., 2015; Yang et al., 2016).

    ::

        e_t = v_a @ tanh(W_a @ h_t)
        a_t = exp(e_t) / sum over t' of exp(e_t')
        P   = sum over t of a_t * h_t
    """

    nothing = -np.inf  # the log of the softmax's denominator

    def shapes(self, n_states):
        return {"W_a": (n_states, n_states), "v_a": (1, n_states)}

    def forward(self, weights, H, valid, before=None):
        S = weights["W_a"] @ H
        np.tanh(S, S)
        e = (weights["v_a"] @ S)[:, 0]
        if valid is not None:
            e[~valid] = -np.inf
        # log_total is the log of the softmax's denominator; -inf where nothing has been seen yet
        top = e.max(axis=0) if before is None else np.maximum(e.max(axis=0), before[1])
        top = np.where(np.isfinite(top), top, H.dtype.type(0))
        a = np.exp(e - top)
        total = a.sum(axis=0)
        if before is not None:
            a_before = np.exp(before[1] - top)
            total = total + a_before
        some = np.where(total > 0, total, H.dtype.type(1))
        a /= some
        P = np.einsum("tn,tdn->dn", a, H)
        if before is not None:
            P += a_before / some * before[0]
        with np.errstate(divide="ignore"):
            log_total = np.log(total) + top
        return P, log_total, (S, a, P)

    def backward(self, weights, H, cache, dP, grads, arena):
        S, a, P = cache
        # softmax: de_t = a_t * (da_t - sum over t' of a_t' * da_t'), and da_t = dP . h_t makes that sum dP . P
        de = a * (np.einsum("dn,tdn->tn", dP, H) - (dP * P).sum(axis=0))
        grads["v_a"][...] = sum_outer(de[:, None, :], S, arena)
        np.subtract(1, np.multiply(S, S, S), S)
        dU = weights["v_a"].T * de[:, None, :] * S  # gradient of W_a @ h_t
        grads["W_a"][...] = sum_outer(dU, H, arena)
        return a[:, None, :] * dP + weights["W_a"].T @ dU


class ConcatPooling(Pooling):
    """The last state, the mean and the maximum, one below the other (Howard & Ruder, 2018)."""

    def __init__(self, bidirectional: bool = False):
        super().__init__(bidirectional)
        self.parts = [pooling(bidirectional) for pooling in (LastPooling, MeanPooling, MaxPooling)]

    def n_pooled(self, n_states):
        return 3 * n_states

    def forward(self, weights, H, valid, before=None):
        befores = [None] * 3 if before is None else [(P, before[1]) for P in np.split(before[0], 3)]
        found = [part.forward(weights, H, valid, seen) for part, seen in zip(self.parts, befores)]
        n_steps = found[1][1]
        return np.concatenate([P for P, _, _ in found]), n_steps, [cache for _, _, cache in found]

    def backward(self, weights, H, cache, dP, grads, arena):
        dP_last, dP_mean, dP_max = np.split(dP, 3)
        last, mean, largest = self.parts
        dH = largest.backward(weights, H, cache[2], dP_max, grads, arena)
        dH += mean.backward(weights, H, cache[1], dP_mean, grads, arena)
        for from_all, from_last in zip(dH, last.backward(weights, H, cache[0], dP_last, grads, arena)):
            if from_last is not None:
                from_all += from_last
        return dH


POOLINGS: dict[str, type[Pooling]] = {
    "last": LastPooling,
    "mean": MeanPooling,
    "max": MaxPooling,
    "attention": AttentionPooling,
    "concat": ConcatPooling,
}
