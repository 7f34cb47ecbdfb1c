"""Weights under PyTorch's names, out and in, as NumPy arrays. PyTorch itself is not imported.

Shapes and the order of the gates are PyTorch's already, so all is renaming, but for the biases. PyTorch has two of
each, which it adds up; we have their sum b. Only the candidate of a GRU needs them apart, b and b_hn:

    bias_ih = b,  bias_hh = 0          bias_hh of a GRU = [0, 0, b_hn]
    b = bias_ih + bias_hh              of a GRU's candidate b = bias_ih, b_hn = bias_hh
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..estimators._classifier import RNNSequenceClassifier
from ..estimators._regressor import RNNRegressor
from ..sequences._arrays import from_torch
from ..sequences._checks import a_or_an

Network = TypeVar("Network", RNNRegressor, RNNSequenceClassifier)

_MODULES = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}
_PARTS = ("all", "recurrent", "readout")


def to_torch_state_dict(estimator: RNNRegressor | RNNSequenceClassifier, *, part: str = "all") -> dict[str, np.ndarray]:
    """The weights of a fitted network as a state dict of PyTorch, of NumPy arrays.

    Parameters
    ----------
    estimator : RNNRegressor or RNNSequenceClassifier
        Fitted, with cell "rnn", "gru" or "lstm". Of a pipeline, its last step.

    part : {"all", "recurrent", "readout"}, default="all"
        "recurrent" has the names of torch.nn.RNN, GRU and LSTM [1]_, ``weight_ih_l0`` and so on, and goes into such a
        module by ``load_state_dict``. "readout" has those of torch.nn.Linear, ``weight`` and ``bias``. "all" is for a
        module that has both as its attributes `recurrent` and `readout`: ``recurrent.weight_ih_l0``, ...,
        ``readout.weight``, ``readout.bias``, and with attention pooling ``attention.hidden.weight`` and
        ``attention.score.weight``, of two Linear layers without bias.

    Returns
    -------
    dict of str to ndarray
        Copies, in the dtype of the network: float64 unless it was fitted on float32. ``torch.from_numpy`` takes them.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is no RNNRegressor or RNNSequenceClassifier.
    ValueError
        If PyTorch has no such cell, or layers differ in width, which PyTorch's modules do not have.

    See Also
    --------
    from_torch_state_dict : The way back.

    Notes
    -----
    The module must be made to fit: ``num_layers=len(model.hidden_layer_sizes_)``,
    ``bidirectional=model.bidirectional_``, ``nonlinearity=model.activation_`` of an nn.RNN, ``batch_first=True``, and
    ``dtype=torch.float64`` unless the network is float32. Its `input_size` is the number of features times
    `patch_size_`; where that is above 1, its input is ``PatchSequence(model.patch_size_).fit_transform(X)``. Pooling
    and what follows the readout (the exponential of the Poisson loss, softmax or sigmoid) are no weights, and not in
    here. ``pooling="last"`` of a bidirectional network is the state of the backward direction at the *first* step,
    ``torch.cat([h_n[-2], h_n[-1]], 1)`` of the second output of the module, and not ``H[:, -1]``.

    PyTorch adds two biases where this package has one: ``bias_hh`` is 0, but for the candidate of a GRU.

    References
    ----------
    .. [1] PyTorch, torch.nn.RNN, GRU and LSTM: https://docs.pytorch.org/docs/stable/nn.html#recurrent-layers

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNRegressor, to_torch_state_dict
    >>> X = np.random.default_rng(0).normal(size=(20, 6, 2))
    >>> model = RNNRegressor(4, solver="lbfgs", max_iter=100, tol=0.1, random_state=0).fit(X, X[:, -1, 0])
    >>> for name, array in to_torch_state_dict(model).items():
    ...     print(name, array.shape)
    recurrent.weight_ih_l0 (12, 2)
    recurrent.weight_hh_l0 (12, 4)
    recurrent.bias_ih_l0 (12,)
    recurrent.bias_hh_l0 (12,)
    readout.weight (1, 4)
    readout.bias (1,)

    With PyTorch::

        recurrent = torch.nn.GRU(2, 4, batch_first=True, dtype=torch.float64)
        arrays = to_torch_state_dict(model, part="recurrent")
        recurrent.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    """
    _check(estimator, part, "to_torch_state_dict")
    weights = estimator.weights_
    state = {}
    if part != "readout":
        prefix = "recurrent." if part == "all" else ""
        for suffix in _suffixes(estimator):
            b = weights["b" + suffix]
            b_hh = np.zeros_like(b)
            if estimator.cell_ == "gru":
                b_hh[_candidate(b)] = weights["b_hn" + suffix]
            named = {"weight_ih": weights["W_x" + suffix], "weight_hh": weights["W_h" + suffix]}
            for name, array in {**named, "bias_ih": b, "bias_hh": b_hh}.items():
                state[prefix + name + suffix] = array.copy()
    if part != "recurrent":
        for theirs, ours in _readout(estimator, part).items():
            state[theirs] = weights[ours].copy()
    return state


def from_torch_state_dict(estimator: Network, state_dict: Mapping[str, Any], *, part: str = "all") -> Network:
    """A copy of a fitted network that has the weights of a state dict of PyTorch.

    The network says what the architecture is: it must be fitted, if only by one `partial_fit` on a few samples of the
    right shape, whose weights are then replaced. The estimator that is given stays as it is.

    Parameters
    ----------
    estimator : RNNRegressor or RNNSequenceClassifier
        Fitted, with cell "rnn", "gru" or "lstm".

    state_dict : mapping of str to tensor or array
        What ``module.state_dict()`` returns, or arrays under the same names; values are converted to the dtype of the
        network. Modules made with ``bias=False`` lack biases, which then are 0.

    part : {"all", "recurrent", "readout"}, default="all"
        Which names `state_dict` has, and what is replaced, as in :func:`to_torch_state_dict`. From a module of other
        names, pass its parts one after the other: ``module.rnn.state_dict()`` with "recurrent", then
        ``module.head.state_dict()`` with "readout".

    Returns
    -------
    RNNRegressor or RNNSequenceClassifier
        A new estimator. Its curves are still those of the fit that it is a copy of.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is no RNNRegressor or RNNSequenceClassifier, or `state_dict` no mapping.
    ValueError
        If names are missing, unknown, or arrays of another shape than the network's; if values are not finite.

    See Also
    --------
    to_torch_state_dict : The way out, and how the modules must be made.

    Notes
    -----
    What a state dict does not say cannot be checked: that the module is of the same nonlinearity, takes the same
    pooling, and was trained on X scaled in the same way. A bidirectional module that was read at its last step,
    ``H[:, -1]``, has no equal here: that is the backward direction after one step. Its ``h_n`` is ``pooling="last"``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNRegressor, from_torch_state_dict, to_torch_state_dict
    >>> X = np.random.default_rng(0).normal(size=(20, 6, 2))
    >>> trained = RNNRegressor(4, solver="lbfgs", max_iter=100, tol=0.1, random_state=0).fit(X, X[:, -1, 0])
    >>> empty = RNNRegressor(4, random_state=1).partial_fit(X[:2], np.zeros(2))
    >>> model = from_torch_state_dict(empty, to_torch_state_dict(trained))
    >>> np.allclose(model.predict(X), trained.predict(X), rtol=0, atol=1e-12)
    True
    """
    _check(estimator, part, "from_torch_state_dict")
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"state_dict must be a mapping of names to arrays, got {type(state_dict).__name__}.")
    shapes = {name: array.shape for name, array in to_torch_state_dict(estimator, part=part).items()}
    _check_names(shapes, state_dict, estimator, part)
    dtype = estimator.weights_["W_o"].dtype
    given = {name: _as_array(name, value, shapes[name], dtype) for name, value in state_dict.items()}

    result = copy.deepcopy(estimator)
    weights = result.weights_
    if part != "readout":
        prefix = "recurrent." if part == "all" else ""
        for suffix in _suffixes(result):
            b = weights["b" + suffix]
            weights["W_x" + suffix][...] = given[f"{prefix}weight_ih{suffix}"]
            weights["W_h" + suffix][...] = given[f"{prefix}weight_hh{suffix}"]
            b_ih, b_hh = (given.get(f"{prefix}{name}{suffix}", np.zeros_like(b)) for name in ("bias_ih", "bias_hh"))
            b[...] = b_ih + b_hh
            if result.cell_ == "gru":
                candidate = _candidate(b)
                b[candidate], weights["b_hn" + suffix][...] = b_ih[candidate], b_hh[candidate]
    if part != "recurrent":
        for theirs, ours in _readout(result, part).items():
            weights[ours][...] = given.get(theirs, 0.0)
    return result


def _check(estimator: Any, part: object, caller: str) -> None:
    if not isinstance(estimator, (RNNRegressor, RNNSequenceClassifier)):
        hint = " Of a pipeline, pass its last step, pipeline[-1]." if hasattr(estimator, "steps") else ""
        kind = "a class" if isinstance(estimator, type) else a_or_an(type(estimator).__name__)
        raise TypeError(f"{caller} takes an RNNRegressor or RNNSequenceClassifier, got {kind}.{hint}")
    if part not in _PARTS:
        raise ValueError(f"part must be one of {_PARTS}, got {part!r}.")
    check_is_fitted(estimator)
    if part == "readout":
        return
    if estimator.cell_ not in _MODULES:
        raise ValueError(
            f"PyTorch has no module for cell={estimator.cell_!r}, only for {', '.join(_MODULES)}. The weights under "
            "this package's names are in weights_; to_onnx also exports 'mingru' and 'indrnn'."
        )
    if len(set(estimator.hidden_layer_sizes_)) > 1:
        raise ValueError(
            f"The layers of this network are {estimator.hidden_layer_sizes_} units wide; torch.nn."
            f"{_MODULES[estimator.cell_]} has one width for all. Fit with layers of one width."
        )


def _suffixes(estimator: Any) -> Iterator[str]:
    for layer in range(len(estimator.hidden_layer_sizes_)):
        yield f"_l{layer}"
        if estimator.bidirectional_:
            yield f"_l{layer}_reverse"


def _candidate(b: np.ndarray) -> slice:
    """The last of the three blocks of a GRU."""
    return slice(2 * len(b) // 3, None)


def _readout(estimator: Any, part: str) -> dict[str, str]:
    """Names of the weights above the recurrent layers: PyTorch's, and ours."""
    if part == "readout":
        return {"weight": "W_o", "bias": "b_o"}
    names = {"readout.weight": "W_o", "readout.bias": "b_o"}
    if estimator.pooling_ == "attention":
        names = {"attention.hidden.weight": "W_a", "attention.score.weight": "v_a", **names}
    return names


def _check_names(shapes: dict[str, tuple], state_dict: Mapping[str, Any], estimator: Any, part: str) -> None:
    """Are these the names of such a network? Biases may all be missing from a module, recurrent or readout."""
    missing = [name for name in shapes if name not in state_dict]
    for module in ("recurrent.", "readout."):
        biases = [name for name in shapes if "bias" in name and (part != "all" or name.startswith(module))]
        if not any(name in state_dict for name in biases):
            missing = [name for name in missing if name not in biases]
    unknown = [name for name in state_dict if name not in shapes]
    if missing or unknown:
        what = f"torch.nn.{_MODULES.get(estimator.cell_, 'Linear')}" if part == "recurrent" else f"part={part!r}"
        layers, directions = len(estimator.hidden_layer_sizes_), "two directions" if estimator.bidirectional_ else "one"
        raise ValueError(
            f"state_dict is not of {what} for this network, cell={estimator.cell_!r} with {layers} layer(s), "
            f"{directions}: missing {missing[:6]}, not expected {unknown[:6]}. It must have the names that "
            f"to_torch_state_dict(estimator, part={part!r}) has."
        )


def _as_array(name: str, value: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    array = np.asarray(from_torch(value))  # a tensor, on whatever device
    if array.dtype.kind not in "fiu":
        raise ValueError(f"state_dict[{name!r}] must hold real numbers, got dtype {array.dtype}.")
    if array.shape != shape:
        raise ValueError(
            f"state_dict[{name!r}] has shape {array.shape}, this network's is {shape}: number of features, width or "
            "number of outputs differ. Make an estimator of the same, and fit it to X and y of the same shape."
        )
    with np.errstate(over="ignore"):
        array = array.astype(dtype)
    if not np.isfinite(array).all():
        raise ValueError(f"state_dict[{name!r}] holds values that are not finite, or too large for {dtype}.")
    return array
