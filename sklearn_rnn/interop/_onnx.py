"""to_onnx: a fitted network, and the scalers before it, as an ONNX graph."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._version import __version__
from .._warnings import warn
from ..estimators._classifier import RNNSequenceClassifier
from ..estimators._networks import predicts_otherwise
from ..estimators._regressor import RNNRegressor
from ..sequences._checks import a_or_an
from ..sequences._patches import PatchSequence
from ._onnx_graph import OLDEST_OPSET, Graph, Steps, require_onnx
from ._onnx_layers import CELLS, POOLINGS, recurrent_layer
from ._onnx_transformers import (
    Sequences,
    check_scaler,
    check_transformer,
    does_nothing,
    float32_error,
    parts_of,
    scaled_back,
)

if TYPE_CHECKING:
    from onnx import ModelProto

# Of what a scaler puts out, whose units are those of the network.
_LARGEST_ERROR = 1e-3
_ABSENT: dict[str, Any] = {
    "i": -1,
    "u": -1,
    "f": np.nan,
    "b": False,
}  # label of absent steps, and of sequences with NaN, by kind of dtype; else ""


def to_onnx(
    estimator: Any, *, ragged: bool = False, dtype: str = "float32", opset: int = 18, name: str = "sklearn_rnn"
) -> ModelProto:
    """A fitted network as an ONNX model, which other programs can run without Python.

    The graph takes `X` and puts out `prediction` (a regressor), or `label` and `probabilities` (a classifier): what
    `predict` and `predict_proba` return. The numbers of sequences and of time steps may be any, from 1 on.

    Parameters
    ----------
    estimator : RNNRegressor, RNNSequenceClassifier, Pipeline, TransformedTargetRegressor or search
        Fitted. A pipeline may hold, before the network, scikit-learn's StandardScaler, MinMaxScaler, MaxAbsScaler and
        RobustScaler, a TimestepTransformer of these, PatchSequence, and LagsToSequence (of tables). A
        TransformedTargetRegressor may have one of the scalers, or nothing. Of a search, such as GridSearchCV, it is the
        best estimator; of a FrozenEstimator, what it holds.

    ragged : bool, default=False
        Let sequences differ in length: the graph then has a second input, `lengths`, int32 of shape (N,), each from 1
        to T. The steps of a sequence stand first; what stands behind them does not count and may be anything, NaN too.
        Lengths below 1 make NaN, as NaN in X does; a length beyond T is an error of the runtime.
        Not for models fitted on 2-D X or with mapping="one-to-many".

    dtype : {"float32", "float64"}, default="float32"
        Of input, weights and output, whatever that of the model is. In float32 "rnn", "gru" and "lstm" are ONNX's own
        operators RNN, GRU and LSTM. For these ONNX Runtime takes float32 only, so that in float64 they are loops
        (Scan), slower but equal to `predict` to some 14 digits. "mingru" and "indrnn" are loops in both.

    opset : int, default=18
        Version of ONNX's operators, 18 or newer.

    name : str, default="sklearn_rnn"
        Of the graph.

    Returns
    -------
    onnx.ModelProto
        Inputs: `X`, of shape (N, T, n_features), or (N, n_columns) for what was fitted on 2-D X; `lengths`, if ragged.
        Outputs have the shape of `predict` and `predict_proba`. Labels are int64, strings, float64 or bool, as the
        classes are. At absent steps, where there is an output at every step, predictions and probabilities are NaN and
        labels -1, "", NaN or False; so they are for the whole of a sequence with NaN or infinity in it. The model names
        this package and its version, and nothing else of where it comes from; training data is not in it.

    Raises
    ------
    ImportError
        Without the package onnx, which is the extra sklearn-rnn[onnx].
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is, or holds, what cannot be exported: another transformer or estimator, or a subclass of a transformer.
    ValueError
        If an argument is invalid, the network has a cell, pooling or loss that this package did not bring, or a search
        was fitted with refit=False.

    Warns
    -----
    UserWarning
        With dtype="float32", if a scaler shows that a feature or target varies too little for its distance from zero:
        7 digits then leave an error of more than 0.001 of its scale. Not if the network was fitted in float32, which
        has seen no more digits.

    Notes
    -----
    In float32 numbers have 7 digits: X with a large mean beside its spread, such as times in seconds, loses them before
    a scaler in the graph takes the mean away; and units of "indrnn" and "mingru" that remember thousands of steps add
    up errors. ``dtype="float64"`` helps in both cases.

    A graph cannot raise what `predict` raises. ONNX Runtime's GRU and LSTM make ordinary numbers of NaN; so the graph
    itself looks for NaN and infinity, in X and in the network's outputs, and puts out NaN for that sequence and no
    other. In float32 numbers beyond 1e30 are taken as infinite, which they may be once multiplied with weights. NaN
    steps at the ends of 3-D X, which `predict` takes as absent, are NaN as any other: use ``ragged=True``. No
    sequences, or no steps, are an error of the runtime.

    The weights of ONNX's operators are ours with the gates in another order [1]_: i, o, f, c of an LSTM, and z, r, h of
    a GRU, with linear_before_reset=1.

    References
    ----------
    .. [1] ONNX operator schemas, RNN, GRU, LSTM and Scan: https://onnx.ai/onnx/operators/

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNRegressor, to_onnx
    >>> X = np.random.default_rng(0).normal(size=(20, 6, 2))
    >>> model = RNNRegressor(4, solver="lbfgs", max_iter=100, tol=0.1, random_state=0).fit(X, X[:, -1, 0])
    >>> proto = to_onnx(model)
    >>> sorted({node.op_type for node in proto.graph.node} & {"RNN", "GRU", "LSTM", "Scan"})
    ['GRU']
    >>> [given.name for given in proto.graph.input], [put_out.name for put_out in proto.graph.output]
    (['X'], ['prediction'])

    ``open("model.onnx", "wb").write(proto.SerializeToString())`` stores it.
    """
    onnx = require_onnx("to_onnx")
    _check_arguments(onnx, ragged, dtype, opset, name)
    transformers, network, target_scalers = _taken_apart(estimator)
    # (a network that was fitted in float32 has seen no more digits)
    if dtype == "float32" and network.weights_["b_o"].dtype == np.float64:
        _warn_of_lost_digits(transformers, target_scalers)
    predicted, is_table, n_features = _tried_out(estimator, [*transformers, network][0])
    one_to_many = network.mapping == "one-to-many"
    if ragged and is_table:
        raise ValueError(
            "ragged=True needs sequences that may differ in length, but this model was fitted on "
            + ("a table, with mapping='one-to-many'." if one_to_many else "2-D X. Fit it on 3-D X, as X[:, :, None].")
        )

    g = Graph(onnx, np.dtype(dtype))
    describe = onnx.helper.make_tensor_value_info
    inputs = [describe("X", g.float_type, ["N", n_features] if is_table else ["N", "T", n_features])]
    lengths = None
    if ragged:
        inputs.append(describe("lengths", onnx.TensorProto.INT32, ["N"]))
        lengths = g.op("Cast", "lengths", to=onnx.TensorProto.INT64)
    sequences = Sequences(g, "X", is_table, n_features, lengths)
    for transformer in transformers:
        sequences.transform(transformer)
    usable = sequences.usable()
    if one_to_many:
        steps = sequences.repeated(predicted.shape[1])
    else:
        steps = sequences.as_steps().in_patches(network.patch_size_, sequences.n_features)
    raw = _raw_outputs(network, steps)
    # predict refuses outputs that are not finite; the links would make ordinary numbers and labels of them
    usable = g.op("And", usable, g.all_bounded(raw, *((1,) if network.pooling_ else (0, 2))))
    there = g.op("Unsqueeze", usable, g.integers(1))  # (N, 1), or (T, N, 1) where there is an output at every step
    if network.pooling_ is None:
        there = g.op("Unsqueeze", there, g.integers(0))
        if steps.valid is not None:
            there = g.op("And", steps.valid, there)
    read = _read_labels if isinstance(network, RNNSequenceClassifier) else _read_numbers
    outputs = []
    axes: list = ["N"]
    if network.pooling_ is None:
        in_patches = any(isinstance(transformer, PatchSequence) for transformer in transformers)
        axes.append(predicted.shape[1] if is_table else "n_patches" if in_patches else "T")
    for put_out, (of, kind, last_axes) in read(network, g, raw, there, predicted).items():
        for scaler in reversed(target_scalers):
            of = scaled_back(g, scaler, of)
        g.nodes.append(onnx.helper.make_node("Identity", [of], [put_out], name=put_out))
        outputs.append(describe(put_out, kind, [*axes, *last_axes]))

    versions = [onnx.helper.make_opsetid("", opset)]
    return onnx.helper.make_model(
        onnx.helper.make_graph(g.nodes, name, inputs, outputs, list(g.constants.values())),
        opset_imports=versions,
        # the oldest format that has these operators, so that runtimes older than the onnx package can read it
        ir_version=onnx.helper.find_min_ir_version_for(versions),
        producer_name="sklearn_rnn",
        producer_version=__version__,
    )


def _check_arguments(onnx: Any, ragged: object, dtype: object, opset: object, name: object) -> None:
    if not isinstance(ragged, (bool, np.bool_)):
        raise TypeError(f"ragged must be True or False, got {ragged!r}.")
    if dtype not in ("float32", "float64"):
        raise ValueError(f"dtype must be 'float32' or 'float64', got {dtype!r}.")
    newest = onnx.defs.onnx_opset_version()
    if not isinstance(opset, Integral) or isinstance(opset, bool) or not OLDEST_OPSET <= int(opset) <= newest:
        raise ValueError(
            f"opset must be a whole number from {OLDEST_OPSET} to {newest}, the newest that onnx {onnx.__version__} "
            f"knows; got {opset!r}."
        )
    if not isinstance(name, str) or not name:
        raise ValueError(f"name must be a text that is not empty, got {name!r}.")


# -- what the estimator is ---------------------------------------------------------------------------------------------


def _taken_apart(estimator: Any) -> tuple[list, Any, list]:
    """Transformers of X, the network, and scalers of y; errors for what cannot be exported."""
    transformers: list = []
    target_scalers: list = []
    network = estimator
    while True:
        _refuse_methods_of_its_own(network)
        if isinstance(network, FrozenEstimator):  # first: it hands on the attributes of what is in it
            network = network.estimator
        elif isinstance(network, Pipeline):
            *before, network = parts_of(network) or [None]
            transformers += before
        elif hasattr(network, "best_estimator_"):
            network = network.best_estimator_
        elif isinstance(network, TransformedTargetRegressor):
            check_is_fitted(network)
            target_scalers += [part for part in parts_of(network.transformer_) if not does_nothing(part)]
            network = network.regressor_
        elif hasattr(network, "refit") and hasattr(network, "cv"):  # a search, of scikit-learn or of its protocol
            check_is_fitted(network)
            raise ValueError(
                f"This {type(network).__name__} has no best estimator to export: it was fitted with "
                f"refit={network.refit!r}. Fit it with refit=True, or export a model that was fitted with its "
                "best_params_."
            )
        else:
            break
    _check_network(network)
    for transformer in transformers:
        check_transformer(transformer)
    if target_scalers and network.mapping == "many-to-many":
        raise ValueError(
            "A TransformedTargetRegressor cannot be exported with mapping='many-to-many': it scales each time step by "
            "itself. Scale y before fit, and export the regressor."
        )
    for scaler in target_scalers:
        check_scaler(scaler, "A TransformedTargetRegressor")
    return transformers, network, target_scalers


def _check_network(network: Any) -> None:
    if not isinstance(network, (RNNRegressor, RNNSequenceClassifier)):
        kind = "a class" if isinstance(network, type) else a_or_an(type(network).__name__)
        raise TypeError(
            "to_onnx exports a fitted RNNRegressor or RNNSequenceClassifier, a pipeline or TransformedTargetRegressor "
            f"around one, or a search over these; got {kind}. Of an RNNForecaster its regressors_ can be exported, "
            "which read windows; what it does before and after them cannot."
        )
    check_is_fitted(network)
    for what, value, known in (("cell", network.cell_, CELLS), ("pooling", network.pooling_, (None, *POOLINGS))):
        if value not in known:
            raise ValueError(
                f"{what}={value!r} cannot be exported: to_onnx does not know its equations, only those of "
                f"{', '.join(filter(None, known))}."
            )
    if isinstance(network, RNNRegressor) and network.loss not in _LINKS:
        raise ValueError(
            f"loss={network.loss!r} cannot be exported: to_onnx does not know its link, only those of "
            f"{', '.join(_LINKS)}."
        )


def _refuse_methods_of_its_own(estimator: Any) -> None:
    """A subclass of what is known that predicts otherwise would be exported as if it did not."""
    if (own := predicts_otherwise(estimator)) is not None:
        method, base = own
        raise TypeError(
            f"{type(estimator).__name__} has a {method} of its own, which to_onnx knows nothing of. Export "
            f"{a_or_an(base.__name__)}, and do outside of the graph what {method} adds."
        )


def _warn_of_lost_digits(transformers: list, target_scalers: list) -> None:
    """Where scalers take away so much that of float32's 7 digits, of X or of y, hardly 3 are left."""
    error = float32_error(transformers)
    if np.max(error) > _LARGEST_ERROR:
        # other transformers between the scalers make other features, whose numbers say nothing
        known = error.size == transformers[0].n_features_in_
        warn(
            f"{f'Feature {np.argmax(error)}' if known else 'A feature'} of X varies too little for its distance from "
            "zero to be a float32, which has 7 digits: scaled in this graph, it reaches the network with an error of "
            f"up to {np.max(error):.2g}. Export with dtype='float64'; or scale X before it goes into the graph, and "
            "export the steps of the pipeline behind, as in to_onnx(pipeline[1:])."
        )
    error = float32_error(target_scalers)
    if np.max(error) > _LARGEST_ERROR:
        warn(
            f"{f'Target {np.argmax(error)}' if error.size > 1 else 'The target'} varies too little for its distance "
            "from zero to be a float32, which has 7 digits: predictions have an error of up to "
            f"{np.max(error):.2g}, in units of the scaled target. Export with dtype='float64'; or export the "
            "regressor_ of the TransformedTargetRegressor, and scale its predictions back outside of the graph."
        )


def _tried_out(estimator: Any, first: Any) -> tuple[np.ndarray, bool, int]:
    """What is predicted for one sequence of zeros, whether X is 2-D, and its last axis.

    What was fitted on 2-D X refuses two steps of it.
    """
    n_features = first.n_features_in_
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of feature names, which zeros do not have
        try:
            return np.asarray(estimator.predict(np.zeros((1, 2, n_features)))), False, n_features
        except ValueError:
            return np.asarray(estimator.predict(np.zeros((1, n_features)))), True, n_features


# -- from steps to outputs --------------------------------------------------------------------------------------------


def _raw_outputs(network: Any, steps: Steps) -> str:
    """O (N, K), or (T, N, K) where there is an output at every step."""
    weights = network.weights_
    last = ""
    for layer, width in enumerate(network.hidden_layer_sizes_):
        of_directions = []
        for suffix in (f"_l{layer}", f"_l{layer}_reverse")[: 1 + network.bidirectional_]:
            of_directions.append(
                {key.removesuffix(suffix): W for key, W in weights.items() if key.partition("_l")[2] == suffix[2:]}
            )
        steps, last = recurrent_layer(steps, network.cell_, network.activation_, of_directions, width)
    P = steps.X if network.pooling_ is None else POOLINGS[network.pooling_](steps, last, weights)
    return steps.graph.affine(P, weights["W_o"], weights["b_o"])


def _quantiles(g: Graph, O: str, n_levels: int, n_axes: int) -> str:
    """Levels are the last axis: the lowest one, and increments through softplus."""
    if n_levels == 1:
        return O
    O = g.op("Reshape", O, g.integers(*[0] * (n_axes - 1), -1, n_levels))
    is_first = g.array(np.arange(n_levels) == 0)
    # log(1 + exp(O)); ONNX Runtime has Softplus in float32 only, or as this formula without the care for large O
    log = g.op("Log", g.op("Add", g.reals(1.0), g.op("Exp", g.op("Neg", g.op("Abs", O)))))
    softplus = g.op("Add", g.op("Max", O, g.reals(0.0)), log)
    return g.op("CumSum", g.op("Where", is_first, O, softplus), g.array(np.array(n_axes, np.int64)))


_LINKS: dict[str, Callable[[Graph, str, int, int], str]] = {
    "squared_error": lambda g, O, n_levels, n_axes: O,
    "absolute_error": lambda g, O, n_levels, n_axes: O,
    "huber": lambda g, O, n_levels, n_axes: O,
    "poisson": lambda g, O, n_levels, n_axes: g.op("Exp", O),
    "quantile": _quantiles,
}


def _read_numbers(network: Any, g: Graph, raw: str, there: str, predicted: np.ndarray) -> dict[str, tuple]:
    """A regressor's output: its name, what it is, its type and the axes behind sequences and steps."""
    n_axes = 2 if network.pooling_ else 3
    n_levels = np.size(network.quantile) if network.loss == "quantile" else 1
    rows = _LINKS[network.loss](g, raw, n_levels, n_axes)
    last_axes = predicted.shape[n_axes - 1 :]
    rows = g.op("Reshape", rows, g.integers(*[0] * (n_axes - 1), len(network.weights_["b_o"])))
    rows = g.op("Where", there, rows, g.reals(np.nan))
    if n_axes == 3:
        rows = g.op("Transpose", rows, perm=[1, 0, 2])
    rows = g.op("Reshape", rows, g.integers(*[0] * (n_axes - 1), *last_axes))
    return {"prediction": (rows, g.float_type, last_axes)}


def _read_labels(network: Any, g: Graph, raw: str, there: str, predicted: np.ndarray) -> dict[str, tuple]:
    """A classifier's outputs: their names, what they are, their types and the axes behind sequences and steps."""
    per_step = network.pooling_ is None
    n_classes = len(network.classes_)
    multilabel = predicted.ndim == (3 if per_step else 2)
    binary = n_classes == 2 and not multilabel
    if not multilabel and not binary:
        P = g.op("Softmax", raw, axis=-1)
        number = g.op("ArgMax", P, axis=-1, keepdims=0)
    else:
        P = g.op("Sigmoid", raw)
        number = g.op("Cast", g.op("Greater", P, g.reals(0.5)), to=g.onnx.TensorProto.INT64)
        if binary:
            number = g.op("Squeeze", number, g.integers(-1))
            P = g.op("Concat", g.op("Sub", g.reals(1.0), P), P, axis=-1)
    if multilabel:
        label, kind = g.op("Where", there, number, g.integers(-1)), g.onnx.TensorProto.INT64
    else:
        classes = _as_tensor(network.classes_)
        # what is absent is of one more class
        number = g.op("Where", g.op("Squeeze", there, g.integers(-1)), number, g.integers(n_classes))
        absent = np.array([_ABSENT.get(classes.dtype.kind, "")], classes.dtype)
        classes = np.concatenate([classes, absent])
        label = g.op("Gather", g.array(classes), number)
        kind = g.onnx.helper.np_dtype_to_tensor_dtype(classes.dtype)
    P = g.op("Where", there, P, g.reals(np.nan))
    if per_step:
        P = g.op("Transpose", P, perm=[1, 0, 2])
        label = g.op("Transpose", label, perm=[1, 0, 2] if multilabel else [1, 0])
    return {"label": (label, kind, predicted.shape[1 + per_step :]), "probabilities": (P, g.float_type, (n_classes,))}


def _as_tensor(classes: np.ndarray) -> np.ndarray:
    """Class labels in a dtype that ONNX has: int64, float64, bool, or objects that are strings."""
    kind = classes.dtype.kind
    if kind in "iu" and int(classes.max()) <= np.iinfo(np.int64).max:
        return classes.astype(np.int64)
    if kind == "f" and classes.dtype.itemsize <= 8:
        return classes.astype(np.float64)
    if kind == "b":
        return classes
    if all(isinstance(label, str) for label in classes.tolist()):
        return np.array([str(label) for label in classes.tolist()], dtype=object)
    raise ValueError(
        f"Classes of dtype {classes.dtype} cannot be exported: ONNX has labels that are int64, float64, bool or "
        "strings. Fit with such, as y.astype(str)."
    )
