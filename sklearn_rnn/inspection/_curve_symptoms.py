"""What may be wrong with a trained network, as its curves and weights tell it.

One function a symptom: Evidence in, a Finding or None out. Each notes the numbers that it has looked at, and is silent
where it cannot judge: where a curve is too short, or was not recorded by the release that stored the model. Thresholds
are such that sound fits of all cells have no findings; the tests try them.
"""

from __future__ import annotations

import numpy as np
from sklearn.base import is_classifier

from ._evidence import Evidence, Finding


def _level(values: np.ndarray) -> float:
    """What the values of some epochs are about."""
    return float(np.median(values))


def weights(e: Evidence) -> Finding | None:
    """Weights that are not finite, or huge."""
    broken = [name for name, W in e.net.weights_.items() if not np.isfinite(W).all()]
    if broken:
        return Finding(
            "weights",
            "problem",
            f"{', '.join(broken)} hold values that are not finite.",
            f"fit again, with {e.try_rate('a smaller')} and clip_norm=1.0 (now {e.net.clip_norm}).",
        )
    largest = {name: float(np.abs(W).max(initial=0.0)) for name, W in e.net.weights_.items()}
    name = max(largest, key=largest.__getitem__)
    e.numbers["weight_largest"] = largest[name]
    if largest[name] <= 100:
        return None
    return Finding(
        "weights",
        "problem",
        f"{name} holds values up to {largest[name]:.3g}.",
        f"{e.try_rate('a smaller')}, or a larger alpha (now {e.net.alpha:g}); and scale X and y to unit variance if "
        "they are not.",
    )


def unstable(e: Evidence) -> Finding | None:
    """The loss rises: above its first, or in the second half again and again by a tenth of all that it has fallen."""
    curve = e.curve("loss_curve_")
    if len(curve) < 2 or not np.isfinite(curve).all():
        return None
    first, best, n = curve[0], curve.min(), len(curve)
    advice = f"learning_rate_init={e.rate / 5:.2g} (now {e.rate:g}), or clip_norm=1.0 (now {e.net.clip_norm})."
    if e.net.solver == "lbfgs":
        advice = "solver='adam' (now 'lbfgs')."
    seen = ""
    if curve[-1] > first + abs(first):
        seen = f"The loss rose from {first:.3g} in the first epoch to {curve[-1]:.3g} in the last, epoch {n}."
    elif n >= 10:
        scale = max(first - best, 0.1 * abs(first), 1e-12)
        rises = np.diff(curve[n // 2 - 1 :]) > 0.1 * scale  # before that it may jump on its way
        n_rises = int(rises.sum())
        end = _level(curve[-max(3, n // 20) :])
        e.numbers["epochs_with_jump"], e.numbers["loss_end_above_best"] = n_rises, float(end - best)
        if n_rises >= 2 and n_rises > 0.1 * len(rises):
            seen = (
                f"The loss jumped up in {n_rises} of the last {len(rises)} epochs, by more than a tenth of all it has "
                f"fallen ({first:.3g} to {best:.3g})."
            )
        elif end - best > 0.25 * scale:
            seen = f"The loss ended at {end:.3g}, far above its best, {best:.3g} (epoch {curve.argmin() + 1} of {n})."
    return Finding("unstable training", "problem", seen, advice) if seen else None


def under_fit(e: Evidence) -> Finding | None:
    """The loss hardly fell, and stands where a constant's would."""
    curve = e.curve("loss_curve_")
    if len(curve) < 5 or not np.isfinite(curve).all() or e.numbers.get("share_explained", 0.0) > 0.3:
        return None
    if e.is_text:
        of_constant = 0.5 * np.log(len(e.net.vocabulary_))
    elif is_classifier(e.net):
        of_constant = 0.5 * np.log(max(2, len(e.net.classes_)))
    elif e.net.loss == "squared_error":
        of_constant = 0.35  # of y of unit variance it is 0.5
    else:
        return None
    first, best = float(curve[0]), float(curve.min())
    share = (first - best) / max(abs(first), 1e-12)
    e.numbers["loss_fall_share"] = share
    told = {"no better than a constant", "scale of y", "unstable training"} & e.found
    if share > 0.05 or best < of_constant or told:
        return None
    rate = e.try_rate("a larger" if curve[-1] == best else "another")
    return Finding(
        "under-fit",
        "note",
        f"The loss fell by {share:.1%} only, from {first:.4g} to {best:.4g}, in {len(curve)} epochs.",
        f"{rate}, or more units (hidden_layer_sizes); diagnose(estimator, X, y) tells whether anything was learnt.",
    )


def not_converged(e: Evidence) -> Finding | None:
    """The loss, or the validation loss where there is one, was still falling in the last tenth of the epochs."""
    training, validation = e.curve("loss_curve_"), e.curve("validation_loss_curve_")
    validation = validation[~np.isnan(validation)]  # NaN where an epoch was not validated
    n = len(training)
    e.numbers["n_iter"] = n
    if n:
        e.numbers["loss_first"], e.numbers["loss_last"] = float(training[0]), float(training[-1])
    what, curve = ("validation loss", validation) if len(validation) > 1 else ("loss", training)
    if len(curve) < 2 or not np.isfinite(curve).all():
        return None
    k = max(1, len(curve) // 10)
    # the last k epochs and the k before, up to all but the first of few
    before, last = _level(curve[-2 * k : -k]), _level(curve[-k:])
    fall, whole = before - last, float(curve[0] - curve.min())
    noise = _level(np.abs(np.diff(curve[-2 * k - 1 :]))) / np.sqrt(k) if k > 1 else 0.0
    e.numbers["loss_fall_in_last_tenth"] = fall
    is_falling = fall > 0.02 * whole and fall > 2 * noise and curve[-1] <= curve.min() + 0.5 * fall
    if k == 1 and len(curve) > 2:  # one epoch says little
        is_falling &= bool(curve[-2] < curve[-3])
    if not is_falling or e.in_forecaster or {"under-fit", "unstable training"} & e.found:
        return None
    net = e.net
    within = "in the last epoch" if k == 1 else f"within {k} epochs"
    seen = (
        f"The {what} was still falling at the end, by {fall / k:.2g} an epoch (from {before:.4g} to {last:.4g} "
        f"{within}; since the first by {whole:.3g}), after {n} epochs"
    )
    if n >= net.max_iter:
        faster = "" if net.solver == "lbfgs" else f"; if that takes too long, {e.try_rate('a larger')}"
        advice = f"max_iter={2 * n} or more (now {net.max_iter}){faster}."
        return Finding("not converged", "problem", f"{seen}, which is max_iter.", advice)
    watched = validation if net.early_stopping and len(validation) else training
    gains = (np.minimum.accumulate(watched)[:-1] - watched[1:])[-net.n_iter_no_change - 1 :]
    advice = "more passes of partial_fit, or to fit again with warm_start=True: training was cut short."
    if (gains <= net.tol).all() and len(gains) > net.n_iter_no_change:
        advice = (
            f"tol={net.tol / 10:g} (now {net.tol:g}) or a larger n_iter_no_change (now {net.n_iter_no_change}), so "
            "that training does not end while it gains."
        )
    return Finding("not converged", "problem", f"{seen}, of max_iter={net.max_iter}.", advice)


def over_fit(e: Evidence) -> Finding | None:
    """Validation has turned up while training went down, or what is kept is far better in training."""
    training, validation = e.curve("loss_curve_"), e.curve("validation_loss_curve_")
    n = min(len(training), len(validation))
    if n < 3:
        return None
    training, validation = training[-n:], validation[-n:]
    known = ~np.isnan(validation)
    training, validation, n = training[known], validation[known], int(known.sum())
    if n < 3 or not (np.isfinite(training).all() and np.isfinite(validation).all()):
        return None
    best, k, net = int(validation.argmin()), max(1, n // 20), e.net
    lowest, end, trained = float(validation[best]), _level(validation[-k:]), _level(training[-k:])
    e.numbers["validation_loss_lowest"], e.numbers["validation_loss_last"] = lowest, end
    less = f"dropout (now {net.dropout:g}), a larger alpha (now {net.alpha:g}), or fewer units."
    fallen = max(float(validation[0]) - lowest, 0.05 * abs(lowest))
    has_turned = end - lowest > max(0.1 * fallen, 0.05 * abs(lowest)) and trained < training[best]
    if not net.early_stopping:
        less = "early_stopping=True, " + less
        if has_turned and best < n - 2:
            return Finding(
                "over-fit",
                "problem",
                f"The validation loss was lowest in epoch {best + 1} of {n} ({lowest:.4g}) and rose to {end:.4g} "
                f"since, while the training loss fell from {training[best]:.4g} to {trained:.4g}; the weights are not "
                "those of that epoch.",
                less,
            )
        kept = end
    else:
        if has_turned and best == 0 and trained < 0.7 * training[1]:
            return Finding(
                "over-fit",
                "problem",
                f"The validation loss was lowest in the first of {n} epochs ({lowest:.4g}, at the end {end:.4g}), "
                f"while the training loss went on to fall, from {training[1]:.4g} to {trained:.4g}.",
                f"{e.try_rate('a smaller')}, {less}",
            )
        kept, trained = lowest, float(training[min(best + 1, n - 1)])
    whole = max(float(validation[0]), float(training[0])) - trained
    if kept - trained > 0.3 * whole and kept > 2 * abs(trained):
        return Finding(
            "over-fit",
            "problem",
            f"The validation loss is {kept:.4g} where the training loss is {trained:.4g} (at first {training[0]:.4g}): "
            "much of what was learnt holds for the training data only.",
            less,
        )
    return None


def exploding_in_training(e: Evidence) -> Finding | None:
    """In some epoch the gradient was huge, for its usual size and at all."""
    norms = e.curve("gradient_norm_curve_")
    norms = norms[~np.isnan(norms)]
    if not len(norms):
        return None
    largest, usual = float(norms.max()), _level(norms)
    e.numbers["gradient_norm_usual"], e.numbers["gradient_norm_largest"] = usual, largest
    # what is large at first only, before the scale of y is learnt, does not explode
    if not (largest > 100 * max(1.0, min(usual, norms[0])) and norms.argmax() > 0):
        return None
    return Finding(
        "exploding gradients",
        "problem",
        f"The gradient's norm was {largest:.3g} in the mean of epoch {norms.argmax() + 1}, {norms[0]:.3g} in the first "
        f"and {usual:.3g} in the median of all {len(norms)}.",
        f"clip_norm=1.0 (now {e.net.clip_norm}), or {e.try_rate('a smaller')}.",
    )


def clipped(e: Evidence) -> Finding | None:
    """Most updates of the second half of training were clipped."""
    curve, norms = e.curve("clipped_curve_"), e.curve("gradient_norm_curve_")
    known = np.isfinite(curve) & np.isfinite(norms) if len(curve) == len(norms) else np.zeros(len(curve), bool)
    curve, norms = curve[known][known.sum() // 2 :], norms[known[: len(norms)]][known.sum() // 2 :]
    if not len(curve) or e.net.solver == "lbfgs":
        return None
    share, norm = float(curve.mean()), _level(norms)
    e.numbers["share_of_updates_clipped"] = share
    if share <= 0.5 or {"scale of X", "scale of y", "exploding gradients"} & e.found:
        return None
    by_norm = e.net.clip_norm is not None and norm > e.net.clip_norm
    limit = f"clip_norm={e.net.clip_norm}" if by_norm else f"clip_value={e.net.clip_value}"
    return Finding(
        "clipped gradients",
        "note",
        f"In the second half of training {share:.0%} of the updates were clipped (the gradient's norm was {norm:.3g}, "
        f"with {limit}): the gradient says the direction, but no longer how far to go.",
        f"scale X and y to unit variance if they are not; otherwise {'clip_norm' if by_norm else 'clip_value'}="
        f"{max(5.0, 2 * norm):.2g}.",
    )
