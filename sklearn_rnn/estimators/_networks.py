"""The network that a fitted model's description stands for. Equal ones are made once: a network holds no weights."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ..core._cells import CELLS, make_cell
from ..core._losses import LOSSES
from ..core._network import Network


def network_of(net: Mapping[str, Any], dropout: float) -> Network:
    """The network of a description, `_net` of the estimators, as plain values."""
    loss, n_targets, options = net["loss"]
    if loss not in LOSSES:
        raise ValueError(f"There is no loss {loss!r} in this process, only {sorted(LOSSES)}. Import what registers it.")
    parts = (
        (loss, LOSSES[loss], n_targets, tuple(options.items())),
        (net["cell"], CELLS.get(net["cell"]), tuple(net["cell_options"].items())),
        (net["n_inputs"], net["hidden_layer_sizes"], net["bidirectional"], net["pooling"], dropout),
    )
    try:
        return _made_once(*parts)
    except TypeError:  # something that cannot be hashed, such as a list of quantiles
        return _make(*parts)


def _make(loss: tuple, cell: tuple, shape: tuple) -> Network:
    _, Loss, n_targets, options = loss
    name, _, cell_options = cell
    n_inputs, hidden_layer_sizes, bidirectional, pooling, dropout = shape
    return Network(
        n_inputs,
        hidden_layer_sizes,
        Loss(n_targets, **dict(options)),
        cell=make_cell(name, dict(cell_options)),
        bidirectional=bidirectional,
        pooling=pooling,
        dropout=dropout,
    )


_made_once = lru_cache(maxsize=64)(_make)


def predicts_otherwise(estimator: Any) -> tuple[str, type] | None:
    """The method by which a subclass predicts otherwise than its network says, and the class that is known of it."""
    kinds = type(estimator).__mro__
    known = [kind for kind in kinds if kind.__module__.partition(".")[0] in ("sklearn", "sklearn_rnn")]
    for method in ("predict", "predict_proba"):
        defined = next((kind for kind in kinds if method in vars(kind)), None)
        if known and defined is not None and defined not in known:
            return method, known[0]
    return None
