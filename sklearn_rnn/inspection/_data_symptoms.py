"""What may be wrong with a trained network, as X and y tell it: scales, states, gradients through time, the score.

One function a symptom, as in `_curve_symptoms`; silent without the data that it needs. Thresholds of scale and of "no
better than a constant" are those of the warning at the end of `fit`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_regressor

from ._evidence import Evidence, Finding
from ._explained import is_list_of_arrays

# Cells whose states are in (-1, 1) by construction, so that they can saturate; and Elman's with tanh.
_BOUNDED = ("gru", "lstm", "mingru")


# Beyond so many standard deviations, those of the bulk of the values, one is an outlier; of Gaussian values none is,
# and of Student's t with 3 degrees of freedom one in 30,000.
_FAR = 30.0

# -- scale ----------------------------------------------------------------------------------------------------------


def outlier_in_X(e: Evidence) -> Finding | None:
    """A few values far from all others, of which the network makes states that say nothing else."""
    if e.X is None or e.is_text:
        return None
    advice = (
        "if it is a mistake, NaN in its place and a SequenceImputer; if not, X clipped (np.clip) to where the others "
        "are. RobustScaler in place of StandardScaler is not led by it."
    )
    return _outlier(e, "X", _rows(e.X, 1 if e.net.mapping == "one-to-many" else 2), advice)


def outlier_in_y(e: Evidence) -> Finding | None:
    """A few targets far from all others, which make up most of the loss."""
    if e.y is None or not is_regressor(e.net) or e.net.loss == "poisson":
        return None
    robust = "" if e.net.loss in ("huber", "absolute_error", "quantile") else f", loss='huber' (now {e.net.loss!r})"
    advice = f"if it is a mistake, leave it out; if not{robust or ', clip y (np.clip) to where the others are'}."
    return _outlier(e, "y", _rows(e.y, 1 if e.net.mapping == "many-to-one" else 2), advice)


def _outlier(e: Evidence, name: str, rows: np.ndarray, advice: str) -> Finding | None:
    """The finding of the farthest value, if it is also far on the scale of the network, where 1 is usual."""
    middle = np.median(rows, axis=0) if len(rows) else np.zeros(rows.shape[1])
    distance = np.where(_are_outliers(rows), np.abs(rows - middle), 0.0)
    if not distance.size or distance.max() <= 10:
        return None
    i, j = np.unravel_index(distance.argmax(), distance.shape)
    low, high = np.quantile(rows[:, j], [0.25, 0.75])
    n = int((distance[:, j] > 0).sum())
    e.numbers[f"{name}_outliers"] = n
    column = f"Feature {j} of X" if name == "X" else f"Output {j} of y" if rows.shape[1] > 1 else "y"
    farthest = f"one value, {rows[i, j]:.3g}," if n == 1 else f"{n} values, up to {rows[i, j]:.3g},"
    seen = (
        f"{column}, as the network sees it, has {farthest} far from the other {len(rows) - n:,}, half of which lie "
        f"between {low:.3g} and {high:.3g}."
    )
    return Finding(f"outlier in {name}", "problem", seen, advice)


def _are_outliers(rows: np.ndarray) -> np.ndarray:
    """Which values are far from the bulk of their column, one in a hundred on either side at most.

    A column with nearly all values the same has none: what is rare in it may be a flag.
    """
    if not len(rows):
        return np.zeros(rows.shape, bool)
    low, middle, high = np.quantile(rows, [0.25, 0.5, 0.75], axis=0)
    # the second is wider where tails are heavy, and not zero where more than half are the same
    bottom, top = np.quantile(rows, 0.01, axis=0, method="higher"), np.quantile(rows, 0.99, axis=0, method="lower")
    scale = np.maximum((high - low) / 1.349, (top - bottom) / 4.653)  # as a Gaussian's standard deviation
    return (np.abs(rows - middle) > _FAR * scale) & (scale > 0)


def _without_outliers(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column."""
    bulk = np.ma.array(rows, mask=_are_outliers(rows))
    return np.ma.getdata(bulk.mean(axis=0)), np.ma.getdata(bulk.std(axis=0))


def scale_of_X(e: Evidence) -> Finding | None:
    """Features far from zero mean and unit variance."""
    if e.X is None or e.is_text:
        return None
    found = _far_from_unit(e, "X", _rows(e.X, 1 if e.net.mapping == "one-to-many" else 2))
    if found is None:
        return None
    j, mean, spread = found
    return Finding(
        "scale of X",
        "problem",
        f"Feature {j} of X, as the network sees it, has mean {mean:.3g} and standard deviation {spread:.3g}.",
        f"{_scaled(e)}.",
    )


def _scaled(e: Evidence) -> str:
    """How X is scaled, in code."""
    scaler = "RobustScaler()" if "outlier in X" in e.found else "StandardScaler()"
    scaler = scaler if e.net.mapping == "one-to-many" else f"TimestepTransformer({scaler})"
    return f"make_pipeline({scaler}, {type(e.net).__name__}(...))"


def small_feature(e: Evidence) -> Finding | None:
    """A feature that is tiny beside others, which the network can hardly see."""
    if e.X is None or e.is_text or "scale of X" in e.found:
        return None
    rows = _rows(e.X, 1 if e.net.mapping == "one-to-many" else 2)
    mean, spread = _without_outliers(rows)
    # what is rare, a flag for instance, has a small deviation and yet values that can be seen
    largest = np.abs(rows - mean).max(axis=0)
    tiny = (spread > 0) & (spread < 0.02 * spread.max()) & (largest < 0.1)
    if not tiny.any():
        return None
    j = int(np.argmin(np.where(tiny, spread, np.inf)))
    return Finding(
        "scale of a feature",
        "problem" if e.share is not None and e.share < 0.1 else "note",
        f"Feature {j} of X, as the network sees it, has standard deviation {spread[j]:.3g}, and another "
        f"{spread.max():.3g}: the network hardly sees it.",
        f"if it may matter, {_scaled(e)}.",
    )


def scale_of_y(e: Evidence) -> Finding | None:
    """Targets far from zero mean and unit variance."""
    if e.y is None or not is_regressor(e.net) or e.net.loss == "poisson":
        return None
    rows = _rows(e.y, 1 if e.net.mapping == "many-to-one" else 2)
    found = _far_from_unit(e, "y", rows, any_small=True)
    if found is None:
        return None
    j, mean, spread = found
    which = f"Output {j} of y" if rows.shape[1] > 1 else "y"
    return Finding(
        "scale of y",
        "problem",
        f"{which}, as the network sees it, has mean {mean:.3g} and standard deviation {spread:.3g}.",
        "TransformedTargetRegressor(RNNRegressor(...), transformer=StandardScaler()).",
    )


def _far_from_unit(
    e: Evidence, name: str, rows: np.ndarray, any_small: bool = False
) -> tuple[int, float, float] | None:
    """Number, mean and standard deviation of the column that is farthest from zero and one; None where none is far.

    Without outliers, which are told of by themselves: one would make a sound column look wide, or a tiny one sound.
    """
    mean, spread = _without_outliers(rows)
    e.numbers[f"{name}_std_smallest"], e.numbers[f"{name}_std_largest"] = float(spread.min()), float(spread.max())
    varies, small = spread > 0, spread < 0.1
    if not any_small and not (small | ~varies).all():  # a feature that is small beside others may be meant to be
        small[:] = False
    off = np.abs(mean) > 3 * spread
    if not any_small and not (off | ~varies).all():  # one that hardly varies, beside others, is but a constant more
        off &= np.abs(mean) > 3
    far = varies & ((spread > 10) | off | small)
    if not far.any():
        return None
    spread_of_far = np.where(far, spread, 1.0)
    j = int(np.argmax(np.where(far, np.abs(np.log(spread_of_far)) + np.abs(mean) / spread_of_far, -1.0)))
    return j, float(mean[j]), float(spread[j])


def _rows(values: Any, n_axes: int) -> np.ndarray:
    """Numbers as (rows, columns), of which the first axes become the rows; without absent steps."""
    if n_axes == 2 and is_list_of_arrays(values):
        rows = np.concatenate([np.asarray(v, float).reshape(len(v), -1) for v in values])
    else:
        values = np.asarray(values, float)
        rows = values.reshape(-1, values.shape[n_axes] if values.ndim > n_axes else 1)
    return rows[~np.isnan(rows).any(axis=1)]


# -- states ---------------------------------------------------------------------------------------------------------


def saturated(e: Evidence) -> Finding | None:
    """Many states of a bounded cell are at their bounds, where they let no gradient through."""
    if not e.states or not (e.cell in _BOUNDED or (e.cell == "rnn" and not e.is_relu)):
        return None
    shares = [float((np.abs(H) > 0.99).mean()) for H in e.states]
    layer = int(np.argmax(shares))
    e.numbers["share_of_states_saturated"] = shares[layer]
    if shares[layer] <= 0.3:
        return None
    scale = "scale X, as above; if that is not enough, " if "scale of X" in e.found else ""
    return Finding(
        "saturated units",
        "problem",
        f"{shares[layer]:.0%} of the states of layer {layer} are beyond 0.99 in absolute value, where the cell lets "
        "hardly any gradient through.",
        f"{scale}{e.try_init()}{e.try_rate('a smaller')}, or a larger alpha (now {e.net.alpha:g}).",
    )


def dead(e: Evidence) -> Finding | None:
    """Units that are the same at every step of every sample, with relu usually 0."""
    if not e.states or len(e.states[0]) < 10:
        return None
    shares = [float((np.ptp(H, axis=0) <= 1e-4).mean()) for H in e.states]
    layer = int(np.argmax(shares))
    e.numbers["share_of_units_constant"] = shares[layer]
    zeros = [float((H == 0).mean()) for H in e.states] if e.is_relu else [0.0]
    if e.is_relu:
        e.numbers["share_of_states_zero"] = max(zeros)
    H = e.states[layer]
    few = max(zeros) > 0.85 and e.share is not None and e.share < 0.3
    if shares[layer] < 0.5 and not few:  # with relu, some always are
        return None
    seen = (
        f"{round(shares[layer] * H.shape[1])} of {H.shape[1]} units of layer {layer} are the same at every step of all "
        f"samples ({int((H == 0).all(axis=0).sum())} of them 0): they do nothing."
    )
    if shares[layer] < 0.5:
        seen = f"{max(zeros):.0%} of the states of layer {int(np.argmax(zeros))} are 0: the units hardly ever answer."
    tanh = ", or activation='tanh' (now 'relu')" if e.cell == "rnn" and e.is_relu else ""
    return Finding(
        "dead units",
        "problem",
        seen,
        f"{e.try_rate('a smaller')}{tanh}; if the score is good, fewer units (hidden_layer_sizes).",
    )


# -- the score ------------------------------------------------------------------------------------------------------


def does_not_hold(e: Evidence) -> Finding | None:
    """On these data far less is explained than in training: they are others than those of `fit`, and it over-fits."""
    curve, validation = e.curve("loss_curve_"), e.curve("validation_loss_curve_")
    if e.share is None or not e.of_constant or not len(curve) or {"over-fit", "diverged"} & e.found:
        return None
    trained = float(curve.min())
    if getattr(e.net, "early_stopping", False) and len(validation) == len(curve) and np.isfinite(validation).any():
        trained = float(curve[min(int(np.nanargmin(validation)) + 1, len(curve) - 1)])  # of the weights that are kept
    in_training = 1 - trained / e.of_constant
    if not in_training > 0.5 or e.share > 0.6 * in_training:
        return None
    return Finding(
        "over-fit",
        "problem" if e.share < 0.3 else "note",
        f"On these data the loss is {_times(e.share)} of {e.constant}. In training it fell to {trained:.3g}, "
        f"{trained / e.of_constant:.3g} times it: what was learnt does not hold here.",
        f"more data; early_stopping=True (now {e.net.early_stopping}), dropout (now {e.net.dropout:g}), a larger alpha "
        f"(now {e.net.alpha:g}), or fewer units. Or these data are of another kind.",
    )


def _times(share: float) -> str:
    """A loss beside that of the constant."""
    times = 1 - share
    return "as large as that" if 0.985 < times < 1.015 else f"{times:.3g} times as large as that"


def no_better(e: Evidence) -> Finding | None:
    """The score is that of a constant: the mean, or the shares of the classes."""
    causes = {"diverged", "over-fit", "under-fit"} & e.found  # whose findings tell the score
    if e.share is None or e.share > 0.01 or causes:
        return None
    told = {"weights", "scale of X", "scale of y", "unstable training", "exploding gradients", "saturated units"}
    if (told | {"dead units", "outlier in X", "outlier in y"}) & e.found:
        advice = "what is said above."
    elif e.is_text:
        advice = f"more passes (max_iter, now {e.net.max_iter}), or {e.try_rate('another')}."
    else:
        another = "another cell" if e.cell != "rnn" else "cell='gru'"
        early = "pooling='concat', patch_size=4 and bidirectional=True, if what counts stands early"
        advice = (
            f"{e.try_rate('another')}; {another} (now {e.cell!r})"
            + (f"; {early}" if e.net.mapping == "many-to-one" else "")
            + (f"; more units (hidden_layer_sizes, now {e.width})" if e.width <= 8 else "")
            + ". If it does learn its training data, these data are of another kind, or it is over-fit."
        )
    return Finding(
        "no better than a constant",
        "problem",
        f"On these data the network is no better than {e.constant}: its loss is {_times(e.share)}.",
        advice,
    )


# -- gradients through time -----------------------------------------------------------------------------------------


def exploding_through_time(e: Evidence) -> Finding | None:
    """The gradient grows on its way to the first steps."""
    ratio = _first_to_last(e)
    if ratio is None or ratio <= 100 or {"exploding gradients", "diverged", "scale of X"} & e.found:
        return None
    held = "; cell='gru' or 'lstm' holds it better (now 'rnn')" if e.cell == "rnn" else ""
    return Finding(
        "exploding gradients",
        "problem",
        f"Carried back through {_usual_steps(e)} steps, the gradient is {ratio:.3g} times as large at the first as at "
        "the last.",
        f"{e.try_init()}{e.try_clip()}{e.try_rate('a smaller')}{held}.",
    )


def vanishing(e: Evidence) -> Finding | None:
    """Hardly any gradient reaches the first steps, so that nothing is learnt from them."""
    ratio = _first_to_last(e)
    if ratio is None:
        return None
    steps = _usual_steps(e)
    longer = [norms[::-1] for norms in e.gradients if len(norms) >= steps]
    mean = np.mean([norms[: min(map(len, longer))] for norms in longer], axis=0)
    reach = int(np.flatnonzero(mean >= 0.01 * mean.max())[-1]) + 1
    # what is learnt well without the first steps does not need them
    share = 0.0 if e.share is None else e.share
    causes = {"diverged", "scale of X", "exploding gradients", "saturated units", "dead units"}
    if ratio >= 1e-4 or share > 0.9 or causes & e.found:
        return None
    both = e.net.bidirectional_
    of_steps = f"{steps} {'patches' if e.net.patch_size_ > 1 else 'steps'}"
    reaches = "" if both else f"; it has fallen to a hundredth {reach} back, and nothing is learnt from far beyond"
    pooled = "pooling='concat' (now 'last') or " if e.net.mapping == "many-to-one" else ""
    other = "cell='mingru'" if e.cell != "mingru" else "a larger patch_size"
    return Finding(
        "vanishing gradients",
        "problem" if share < 0.1 else "note",  # what little the last steps say may be all that there is
        f"The gradient that reaches the {'middle' if both else 'first'} of {of_steps} is {ratio:.1e} times that at the "
        f"{'ends' if both else 'last'}{reaches}.",
        f"if these steps matter, {pooled}{other} (now cell={e.cell!r}); if not, shorter sequences do as well.",
    )


def _usual_steps(e: Evidence) -> int:
    """Steps that half of the sequences have."""
    return int(np.median([len(norms) for norms in e.gradients]))


def _first_to_last(e: Evidence) -> float | None:
    """The gradient's norm at the first step of the longer sequences over that at the last.

    Where the network also reads backwards, the middle, from which the way is farthest, stands for the first, and both
    ends for the last. None where steps cannot be compared: where the readout sees more than the last state, which hands
    the gradient to every step directly; where there is nothing in the sequence to remember; and of few steps.
    """
    net = e.net
    if not e.gradients or net.mapping == "one-to-many" or (net.mapping == "many-to-one" and net.pooling_ != "last"):
        return None
    steps = _usual_steps(e)
    if steps < 10 or (net.bidirectional_ and net.mapping == "many-to-many"):
        return None
    longer = [norms for norms in e.gradients if len(norms) >= steps]
    if net.bidirectional_:
        first, last = sum(norms[len(norms) // 2] for norms in longer), sum(norms[0] + norms[-1] for norms in longer)
    else:
        first, last = sum(norms[0] for norms in longer), sum(norms[-1] for norms in longer)
    if not last > 0 or not np.isfinite(first / last):
        return None
    e.numbers["gradient_first_to_last_step"] = float(first / last)
    return float(first / last)
