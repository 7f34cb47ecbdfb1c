"""What may be wrong with a trained network, as its curves and weights tell it.

One function a symptom: Evidence in, a Finding or None out. Each notes the numbers that it has looked at, and is silent
where it cannot judge: where a curve is too short, or was not recorded by the release that stored the model. Thresholds
are such that sound fits of all cells have no findings; the tests try them.
"""

from __future__ import annotations

import numpy as np
from sklearn.base import is_classifier, is_regressor

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


def diverged(e: Evidence) -> Finding | None:
    """A loss or gradient was not finite, and training was stopped."""
    curve, norms = e.curve("loss_curve_"), e.curve("gradient_norm_curve_")
    # an older release told only by leaving no epoch
    if getattr(e.net, "stopped_by_", "" if len(curve) else "diverged") != "diverged":
        return None
    before = ""
    if len(curve):
        norm = f", the gradient's norm {norms[-1]:.3g}" if len(norms) and np.isfinite(norms[-1]) else ""
        before = f" In epoch {len(curve)} the loss was {curve[-1]:.3g}{norm}."
    return Finding(
        "diverged",
        "problem",
        f"Training was stopped in epoch {len(curve) + 1}: the loss or its gradient was not finite.{before} The weights "
        f"are {'those of the best epoch before' if len(curve) else 'where training began'}.",
        f"{e.try_init()}{e.try_clip()}{e.try_rate('a smaller')}; and scale X and y to unit variance if they are not.",
    )


def unstable(e: Evidence) -> Finding | None:
    """The loss rises: above its first, or in the second half again and again by a tenth of all that it has fallen.

    What it has fallen is counted from the loss of a constant: a first epoch that overshoots would excuse any jump.
    """
    curve = e.curve("loss_curve_")
    if len(curve) < 2 or not np.isfinite(curve).all() or "diverged" in e.found:
        return None
    first, best, n = curve[0], curve.min(), len(curve)
    advice = f"{e.try_init()}learning_rate_init={e.rate / 5:.2g} (now {e.rate:g}), or clip_norm=1.0 (now "
    advice += f"{e.net.clip_norm})."
    if e.net.solver == "lbfgs":
        advice = "solver='adam' (now 'lbfgs')."
    start, usual = min(first, _level(curve[: max(1, n // 2)])), e.usual_loss
    if usual is not None and best < usual:
        start = min(first, usual)
    top = int(curve.argmax())
    seen = ""
    if curve[-1] > first + abs(first):
        seen = f"The loss rose from {first:.3g} in the first epoch to {curve[-1]:.3g} in the last, epoch {n}."
    elif n >= 10:
        # what came to a good fit may have jumped a little more on its way
        is_good = best < 0.2 * start or (e.share is not None and e.share > 0.8)
        scale = max(first - best, 0.1 * abs(first)) if is_good else max(start - best, 0.2 * abs(start))
        scale = max(scale, 1e-12)
        rises = np.diff(curve[n // 2 - 1 :]) > 0.1 * scale  # before that it may jump on its way
        n_rises = int(rises.sum())
        end = _level(curve[-max(3, n // 20) :])
        e.numbers["epochs_with_jump"], e.numbers["loss_end_above_best"] = n_rises, float(end - best)
        if n_rises >= 2 and n_rises > 0.1 * len(rises):
            seen = (
                f"The loss jumped up in {n_rises} of the last {len(rises)} epochs, by more than a tenth of all it has "
                f"fallen ({first if is_good else start:.3g} to {best:.3g})."
            )
        elif end - best > 0.25 * scale:
            seen = f"The loss ended at {end:.3g}, far above its best, {best:.3g} (epoch {curve.argmin() + 1} of {n})."
        elif curve[top] > 1.5 * first and curve[top] > 3 * start and start > 0 and not is_good:
            seen = f"The loss rose from {first:.3g} in the first epoch to {curve[top]:.3g} in epoch {top + 1} of {n}."
    return Finding("unstable training", "problem", seen, advice) if seen else None


def scale_of_y_by_loss(e: Evidence) -> Finding | None:
    """Without y: a loss that no y of unit variance has, and no gradient that explodes."""
    curve = e.curve("loss_curve_")
    if e.y is not None or not is_regressor(e.net) or e.net.loss == "poisson" or len(curve) < 2:
        return None
    told = {"diverged", "unstable training", "exploding gradients"} & e.found
    best = curve.min()
    if told or not best > (50 if e.net.loss == "squared_error" else 10):  # those of a deviation of 10
        return None
    return Finding(
        "scale of y",
        "problem",
        f"The loss fell from {curve[0]:.3g} to {best:.3g} in {len(curve)} epochs. Of y of unit variance it begins near "
        f"{'0.5' if e.net.loss == 'squared_error' else '1'}.",
        "TransformedTargetRegressor(RNNRegressor(...), transformer=StandardScaler()).",
    )


def under_fit(e: Evidence) -> Finding | None:
    """The loss hardly fell, and stands where a constant's would, or falls at every step; or there are too few units."""
    curve = e.curve("loss_curve_")
    causes = {"diverged", "scale of X", "scale of y", "unstable training", "exploding gradients", "over-fit"}
    if len(curve) < 5 or not np.isfinite(curve).all() or causes & e.found:
        return None
    first, best, usual = float(curve[0]), float(curve.min()), e.usual_loss
    share = (first - best) / max(abs(first), 1e-12)
    e.numbers["loss_fall_share"] = share
    is_steady = bool((np.diff(curve) < 0).mean() > 0.9) and curve[-1] == best
    told = ""
    if e.share is not None:
        told = f" On these data it does away with {max(0.0, e.share):.0%} of the loss of {e.constant}."
    more = f"more units (hidden_layer_sizes, now {e.width})"
    if share < 0.01 and is_steady and (e.share is None or e.share < 0.9):
        return Finding(
            "under-fit",
            "problem",
            f"The loss fell by {share:.2%} only, from {first:.5g} to {best:.5g}, in {len(curve)} epochs, and it did so "
            f"in nearly every one: steps are too short.{told}",
            f"{e.try_rate('a larger')}, ten times as large, and again.",
        )
    if e.width <= 3 and e.share is not None and e.share < 0.5:
        units = "1 unit" if e.width == 1 else f"{e.width} units"
        return Finding("under-fit", "problem", f"A layer has {units}.{told}", f"{more}; then, {e.try_rate('another')}.")
    # 0.35 is for y of unit variance; where it is all known, `no_better` tells it
    if usual is None or share > 0.05 or best < (0.7 if is_regressor(e.net) else 0.5) * usual or e.share is not None:
        return None
    rate = e.try_rate("a larger" if curve[-1] == best else "another")
    return Finding(
        "under-fit",
        "note",
        f"The loss fell by {share:.1%} only, from {first:.4g} to {best:.4g}, in {len(curve)} epochs.",
        f"{rate}, or {more}; diagnose(estimator, X, y) tells whether anything was learnt.",
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
    # as low as it has ever been: not after a rise
    is_falling = 0.02 * whole < fall <= 1.01 * whole and fall > 2 * noise and curve[-1] <= curve.min() + 0.5 * fall
    if k == 1 and len(curve) > 2:  # one epoch says little
        is_falling &= bool(curve[-2] < curve[-3])
    told = {"diverged", "scale of X", "scale of y", "under-fit", "over-fit", "unstable training"} & e.found
    if not is_falling or e.in_forecaster or told:
        return None
    net = e.net
    # nearly all labels are right by then; their probabilities go on towards 1, and the log loss towards 0, forever
    usual = e.usual_loss
    if what == "loss" and is_classifier(net) and usual is not None and last < 0.25 * usual:
        return None
    # where next to nothing is learnt for another reason, longer training does not mend it
    hindered = {"vanishing gradients", "scale of a feature"} & e.found and e.share is not None and e.share < 0.1
    severity = "note" if hindered else "problem"
    within = "in the last epoch" if k == 1 else f"within {k} epochs"
    seen = (
        f"The {what} was still falling at the end, by {fall / k:.2g} an epoch (from {before:.4g} to {last:.4g} "
        f"{within}; since the first by {whole:.3g}), after {n} epochs"
    )
    if n >= net.max_iter:
        faster = "" if net.solver == "lbfgs" else f"; if that takes too long, {e.try_rate('a larger')}"
        advice = f"max_iter={2 * n} or more (now {net.max_iter}){faster}."
        return Finding("not converged", severity, f"{seen}, which is max_iter.", advice)
    watched = validation if net.early_stopping and len(validation) else training
    gains = (np.minimum.accumulate(watched)[:-1] - watched[1:])[-net.n_iter_no_change - 1 :]
    advice = "more passes of partial_fit, or to fit again with warm_start=True: training was cut short."
    if (gains <= net.tol).all() and len(gains) > net.n_iter_no_change:
        advice = (
            f"tol={net.tol / 10:g} (now {net.tol:g}) or a larger n_iter_no_change (now {net.n_iter_no_change}), so "
            "that training does not end while it gains."
        )
    return Finding("not converged", severity, f"{seen}, of max_iter={net.max_iter}.", advice)


def over_fit(e: Evidence) -> Finding | None:
    """Validation has turned up while training went down, or what is kept is far better in training."""
    training, validation = e.curve("loss_curve_"), e.curve("validation_loss_curve_")
    n = min(len(training), len(validation))
    if n < 3 or "diverged" in e.found:
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
        after = _level(validation[best + 1 :]) if best < n - 1 else end
        at_best, c = float(training[min(best + 1, n - 1)]), e.of_constant
        never = best == 0 and after > 1.03 * lowest and trained < 0.95 * training[1]
        hardly = has_turned and lowest > 0.85 * validation[0] and trained < 0.6 * training[1]
        # what it came to is no better than a constant, and the training loss alone went on
        in_vain = has_turned and e.share is not None and e.share < 0.05
        if c is not None and e.share is not None and e.share < 0.35:  # which counts what was trained on
            in_vain |= lowest > 0.9 * c and at_best < 0.8 * c
        # of much data the first epoch may learn nearly all that there is: then it is low already
        if in_vain or ((never or hardly) and lowest > 0.5 * training[0]):
            when = "the first" if best == 0 else f"epoch {best + 1}"
            return Finding(
                "over-fit",
                "problem",
                f"The validation loss was lowest in {when} of {n} ({lowest:.4g}, then {after:.4g}), "
                f"while the training loss went on to fall, from {at_best:.4g} to {trained:.4g}.",
                f"more data; {e.try_rate('a smaller')}, {less} Or X says nothing about y that holds beyond these data.",
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
    """In some epoch the gradient was huge: for its usual size, or for the loss; or the loss was."""
    norms, curve = e.curve("gradient_norm_curve_"), e.curve("loss_curve_")
    if len(norms) != len(curve):
        norms = np.full(len(curve), np.nan)
    known = np.isfinite(norms)
    if known.any():
        e.numbers["gradient_norm_usual"] = _level(norms[known])
        e.numbers["gradient_norm_largest"] = float(norms[known].max())
    if not len(curve) or {"diverged", "scale of X"} & e.found:
        return None
    scale = "; and scale X and y to unit variance if they are not" if e.X is None else ""
    advice = f"{e.try_init()}{e.try_clip()}{e.try_rate('a smaller')}{scale}."
    if known.any():
        largest, usual, first = e.numbers["gradient_norm_largest"], e.numbers["gradient_norm_usual"], norms[known][0]
        top = int(np.nanargmax(norms))
        # where states are of order one it is of the order of the errors, however large y is at first
        of_loss = norms[known] > 100 * np.maximum(1.0, np.sqrt(2 * np.abs(curve[known])))
        of_others = largest > 100 * max(1.0, min(usual, first)) and top > 0
        if of_loss.any() or of_others:
            return Finding(
                "exploding gradients",
                "problem",
                f"The gradient's norm was {largest:.3g} in the mean of epoch {top + 1}, {first:.3g} in the first and "
                f"{usual:.3g} in the median of all {int(known.sum())}; the loss was {curve[top]:.3g} in that epoch, "
                f"{curve.min():.3g} at best.",
                advice,
            )
    if curve.max() > 1e8 * max(1.0, float(np.abs(curve).min())):
        seen = f"The loss was {curve.max():.3g} in epoch {curve.argmax() + 1}, {curve.min():.3g} at best."
        return Finding("exploding gradients", "problem", seen, advice)
    return None


def clipped(e: Evidence) -> Finding | None:
    """Most updates of the second half of training were clipped."""
    curve, norms = e.curve("clipped_curve_"), e.curve("gradient_norm_curve_")
    known = np.isfinite(curve) & np.isfinite(norms) if len(curve) == len(norms) else np.zeros(len(curve), bool)
    curve, norms = curve[known][known.sum() // 2 :], norms[known[: len(norms)]][known.sum() // 2 :]
    if not len(curve) or e.net.solver == "lbfgs":
        return None
    share, norm = float(curve.mean()), _level(norms)
    e.numbers["share_of_updates_clipped"] = share
    if share <= 0.5 or {"diverged", "scale of X", "scale of y", "exploding gradients"} & e.found:
        return None
    by_norm = e.net.clip_norm is not None and norm > e.net.clip_norm
    advice = f"{'clip_norm' if by_norm else 'clip_value'}={max(5.0, 2 * norm):.2g}."
    if e.X is None or e.y is None:
        advice = f"scale X and y to unit variance if they are not; otherwise {advice}"
    if norm > 100:  # a longer step than this is none to take
        advice = f"{e.try_init()}{e.try_rate('a smaller')}; and scale X and y to unit variance if they are not."
    limit = f"clip_norm={e.net.clip_norm}" if by_norm else f"clip_value={e.net.clip_value}"
    return Finding(
        "clipped gradients",
        "note",
        f"In the second half of training {share:.0%} of the updates were clipped (the gradient's norm was {norm:.3g}, "
        f"with {limit}): the gradient says the direction, but no longer how far to go.",
        advice,
    )
