"""Cell: what all recurrent cells have in common. The cells themselves stand in `_cells` and `_linear_cells`.

The notation is that of `_cells`, and explained there.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from ._memory import Arena

# Local derivatives and weight gradients are computed for chunks of about so many bytes, little enough for the caches
# and enough for a NumPy call; and of at least so many columns (time steps times sequences), which the products that
# make the weights' gradients need to be fast. (Measured: 2^19 to 2^22 bytes, 128 to 512 columns.)
_CHUNK_BYTES = 1 << 21
_CHUNK_COLUMNS = 256


def chunks(n_steps: int, batch: int, bytes_per_step: int) -> list[slice]:
    """Cut the time steps into slices of about _CHUNK_BYTES, the last steps first."""
    size = min(n_steps, max(-(-_CHUNK_COLUMNS // batch), _CHUNK_BYTES // bytes_per_step))
    return [slice(max(0, stop - size), stop) for stop in range(n_steps, 0, -size)]


def glorot(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
    """Uniform within sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio, 2010)."""
    return rng.uniform(-1, 1, shape) * np.sqrt(6.0 / (fan_in + fan_out))


def random_orthogonal(rng: np.random.Generator, size: int) -> np.ndarray:
    """A random rotation or reflection, uniformly distributed (Mezzadri, 2007)."""
    Q, R = np.linalg.qr(rng.normal(size=(size, size)))
    return Q * np.sign(np.diag(R))


class Cell(ABC):
    """One layer in one direction. A cell has no state: weights come in, states and gradients go out.

    It knows nothing of lengths, masks, losses or of where its weights are stored.
    """

    #: number of blocks of H rows in W_x and b, and in W_h where there is one
    gates: int
    #: whether a unit hears of the others' states; where none does, one step among many cannot be singled out
    mixes_units: bool = True
    #: a rate at which Adam trains the cell well
    usual_rate: float = 0.003
    #: parameters of the estimators that the cell takes, as keywords of its own
    options: tuple[str, ...] = ()

    def shapes(self, n_inputs: int, width: int) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the weights, in the order in which they are stored."""
        rows = self.gates * width
        return {"W_x": (rows, n_inputs), "W_h": (rows, width), "b": (rows,)}

    def start(self, weights: dict[str, np.ndarray], rng: np.random.Generator, usual_length: int) -> None:
        """Draw the weights that training starts from, init="orthogonal": recurrent matrices are orthogonal.

        All else in `weights` is 0 so far. `usual_length` is the number of steps that sequences usually have.
        """
        for name, W in weights.items():
            if name == "W_x":
                W[...] = glorot(rng, W.shape, W.shape[1], len(W) // self.gates)
            elif name == "W_h":
                for gate in W.reshape(self.gates, -1, W.shape[1]):
                    gate[...] = random_orthogonal(rng, len(gate))

    @abstractmethod
    def forward(
        self,
        weights: dict[str, np.ndarray],
        Z: np.ndarray,
        state: Sequence[np.ndarray] | None,
        arena: Arena,
        keep: bool = True,
    ) -> tuple:
        """Run through all steps of Z, in place.

        Parameters
        ----------
        weights : dict of str to ndarray
        Z : ndarray of shape (T+1, H+F+1, N)
            Inputs and ones are filled in; the states are written.
        state : sequence of ndarray of shape (H, N), or None
            What the cell remembers before the first step; None is zero.
        arena : Arena
            Where memory comes from.
        keep : bool
            Whether anything but the hidden states is kept of the steps before the last.

        Returns
        -------
        history : tuple of ndarray of shape (T+1, H, N)
            What the cell remembers after 0, 1, ..., T steps; without `keep` it may be after T steps only. The hidden
            states come first.
        cache : ndarray or None
            With `keep`, what `backward` needs besides Z.
        """

    @abstractmethod
    def backward(
        self,
        weights: dict[str, np.ndarray],
        Z: np.ndarray,
        cache: np.ndarray | None,
        dH: Sequence[np.ndarray | None],
        grads: dict[str, np.ndarray],
        arena: Arena,
        dX: np.ndarray | None = None,
        whole: np.ndarray | None = None,
    ) -> None:
        """Back-propagate through time.

        Parameters
        ----------
        weights, Z, cache
            As in and from `forward`.
        dH : sequence of length T of ndarray of shape (H, N), or None
            The gradient that reaches each h_t from above, not through later steps; None is zero.
        grads : dict of str to ndarray
            The gradients of the weights are written here.
        arena : Arena
        dX : ndarray of shape (T, F, N), or None
            The gradient of the inputs, W_x^T @ dA[t], is written here if it is wanted.
        whole : ndarray of shape (T, H, N), or None
            The whole gradient of each h_t, from above and through later steps, is written here if it is wanted.
        """
