"""diagnose: what is conspicuous in a trained network, in words and numbers."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, is_regressor

from .._sklearn import safe_indexing
from ..forecasting._forecaster import RNNForecaster
from ..text._generator import RNNTextGenerator
from ._curve_symptoms import (
    clipped,
    diverged,
    exploding_in_training,
    not_converged,
    over_fit,
    scale_of_y_by_loss,
    under_fit,
    unstable,
    weights,
)
from ._data_symptoms import (
    dead,
    does_not_hold,
    exploding_through_time,
    no_better,
    outlier_in_X,
    outlier_in_y,
    saturated,
    scale_of_X,
    scale_of_y,
    small_feature,
    vanishing,
)
from ._evidence import Evidence, Finding
from ._explained import share_explained
from ._models import layers_to_network, network_and_data

# In the order in which they are looked for and told: causes first, since what follows from them is not told again.
SYMPTOMS: list[Callable[[Evidence], Finding | None]] = [
    weights,
    diverged,
    outlier_in_X,
    outlier_in_y,
    scale_of_X,
    scale_of_y,
    small_feature,
    unstable,
    exploding_in_training,
    exploding_through_time,
    scale_of_y_by_loss,
    over_fit,
    does_not_hold,
    saturated,
    dead,
    under_fit,
    no_better,
    vanishing,
    not_converged,
    clipped,
]


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """What `diagnose` found. Prints as text; in a notebook it is a table.

    Attributes
    ----------
    estimator : str
        What was looked at.
    findings : list of Finding
        What is conspicuous, each with `name`, `severity` ("problem" or "note"), `seen`, which says what was seen in
        numbers, and `advice`, what to try first. Empty where nothing is.
    numbers : dict of str to float
        What was looked at.
    remark : str
        What could not be judged, where that matters: of a network that fits its training data closely, while nothing
        was held out and no y is given, whether it is over-fit. Usually empty.
    """

    estimator: str
    findings: list[Finding]
    numbers: dict[str, float]
    remark: str = ""

    def as_dict(self) -> dict:
        """The same as plain values: {"estimator": str, "findings": list of dict, "numbers": dict, "remark": str}."""
        return {
            "estimator": self.estimator,
            "findings": [finding._asdict() for finding in self.findings],
            "numbers": dict(self.numbers),
            "remark": self.remark,
        }

    @property
    def _result(self) -> str:
        n = len(self.findings)
        return "Nothing conspicuous." if not n else "1 finding" if n == 1 else f"{n} findings"

    @property
    def _looked_at(self) -> str:
        return ", ".join(f"{name} {value:.4g}" for name, value in self.numbers.items())

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        lines = [f"{self.estimator}: {self._result}"]
        for number, finding in enumerate(self.findings, 1):
            lines += ["", f"{number}. {finding.name} ({finding.severity})"]
            lines += textwrap.wrap(finding.seen, 100, initial_indent="   ", subsequent_indent="   ")
            lines += textwrap.wrap(f"Try: {finding.advice}", 100, initial_indent="   ", subsequent_indent="   ")
        if self.remark:
            lines += ["", *textwrap.wrap(f"Not known: {self.remark}", 100, subsequent_indent="   ")]
        lines += ["", *textwrap.wrap(f"Looked at: {self._looked_at}", 100, subsequent_indent="   ")]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The same as an HTML table."""
        style = 'style="padding: 0.1em 0.6em; text-align: left"'
        rows = "".join(
            "<tr>" + "".join(f"<td {style}>{html.escape(text)}</td>" for text in finding) + "</tr>"
            for finding in self.findings
        )
        head = "".join(f"<th {style}>{name}</th>" for name in ("finding", "severity", "seen", "try"))
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if self.findings else ""
        remark = f"<p>Not known: {html.escape(self.remark)}</p>" if self.remark else ""
        return (
            f"<div><b>{html.escape(self.estimator)}</b>: {self._result}{table}{remark}"
            f"<details><summary>Looked at</summary>{html.escape(self._looked_at)}</details></div>"
        )


def diagnose(
    estimator: BaseEstimator, X: ArrayLike | str | None = None, y: ArrayLike | None = None, *, max_samples: int = 500
) -> Diagnosis:
    """What is conspicuous in how a network was trained and in what it came to, in words and numbers.

    From the curves and the weights alone: whether training was stopped by what is not finite; whether the loss was
    still falling, jumped, or hardly fell at all; whether validation turned up; whether gradients were mostly clipped,
    or huge; whether weights are. If nothing was held out of a network that fits its training data closely, the report
    says that over-fitting cannot be told.
    With X also: whether features are far from unit variance or hold outliers, and units saturated or dead.
    With X and y also: the same of targets, whether the network is better than a constant, whether what it learnt holds
    on them, if they are held out, and whether the gradient reaches the first steps.

    Parameters
    ----------
    estimator : estimator
        A fitted RNNRegressor, RNNSequenceClassifier, RNNTextGenerator or RNNForecaster; or a fitted pipeline, search or
        TransformedTargetRegressor that ends in one. Of a forecaster its own judgement of itself and its first member
        are looked at.
    X : as `estimator` takes it, default=None
        The training data, or others. Goes through the steps before the network. Of a text generator, a text. Not with
        a forecaster.
    y : as `estimator` takes it, default=None
    max_samples : int, default=500
        Of more samples as many are drawn, always the same.

    Returns
    -------
    Diagnosis
        Prints as a report. Its `findings` is a list, each with `name`, `severity`, `seen` and `advice`; `as_dict()` has
        all as plain values.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    TypeError
        If it holds no recurrent network of this package, or X is given with a forecaster.
    ValueError
        If y is given without X, X or y is not as in `fit`, or `max_samples` is no positive integer.

    Notes
    -----
    What is said is said of signs, not of causes: a sound network may have findings, and one without may be of no use.
    A score on held-out data comes first.

    Whether gradients vanish is told by the gradient of each sequence's loss with respect to the states of the lowest
    layer, as it is carried back [1]_. Where the readout sees all states (`pooling`), it reaches every step directly,
    and nothing is said; nor is it of a network that explains nine tenths of y as it is. Curves that an older release
    did not record are not looked at.

    References
    ----------
    .. [1] Bengio, Y., Simard, P. and Frasconi, P. (1994). Learning long-term dependencies with gradient descent is
       difficult. IEEE Transactions on Neural Networks 5, 157-166.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNRegressor, diagnose
    >>> x = np.sin(np.arange(220) / 5)
    >>> X, y = np.lib.stride_tricks.sliding_window_view(x[:-1], 20), x[20:]
    >>> diagnose(RNNRegressor(16, random_state=0).fit(X, y), X, y).findings
    []
    >>> model = RNNRegressor(16, cell="rnn", tol=0.001, random_state=0).fit(100 * X, y)
    >>> diagnose(model, 100 * X, y)
    RNNRegressor (rnn, many-to-one, ... epochs): 2 findings
    <BLANKLINE>
    1. scale of X (problem)
       Feature 0 of X, as the network sees it, has mean 0.396 and standard deviation 70.8.
       Try: make_pipeline(TimestepTransformer(StandardScaler()), RNNRegressor(...)).
    <BLANKLINE>
    2. saturated units (problem)
       ...% of the states of layer 0 are beyond 0.99 in absolute value, where the cell lets hardly any
       gradient through.
       Try: scale X, as above; if that is not enough, a smaller learning_rate_init (now 0.003), or a
       larger alpha (now 0.0001).
    <BLANKLINE>
    Looked at: ...
    """
    if not isinstance(max_samples, (int, np.integer)) or isinstance(max_samples, bool) or max_samples < 1:
        raise ValueError(f"max_samples must be an int of at least 1, got {max_samples!r}.")
    if X is None and y is not None:
        raise ValueError("y was given without X. Pass both, or neither.")
    layers = layers_to_network(estimator)
    net = layers[-1]
    forecaster = next((layer for layer in layers if isinstance(layer, RNNForecaster)), None)
    evidence = Evidence(net, in_forecaster=forecaster is not None)
    findings = [] if forecaster is None else _of_forecaster(forecaster, evidence)
    with np.errstate(all="ignore"):  # a sick network may hold anything
        if X is not None and all(np.isfinite(W).all() for W in net.weights_.values()):
            _look_at_data(evidence, estimator, X, y, max_samples)
        for symptom in SYMPTOMS:
            finding = symptom(evidence)
            if finding is not None:
                findings.append(finding)
                evidence.found.add(finding.name)
    what = [evidence.cell, *([] if evidence.is_text else [net.mapping]), f"{len(net.loss_curve_)} epochs"]
    outer = "" if layers[0] is net else f"{type(layers[0]).__name__} around "
    name = f"{outer}{type(net).__name__} ({', '.join(what)})"
    return Diagnosis(name, findings, evidence.numbers, _not_held_out(evidence))


def _look_at_data(evidence: Evidence, estimator: Any, X: Any, y: Any, max_samples: int) -> None:
    """Put some samples, states and gradients into the evidence."""
    net, X, y = network_and_data(estimator, X, y)
    if isinstance(net, RNNTextGenerator):
        if y is not None:
            raise ValueError("A text generator has no y: pass a text as X alone.")
        evidence.X = X
        _look_at_score(evidence)
        return
    n = len(X) if not hasattr(X, "shape") else X.shape[0]
    if y is not None and len(y) != n:
        raise ValueError(f"X holds {n} samples (behind the steps before the network), and y {len(y)}.")
    if n > max_samples:  # drawn: the order may have a pattern
        some = np.sort(np.random.default_rng(0).permutation(n)[:max_samples])
        X, y = safe_indexing(X, some), None if y is None else safe_indexing(y, some)
    evidence.X, evidence.y = X, y
    layer_numbers = range(len(net.hidden_layer_sizes_))
    evidence.states = [np.concatenate(_by_sample(net.hidden_states(X, layer=layer))) for layer in layer_numbers]
    if y is not None:
        _look_at_score(evidence)
        gradients = net.hidden_gradients(X, y, layer=0, steps="last")
        evidence.gradients = [np.linalg.norm(g, axis=1) for g in _by_sample(gradients)]


def _look_at_score(evidence: Evidence) -> None:
    """Put into the evidence how much better than a constant the network is."""
    try:
        share, evidence.constant, evidence.of_constant = share_explained(evidence.net, evidence.X, evidence.y)
    except ValueError as error:  # which predict raises where states have overflowed
        if "outputs are not finite" not in str(error):
            raise
        share, evidence.constant = -np.inf, "a constant"
    if share is not None:
        evidence.share = evidence.numbers["share_explained"] = share


def _by_sample(values: np.ndarray) -> list[np.ndarray]:
    """States or gradients of each sample, (steps, units), without absent steps."""
    return [np.asarray(v, float)[~np.isnan(np.asarray(v, float)).any(axis=1)] for v in values]


def _not_held_out(e: Evidence) -> str:
    """That over-fitting cannot be told, as a remark: a sound fit looks the same as one that knows its data by heart."""
    curve, validation = e.curve("loss_curve_"), e.curve("validation_loss_curve_")
    is_judged = e.share is not None or np.isfinite(validation).any() or e.in_forecaster
    if is_judged or len(curve) < 2 or not np.isfinite(curve).all() or {"weights", "diverged", "over-fit"} & e.found:
        return ""
    best, usual = float(curve.min()), e.usual_loss
    constant = float(curve[0]) if usual is None else usual
    if is_regressor(e.net):  # y may be of a smaller variance than is usual
        constant = min(constant, float(curve[0]))
    if not best < 0.1 * constant:
        return ""
    advice = "Fit with early_stopping=True or X_val and y_val, or give new data: diagnose(estimator, X, y)."
    if e.is_text:
        advice = "Fit with validation_fraction=0.1, or give a text that it has not seen: diagnose(estimator, text)."
    return (
        f"whether it is over-fit. The training loss fell to {best:.3g}, and nothing was held out to compare it with. "
        f"{advice}"
    )


def _of_forecaster(forecaster: RNNForecaster, evidence: Evidence) -> list[Finding]:
    """What a forecaster says of itself."""
    skill, weight = forecaster.skill_, forecaster.network_weight_
    evidence.numbers["skill"], evidence.numbers["network_weight"] = float(skill), float(weight)
    findings = []
    if skill < 0:
        findings.append(
            Finding(
                "no better than a naive forecast",
                "problem",
                f"On the part held back the best naive forecast was better: skill_ is {skill:.2f}.",
                "more history, another season_length or target_transform='log'; backtest() tells more than one part.",
            )
        )
    if weight == 0:
        findings.append(
            Finding(
                "the network counts for nothing",
                "note",
                "network_weight_ is 0: forecasts are those of the simpler ways beside the network.",
                "regressor=RidgeCV(np.logspace(-3, 3, 13)), which forecasts nearly the same in less time.",
            )
        )
    return findings
