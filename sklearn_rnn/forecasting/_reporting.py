"""What a fit says: of its stages and of what came out, where it is asked to, and of what was not worth it."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np
import pandas as pd

from .._warnings import warn
from ._forecast_model import ForecastModel
from ._plan import Plan
from ._reader import SeriesReader
from ._series import Series
from ._tables import Layout, Table
from ._window_model import holds_recurrent_net


def stages_printed(verbose: int) -> Callable[[str], None]:
    """A function that prints which stage has ended, and how long it took; prints nothing below verbose=2."""
    since = perf_counter()

    def tell(stage: str) -> None:
        nonlocal since
        before, since = since, perf_counter()
        if verbose >= 2:
            print(f"RNNForecaster: {stage}, {since - before:.1f} s")

    return tell


def report(
    model: ForecastModel, data: Series, table: Table, reader: SeriesReader, verbose: int, seconds: float
) -> None:
    """What is printed and warned of at the end of a fit."""
    label = table.label
    if verbose:
        print_summary(model, data, seconds)
    model.plan.warn_of_short(data, label)
    warn_of_gaps(data, label, model.plan)
    changed = next((index for index in table.indexes if reader.grid.clocks_change(index)), None)
    warn_of_what_is_no_use(model, "" if changed is None else about_shifts(changed, table.layout))


def print_summary(model: ForecastModel, data: Series, seconds: float) -> None:
    """One line: what was learnt from, what "auto" came to, and what came out."""
    plan, m = model.plan, data.values[0].shape[1]
    line = f"RNNForecaster: {len(data)} series{f' of {m} columns' if m > 1 else ''}, {data.lengths.sum()} steps, "
    line += f"{model.model.model.main.n_windows} windows; season_length {plan.season_length}, window {plan.window}, "
    line += f"normalize {plan.normalize!r}, target_transform {plan.transformer!r}; "
    if model.worth is None:
        line += "no part held back"
    else:
        line += f"skill_ {model.skill:.2f}"
        if plan.linear_path:
            line += f", network_weight_ {model.network_weight:.2f}"
        if plan.combine:
            weights = dict(zip(model.model.model.names, model.weights.mean(axis=(0, 2))))
            best = sorted(weights, key=weights.__getitem__, reverse=True)[:3]
            line += f", of {len(weights)} candidates most " + ", ".join(f"{name} {weights[name]:.2f}" for name in best)
        if network_counts_for_nothing(model):
            line += " (the network counts for nothing: forecasts are those of the linear path)"
    if model.n_outliers:
        line += f"; {model.n_outliers} outlier(s) count as missing"
    print(f"{line}; {seconds:.1f} s")


def warn_of_gaps(data: Series, label: Callable[[int], str], plan: Plan) -> None:
    """Series of which more than half is missing, or more than a season (or, without one, a window) at the end."""
    limit, what_is_long = (plan.season_length, "season") if plan.season_length > 1 else (plan.window, "window")
    half, end = [], []
    for i, part in enumerate(data.values):
        if not np.isnan(part).any():
            continue
        for column in part.T:
            missing = np.isnan(column)
            begin = int(np.argmin(missing))  # it begins with its first value
            half += [i] * bool(missing[begin:].mean() > 0.5)
            end += [i] * bool(np.argmin(missing[::-1]) > limit)
    for some, what, advice in (
        (half, "more than half of its values missing", "Forecasts rest on little: check the frequency of its index."),
        (
            end,
            f"more than a {what_is_long} ({limit} step(s)) missing at its end",
            "What is forecast follows on steps that are themselves forecast: leave it out if it has ended.",
        ),
    ):
        if some:
            more = f", and {len(some) - 1} more," if len(some) > 1 else ""
            warn(f"{label(some[0]).rstrip(',')}{more} has {what}. {advice}")


def network_counts_for_nothing(model: ForecastModel) -> bool:
    """Is there a network beside a linear path, and nothing else, that did better without it on the part held back?"""
    plan: Plan = model.plan
    is_beside = plan.linear_path and not plan.combine and holds_recurrent_net(plan.regressor)
    return is_beside and model.network_weight == 0


def about_shifts(index: pd.DatetimeIndex, layout: Layout) -> str:
    """What to do about a daily course that goes by clocks, which are put forward or back within the data."""
    advice = layout.advice()
    code = "y.tz_localize(None).groupby(level=0).mean()"
    if layout.has_ids or layout.time_col is not None:
        code = f"{advice.times}.tz_localize(None), and then {advice.aggregate}.mean({advice.only}){advice.back}"
    return (
        f" The clocks of {index.tz} change within the data: a daily course that goes by them shifts by one hour then, "
        "while seasons are counted in steps. Take the times that the clocks show, and the mean of the hour that stands "
        f"there twice: {code}. The hour that is skipped in spring counts as missing."
    )


def warn_of_what_is_no_use(model: ForecastModel, shifts: str = "") -> None:
    """Where a naive forecast, or the linear path alone, did better on the part held back. `shifts` is what may be the
    reason."""
    plan = model.plan
    held_back = f"On the last {plan.calibration_fraction:.0%} of the data, which were held back, "
    if model.skill <= -0.005:  # as it is printed
        warn(
            f"{held_back}this forecaster was worse than repeating {model.best_naive}: skill_ = {model.skill:.2f}. Do "
            f"that, or try another window, normalize, target_transform or regressor.{shifts}"
        )
    # where the linear path makes no errors, there is nothing that a network could make worse
    if network_counts_for_nothing(model) and model.calibration and model.calibration.size.max() > 1e-6:
        smoothing = " and the smoothing" if plan.normalize == "smoothing" else ""
        warn(
            f"{held_back}the network only made forecasts worse: network_weight_ is 0, and forecasts are those of the "
            f"linear path{smoothing} alone. Give it more data, or another window or normalize; or leave it out: "
            "regressor=RidgeCV(np.logspace(-3, 3, 13)) forecasts the same, over gaps nearly the same, and is fitted in "
            "less time."
        )


def candidates_of(model: ForecastModel, reader: SeriesReader) -> pd.DataFrame:
    """RNNForecaster.candidates_."""
    names = pd.Index(model.model.model.names, name="candidate")
    weights = model.weights[: len(reader.ids)]
    errors = np.full(weights.shape, np.nan)
    if model.worth is not None:
        errors[: len(model.worth.by_candidate)] = model.worth.by_candidate
    index = _index_of(reader, len(weights), weights.shape[2])
    if index is None:
        return pd.DataFrame({"weight": weights[0, :, 0], "error": errors[0, :, 0]}, index=names)
    rows = index.repeat(len(names)).to_frame(index=False)
    rows["candidate"] = np.tile(names, len(index))
    rows["weight"], rows["error"] = (part.swapaxes(1, 2).ravel() for part in (weights, errors))
    return rows.set_index([*rows.columns[:-2]])


def skill_of_series(model: ForecastModel, reader: SeriesReader) -> pd.Series:
    """RNNForecaster.skill_by_series_."""
    known = model.skill_by_series
    skills = np.full((len(reader.ids), known.shape[1]), np.nan)
    skills[: len(known)] = known
    index = _index_of(reader, *skills.shape)
    return pd.Series(skills.ravel(), index=pd.RangeIndex(1) if index is None else index, name="skill")


def _index_of(reader: SeriesReader, n: int, m: int) -> pd.Index | None:
    """What names series, and columns of them; None for a single one."""
    layout = reader.layout
    if layout.has_ids:
        ids = pd.Index(list(reader.ids)[:n], tupleize_cols=True)
        levels = list((layout.index_names or [])[:-1]) if layout.kind == "panel" else [layout.id_col]
        ids.names = levels if ids.nlevels == len(levels) else ids.names
        if m == 1:
            return ids
        product = [(*(group if isinstance(group, tuple) else (group,)), name) for group in ids for name in layout.names]
        return pd.MultiIndex.from_tuples(product, names=[*ids.names, "variable"])
    if m > 1:
        return pd.Index(list(layout.names), name="variable", tupleize_cols=False)
    return None
