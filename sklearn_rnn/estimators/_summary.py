"""What a network is made of, as a table: layers, weights, bytes, multiplications.

Counted are the multiplications of matrix products, which are where the time goes; those of elementwise passes are not.
What is done once a sequence, as the readout of a many-to-one network is, stands in a column of its own.
"""

from __future__ import annotations

import html
import re
import textwrap
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from .._sklearn import InNotebooks
from ..core._network import Network

_COUNTED = ["n_parameters", "n_bytes", "multiplications_per_step", "multiplications_per_sequence"]
_HEADER = ("layer", "in", "out", "weights", "parameters", "bytes", "mult. a step", "mult. a sequence")
_TO_THE_LEFT = (0, 3)  # columns of text
_WIDTH = 88  # of what is printed


@dataclass(frozen=True, repr=False)
class NetworkSummary:
    """What a fitted network is made of. Prints as a table; in a notebook it is one.

    Attributes
    ----------
    title : str
        What the network is, in one line.
    layers : DataFrame
        A row for each recurrent layer and direction, for the embedding and the pooling, where there are any, and for
        the readout, in the order of the computation. The columns:

        - n_in, n_out: values of one step that go in and come out;
        - weights: names and shapes of its arrays, as in `weights_`;
        - n_parameters, n_bytes;
        - multiplications_per_step: in the matrix products that are computed at every step of a sequence (a patch,
          where `patch_size_` is not 1); multiplications_per_sequence: in those computed once a sequence.
    """

    title: str
    layers: pd.DataFrame

    @property
    def n_parameters(self) -> int:
        """Weights and biases in all."""
        return int(self.layers["n_parameters"].sum())

    @property
    def n_bytes(self) -> int:
        """Bytes that they take."""
        return int(self.layers["n_bytes"].sum())

    @property
    def multiplications_per_step(self) -> int:
        """Multiplications of one step of one sequence, in matrix products."""
        return int(self.layers["multiplications_per_step"].sum())

    @property
    def multiplications_per_sequence(self) -> int:
        """Multiplications that come once a sequence, in matrix products."""
        return int(self.layers["multiplications_per_sequence"].sum())

    def _cells(self) -> list[tuple[str, ...]]:
        """The table as text, with a last row of sums; which layer a weight is of need not be said again."""
        rows = [
            (
                str(name),
                f"{row.n_in:,}",
                f"{row.n_out:,}",
                re.sub(r"_l\d+(_reverse)?", "", row.weights),
                *(f"{getattr(row, c):,}" for c in _COUNTED),
            )
            for name, row in zip(self.layers.index, self.layers.itertuples())
        ]
        return [*rows, ("total", "", "", "", *(f"{self.layers[c].sum():,}" for c in _COUNTED))]

    def __str__(self) -> str:
        cells = self._cells()
        weights = [row[3] for row in cells]  # below the numbers: beside them, lines would be too long for a page
        rows = [row[:3] + row[4:] for row in (_HEADER, *cells)]
        widths = [max(map(len, column)) for column in zip(*rows)]
        header, *lines = (
            "  ".join(text.rjust(width) if i else text.ljust(width) for i, (text, width) in enumerate(zip(row, widths)))
            for row in rows
        )
        rule, total = "-" * len(header), lines.pop()
        body = [part for line, arrays in zip(lines, weights) for part in (line, *_wrapped(arrays))]
        title = textwrap.wrap(self.title, _WIDTH, subsequent_indent="    ", break_long_words=False)
        return "\n".join([*title, header, rule, *body, rule, total])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The same as an HTML table."""

        def row(texts, tag):
            sides = ["left" if i in _TO_THE_LEFT else "right" for i in range(len(texts))]
            style = "padding: 0.1em 0.6em; text-align:"
            return "".join(
                f'<{tag} style="{style} {side}">{html.escape(text)}</{tag}>' for text, side in zip(texts, sides)
            )

        body = "".join(f"<tr>{row(texts, 'td')}</tr>" for texts in self._cells()[:-1])
        return (
            f'<table><caption style="text-align: left">{html.escape(self.title)}</caption>'
            f"<thead><tr>{row(_HEADER, 'th')}</tr></thead><tbody>{body}</tbody>"
            f"<tfoot><tr>{row(self._cells()[-1], 'th')}</tr></tfoot></table>"
        )


def _wrapped(arrays: str) -> list[str]:
    """Names and shapes of arrays as indented lines, broken between arrays only."""
    whole = re.sub(r"(?<!\),) ", "\N{NO-BREAK SPACE}", arrays)
    lines = textwrap.wrap(whole, _WIDTH, initial_indent="    ", subsequent_indent="    ", break_long_words=False)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def summarize(network: Network, dtype: np.dtype, title: str, *, cell: str, pooling: str | None) -> NetworkSummary:
    """The summary of a network whose weights are of this dtype; `cell` and `pooling` are what its parts are called."""
    shapes, rows, many_to_one = network.layout.shapes, [], pooling is not None
    D = len(network.directions) * network.hidden_layer_sizes[-1]
    n_read = shapes["W_o"][1]

    def add(name, n_in, n_out, weights, once=False):
        matrices = sum(prod(shapes[w]) for w in weights if len(shapes[w]) == 2)
        if name == "embedding":
            matrices = 0  # a row is looked up
        n = sum(prod(shapes[w]) for w in weights)
        rows.append(
            {
                "layer": name,
                "n_in": n_in,
                "n_out": n_out,
                "weights": ", ".join(f"{w} {shapes[w]}" for w in weights),
                "n_parameters": n,
                "n_bytes": n * dtype.itemsize,
                "multiplications_per_step": 0 if once else matrices,
                "multiplications_per_sequence": matrices if once else 0,
            }
        )

    if "E" in shapes:
        add("embedding", 1, shapes["E"][1], ["E"])
    for layer, width in enumerate(network.hidden_layer_sizes):
        for direction in network.directions:
            weights = [f"{w}_l{layer}{direction}" for w in network.cell.shapes(1, 1)]
            n_in = shapes[weights[0]][1]
            add(f"{cell} {layer}{direction.replace('_', ', ')}", n_in, width, weights)
    if many_to_one:
        add(f"pooling: {pooling}", D, n_read, [w for w in ("W_a", "v_a") if w in shapes])
    add("readout", n_read, shapes["W_o"][0], ["W_o", "b_o"], once=many_to_one)
    return NetworkSummary(title, pd.DataFrame(rows).set_index("layer"))


class Summarized(InNotebooks):
    """Mixin of what is a network: `summary`, and its place in a notebook."""

    _net: dict
    _theta: np.ndarray

    def _network(self) -> Network:
        raise NotImplementedError

    def summary(self) -> NetworkSummary:
        """What the fitted network is made of: layers, shapes, parameters, bytes, multiplications.

        Returns
        -------
        NetworkSummary
            ``print(estimator.summary())`` prints a table. Its `layers` is a DataFrame of a row a layer;
            `n_parameters`, `n_bytes`, `multiplications_per_step` and `multiplications_per_sequence` are the sums.
            Counted are the multiplications of matrix products.

        Raises
        ------
        NotFittedError
            If it was not fitted: how wide the inputs are is known from the data.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_rnn import RNNRegressor
        >>> X = np.random.default_rng(0).normal(size=(30, 5, 2))
        >>> model = RNNRegressor(4, cell="gru", learning_rate_init=0.05, max_iter=60, tol=0.01).fit(X, X[:, -1, 0])
        >>> print(model.summary())
        RNNRegressor: gru, many-to-one, float64
        layer          in  out  parameters  bytes  mult. a step  mult. a sequence
        -------------------------------------------------------------------------
        gru 0           2    4          88    704            72                 0
            W_x (12, 2), W_h (12, 4), b (12,), b_hn (4,)
        pooling: last   4    4           0      0             0                 0
        readout         4    1           5     40             0                 4
            W_o (1, 4), b_o (1,)
        -------------------------------------------------------------------------
        total                           93    744            72                 4
        """
        check_is_fitted(self)
        net = self._net
        what = [net["cell"], net.get("mapping", "a token in, the next one out")]
        if net.get("bidirectional"):
            what.insert(1, "bidirectional")
        if net.get("patch_size", 1) > 1:
            what.append(f"a step reads {net['patch_size']} time steps")
        title = f"{type(self).__name__}: {', '.join([*what, self._theta.dtype.name])}"
        pooling = net.get("pooling")
        return summarize(self._network(), self._theta.dtype, title, cell=net["cell"], pooling=pooling)


def net_within(estimator: Any) -> Summarized | None:
    """The fitted network in a fitted pipeline or meta-estimator, or this one itself; None where there is none."""
    for _ in range(20):  # more deeply nobody nests
        if isinstance(estimator, Summarized):
            return estimator
        if hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
            continue
        name = next((n for n in ("best_estimator_", "regressor_", "estimator_") if hasattr(estimator, n)), None)
        if name is None:
            return None
        estimator = getattr(estimator, name)
    return None
