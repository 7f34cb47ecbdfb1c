"""The network of a language model, and a Reader, which it is when it reads a text token by token."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax

from ..core._cells import make_cell
from ..core._losses import LogLoss
from ..core._memory import Arena
from ..core._network import Network

# Text is read in pieces of so many tokens, or of fewer where that would be more probabilities than this at once.
_PIECE, _MOST_PROBABILITIES = 1024, 1 << 22


# What is no parameter of RNNTextGenerator.
_CELL_DEFAULTS = {"activation": "tanh"}


def token_network(net: dict, dropout: float) -> Network:
    """A network that reads token numbers and puts out scores of the next token; `net` says all of its shape."""
    return Network(
        net["embedding_size"] or net["n_tokens"],
        net["hidden_layer_sizes"],
        LogLoss(net["n_tokens"]),
        cell=make_cell(net["cell"], _CELL_DEFAULTS),
        bidirectional=False,
        pooling=None,
        dropout=dropout,
        n_tokens=net["n_tokens"],
        one_hot=net["embedding_size"] is None,
    )


class Reader:
    """A network with its weights, for one call. To be used under `with_numerics`."""

    def __init__(self, network: Network, theta: np.ndarray):
        self._network, self._theta, self._arena = network, theta, Arena()

    def read(self, numbers: np.ndarray, state: list | None) -> tuple[list, np.ndarray]:
        """Read token numbers (T,) on from what the network remembers; what it remembers then, and its raw outputs
        (T, n_tokens)."""
        X = numbers[:, None, None].astype(np.float32)
        state, outputs = self._network.advance(self._theta, X, state, self._arena)
        if not np.isfinite(outputs).all():
            raise ValueError(
                "The network's outputs are not finite: its weights have become too large, or NaN. Fit again with a "
                "smaller learning_rate_init, or clip_norm=1.0."
            )
        return state, outputs.astype(np.float64)

    def _pieces(self, n: int) -> list[slice]:
        """A text of n tokens in pieces to be read one after the other."""
        size = max(1, min(_PIECE, _MOST_PROBABILITIES // self._network.loss.n_raw))
        return [slice(start, min(start + size, n)) for start in range(0, n, size)]

    def read_through(self, numbers: np.ndarray) -> tuple[list | None, np.ndarray]:
        """What the network remembers after a text of at least one token, and its raw outputs (n_tokens,) there."""
        state, outputs = None, np.empty((1, 0))
        for steps in self._pieces(len(numbers)):
            state, outputs = self.read(numbers[steps], state)
        return state, outputs[-1]

    def log_likelihood(self, numbers: np.ndarray) -> np.ndarray:
        """Of each token but the first, given all before it, in nats."""
        following, state = numbers[1:], None
        found = np.empty(len(following))
        for steps in self._pieces(len(following)):
            state, outputs = self.read(numbers[steps], state)
            log_proba = log_softmax(outputs, axis=1)
            found[steps] = np.take_along_axis(log_proba, following[steps, None], axis=1)[:, 0]
        return found
