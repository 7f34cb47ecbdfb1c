"""HiddenStates: what a fitted network holds inside, its states and their gradients at every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from ..sequences._patches import in_patches
from ..sequences._sequences import Sequences
from ._rows import compute_rows


class HiddenStates:
    """Mixin of the estimators: `hidden_states` and `hidden_gradients`."""

    _check_fitted_X: Callable[..., Sequences]
    _prepare: Callable[..., Any]
    _network: Callable[[], Any]
    _theta: np.ndarray
    hidden_layer_sizes_: tuple[int, ...]
    patch_size_: int
    mapping: str

    def _arranged(self, rows: np.ndarray, sequences: Sequences) -> np.ndarray:
        """One row for each valid step, or patch, in the shape of the sequences."""
        if self.patch_size_ > 1:
            patches = in_patches(sequences, self.patch_size_)
            sequences = Sequences.from_ragged(patches) if isinstance(patches, list) else Sequences.from_3d(patches)
        return sequences.arrange_steps(rows, np.nan)

    def _check_layer(self, layer: int) -> int:
        """The number of a layer, from 0."""
        n = len(self.hidden_layer_sizes_)
        if not isinstance(layer, (int, np.integer)) or isinstance(layer, bool):
            raise TypeError(f"layer must be an int, got {layer!r}.")
        if not -n <= layer < n:
            raise ValueError(
                f"layer={layer} does not exist; this network has {n}, numbered 0 to {n - 1}, or -{n} to -1."
            )
        return int(layer) % n

    def hidden_states(self, X: ArrayLike, layer: int = -1) -> np.ndarray:
        """States of a layer at every time step.

        Parameters
        ----------
        X : as in `fit`
        layer : int, default=-1
            Which of the stacked layers, from 0; -1 is the last, which the readout sees.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, n_directions * width)
            The forward direction first. NaN at absent steps; for a list, an object array of
            (n_timesteps_i, n_directions * width) arrays. Time steps are patches where `patch_size_` is not 1.

        Raises
        ------
        ValueError
            If there is no such layer, or X is not as in `fit`.
        """
        sequences = self._check_fitted_X(X)
        compute = partial(self._network().hidden_states, n_layers=self._check_layer(layer) + 1)
        patches = sequences.in_patches(self.patch_size_)
        rows = compute_rows(compute, self._theta, patches, self._network(), per_step=True)
        return self._arranged(rows, sequences)

    def hidden_gradients(
        self, X: ArrayLike, y: ArrayLike, layer: int = -1, *, steps: Literal["all", "last"] = "all"
    ) -> np.ndarray:
        """dL/dh_t: the gradient of each sequence's own loss with respect to the states of a layer, at every time step.

        It is the whole gradient, the one that back-propagation through time carries: through all later steps and the
        layers above. How it shrinks or grows from the last steps to the first tells how far back a network can learn
        (Bengio, Simard & Frasconi, 1994). That of an LSTM is of h_t alone, with c_t as it is.

        Parameters
        ----------
        X, y : as in `fit`
        layer : int, default=-1
            Which of the stacked layers, from 0; -1 is the last.
        steps : {"all", "last"}, default="all"
            With a target at every step: the loss L is the sum over all steps, or is that of the last valid step alone.
            Otherwise there is one loss, and both are the same.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, n_directions * width)
            As what `hidden_states` returns. The loss is without weights and without the penalty `alpha`; the squared
            error is half of it, averaged over outputs.

        Raises
        ------
        ValueError
            If there is no such layer, or X or y is not as in `fit`.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_rnn import RNNRegressor
        >>> X = np.random.default_rng(0).normal(size=(50, 30))
        >>> net = RNNRegressor(8, cell="rnn", learning_rate_init=0.03, random_state=0).fit(X, X[:, -1])
        >>> norms = np.linalg.norm(net.hidden_gradients(X, X[:, -1]), axis=2).mean(axis=0)
        >>> bool(norms[0] < norms[-1])
        True
        """
        layer = self._check_layer(layer)
        if steps not in ("all", "last"):
            raise ValueError(f"steps must be 'all' or 'last', got {steps!r}.")
        self._check_fitted_X(X)
        data = replace(self._prepare(X, y, None, reset=False), weights=None)
        sequences = data.sequences
        if self.mapping != "many-to-one" and steps == "last":
            weights = np.zeros(len(data.Y))
            weights[np.cumsum(sequences.lengths) - 1] = 1.0
            data = replace(data, weights=weights)
        network = self._network()
        compute = partial(network.hidden_gradients, layer=layer)
        rows = compute_rows(compute, self._theta, sequences, network, data.batch, per_step=True)
        return self._arranged(rows, sequences.in_patches(1))
