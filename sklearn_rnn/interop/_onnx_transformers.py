"""What stands around the network, as nodes of an ONNX graph: scalers of X and y, patches, lags."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils.validation import check_is_fitted

from ..sequences._lags import LagsToSequence
from ..sequences._patches import PatchSequence
from ..sequences._timesteps import TimestepTransformer
from ._onnx_graph import Graph, Steps

# -- scalers: the operations with which a feature goes through, in their order; None is left out -----------------------

Operations = Sequence[tuple[str, Any]]


def _standard(t: StandardScaler) -> Operations:
    return [("Sub", t.mean_ if t.with_mean else None), ("Div", t.scale_)]


def _min_max(t: MinMaxScaler) -> Operations:
    return [("Mul", t.scale_), ("Add", t.min_), ("Clip", t.feature_range if t.clip else None)]


def _max_abs(t: MaxAbsScaler) -> Operations:
    return [("Div", t.scale_), ("Clip", (-1.0, 1.0) if getattr(t, "clip", False) else None)]


def _robust(t: RobustScaler) -> Operations:
    return [("Sub", t.center_ if t.with_centering else None), ("Div", t.scale_ if t.with_scaling else None)]


_SCALERS: dict[type, Callable[[Any], Operations]] = {
    StandardScaler: _standard,
    MinMaxScaler: _min_max,
    MaxAbsScaler: _max_abs,
    RobustScaler: _robust,
}
_INVERSE = {"Sub": "Add", "Add": "Sub", "Div": "Mul", "Mul": "Div"}
_NAMES = ", ".join(kind.__name__ for kind in _SCALERS)


def _scaled(g: Graph, scaler: Any, X: str) -> str:
    """scaler.transform(X); features are the last axis."""
    for operation, numbers in _SCALERS[type(scaler)](scaler):
        if operation == "Clip" and numbers is not None:
            X = g.op("Clip", X, *(g.reals(limit) for limit in numbers))
        elif numbers is not None:
            X = g.op(operation, X, g.reals(numbers))
    return X


def scaled_back(g: Graph, scaler: Any, Y: str) -> str:
    """scaler.inverse_transform(Y), which does not clip."""
    for operation, numbers in reversed(_SCALERS[type(scaler)](scaler)):
        if operation != "Clip" and numbers is not None:
            Y = g.op(_INVERSE[operation], Y, g.reals(numbers))
    return Y


# -- what float32 costs ------------------------------------------------------------------------------------------------


def _place(scaler: Any) -> tuple[Any, Any]:
    """How far from zero each column lies, as far as the scaler knows, and what it is multiplied by.

    Zero for columns that were constant in fit, which have no scale of their own.
    """
    if isinstance(scaler, MinMaxScaler):
        furthest = np.maximum(np.abs(scaler.data_min_), np.abs(scaler.data_max_))
        return np.where(scaler.data_range_ == 0, 0.0, furthest), np.abs(scaler.scale_)
    if isinstance(scaler, MaxAbsScaler):
        return scaler.max_abs_, 1.0 / scaler.scale_
    gain = 1.0 if scaler.scale_ is None else 1.0 / scaler.scale_
    if isinstance(scaler, RobustScaler):
        return (0.0 if scaler.center_ is None else np.abs(scaler.center_)), gain
    is_constant = scaler.scale_ is not None and scaler.scale_ != np.sqrt(scaler.var_)
    return np.where(is_constant, 0.0, 0.0 if scaler.mean_ is None else np.abs(scaler.mean_)), gain


def float32_error(transformers: Sequence[Any]) -> np.ndarray:
    """The error of each feature behind these, if X is rounded to float32 before them.

    Where a transformer between them makes other features, it is taken to be that of the worst for all.
    """
    error = np.zeros(1)
    for transformer in transformers:
        scalers = _scalers_of(transformer)
        if not scalers:
            error = np.max(error, keepdims=True)
        for scaler in scalers:
            distance, gain = _place(scaler)
            error = (error + np.finfo(np.float32).eps * distance) * gain
    return error


# -- what can be exported ----------------------------------------------------------------------------------------------


def parts_of(transformer: Any) -> list:
    """The steps of a pipeline that do something, or the one transformer; what is frozen is taken out of that."""
    if isinstance(transformer, FrozenEstimator):
        return parts_of(transformer.estimator)
    if isinstance(transformer, Pipeline):
        return [part for _, step in transformer.steps if step not in (None, "passthrough") for part in parts_of(step)]
    return [transformer]


def does_nothing(transformer: Any) -> bool:
    """Is it what a TransformedTargetRegressor has where neither a transformer nor functions are given?"""
    return type(transformer) is FunctionTransformer and transformer.func is transformer.inverse_func is None


def _scalers_of(transformer: Any) -> list:
    """The scalers that this step of a pipeline consists of; none for those that make other features."""
    if isinstance(transformer, TimestepTransformer):
        return parts_of(transformer.transformer_)
    return [transformer] if type(transformer) in _SCALERS else []


def check_scaler(scaler: Any, holder: str) -> None:
    """A TypeError unless it is a scaler that is known here, exactly: subclasses may do something else."""
    if type(scaler) not in _SCALERS:
        raise TypeError(
            f"{holder} of {type(scaler).__name__} cannot be exported, only of {_NAMES}. Transform outside of the "
            "graph, and export what it is wrapped around."
        )


def check_transformer(transformer: Any) -> None:
    """A TypeError or ValueError for a step of a pipeline that cannot be exported."""
    kind = type(transformer)
    if kind not in (*_SCALERS, TimestepTransformer, PatchSequence, LagsToSequence):
        raise TypeError(
            f"{kind.__name__} cannot be exported, only {_NAMES}, a TimestepTransformer of these, PatchSequence and "
            "LagsToSequence. Transform X before it goes into the graph, and export the steps of the pipeline behind "
            "it, as in to_onnx(pipeline[1:])."
        )
    check_is_fitted(transformer)
    if kind is TimestepTransformer:
        for step in parts_of(transformer.transformer_):
            check_scaler(step, "A TimestepTransformer")
    elif kind is LagsToSequence and transformer.layout == "channels-first":
        raise ValueError(
            "LagsToSequence(layout='channels-first') cannot be exported, only lags in a table. Pass X.transpose(0, 2, "
            "1), and export the steps of the pipeline behind it, as in to_onnx(pipeline[1:])."
        )


class Sequences:
    """X on its way through a pipeline: a table (N, columns), or steps.

    Parameters
    ----------
    g : Graph
    X : str
    is_table : bool
    n_features : int
        The last axis of X.
    lengths : str or None
        (N,) int64, of steps; what is below 1 makes a sequence unusable.

    Attributes
    ----------
    n_features : int
        Of a step; a table has one feature until something else is made of it.
    """

    def __init__(self, g: Graph, X: str, is_table: bool, n_features: int, lengths: str | None):
        X = g.not_empty(X)
        self._usable = []
        if lengths is not None:
            self._usable.append(g.op("Greater", lengths, g.array(np.int64(0))))
            lengths = g.op("Max", lengths, g.array(np.int64(1)))
        self.graph, self._table, self._n_columns = g, X, n_features
        self._steps = None if is_table else Steps(g, g.op("Transpose", X, perm=[1, 0, 2]), lengths)
        self.n_features = 1 if is_table else n_features

    def usable(self) -> str:
        """(N,) bool: not those with NaN or infinity (or near to it) in a step that is there, or a length below 1.

        ONNX Runtime's GRU and LSTM make ordinary numbers of NaN; so the graph has to look for it.
        """
        self._look_for_nan()
        usable = self._usable[0]
        for other in self._usable[1:]:
            usable = self.graph.op("And", usable, other)
        return usable

    def _look_for_nan(self) -> None:
        g = self.graph
        found = g.all_bounded(self._table, 1) if self._steps is None else g.all_bounded(self._steps.X, 0, 2)
        self._usable.append(found)

    def as_steps(self) -> Steps:
        """Each column of a table is a step."""
        if self._steps is None:
            g = self.graph
            X = g.op("Unsqueeze", g.op("Transpose", self._table, perm=[1, 0]), g.integers(2))
            self._steps = Steps(g, X, None)
        return self._steps

    def repeated(self, n_steps: int) -> Steps:
        """Each row of a table is the input at every step."""
        g = self.graph
        X = g.op("Unsqueeze", self._table, g.integers(0))
        return Steps(g, g.op("Expand", X, g.integers(n_steps, 1, 1)), None)

    def transform(self, transformer: Any) -> None:
        """As transformer.transform does."""
        if isinstance(transformer, PatchSequence):
            self._steps = self.as_steps().in_patches(transformer.size, self.n_features)
            self.n_features *= transformer.size
        elif isinstance(transformer, LagsToSequence):
            self._from_lags(transformer)
        else:
            for scaler in _scalers_of(transformer):
                if getattr(scaler, "clip", False):  # after which infinity is no more
                    self._look_for_nan()
                if self._steps is None:
                    self._table = _scaled(self.graph, scaler, self._table)
                else:
                    self._steps = self._steps.holding(_scaled(self.graph, scaler, self._steps.X))

    def _from_lags(self, transformer: LagsToSequence) -> None:
        """Where each column goes is found by sending their numbers through."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of feature names, which numbers do not have
            columns = transformer.transform(np.arange(self._n_columns, dtype=np.float64)[None])[0].astype(np.int64)
        g = self.graph
        X = g.op("Gather", self._table, g.array(columns), axis=1)  # (N, T, F)
        self._steps, self.n_features = Steps(g, g.op("Transpose", X, perm=[1, 0, 2]), None), columns.shape[1]
