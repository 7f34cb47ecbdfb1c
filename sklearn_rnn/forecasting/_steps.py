"""The step of times of which some are missing: hours, days, business days, weeks, months, or a number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from ..sequences._timeindex import infer_freq

_NAMES_OF_DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


def usual_step(differences: np.ndarray) -> int:
    """The most frequent difference, the least of several that are."""
    steps, counts = np.unique(differences, return_counts=True)
    return int(steps[np.argmax(counts)])


def whole_step(differences: np.ndarray) -> int | None:
    """The step that all differences are multiples of, None if there is none that is worth the name.

    That is the most frequent difference. Where few rows are left of short series, a smaller one may be, if it is
    nearly as frequent and no more than half of the rows would be missing: one row that lies between the others does
    not make their step finer.
    """
    steps, counts = np.unique(differences, return_counts=True)
    usual = usual_step(differences)
    if not (steps % usual).any():
        return usual
    finest = int(np.gcd.reduce(steps))
    frequent = steps[0] == finest and 4 * counts[0] >= counts.max()
    return finest if frequent and 2 * len(differences) >= differences.sum() // finest else None


def step_of_dates(indexes: Sequence[pd.DatetimeIndex]) -> pd.offsets.BaseOffset | None:
    """The step of the dates of several series, ordered each, the longest first; None if they have none."""
    longest = indexes[0]
    if longest.freq is not None:
        return longest.freq
    walls = [wall_clock(index) for index in indexes]
    together = [len({_time_of_day(wall).item(0) for wall in walls}) == 1 and _is_daily(wall) for wall in walls]
    if all(together):
        indexes, rule = walls, _calendar_step
    else:
        indexes, rule = [_in_utc(index) for index in indexes], _fixed_step
    for step in (infer_freq(longest), rule(indexes)):
        if step is not None and all(_lies_on(index, step) for index in indexes):
            return to_offset("B") if step == to_offset("D") and _skips_weekends(indexes) else step
    return None


def wall_clock(index: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """What the clocks showed, without a time zone."""
    return index if index.tz is None else index.tz_localize(None)


def _in_utc(index: pd.DatetimeIndex) -> pd.DatetimeIndex:
    return index if index.tz is None else index.tz_convert("UTC").tz_localize(None)


def _a_day(index: pd.DatetimeIndex) -> int:
    return {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}[index.unit]


def _time_of_day(index: pd.DatetimeIndex) -> np.ndarray:
    return index.asi8[:1] % _a_day(index)


def _is_daily(index: pd.DatetimeIndex) -> bool:
    """All at the same time of day."""
    return not ((index.asi8 - index.asi8[0]) % _a_day(index)).any()


def _weekdays(index: pd.DatetimeIndex) -> np.ndarray:
    """0 for Mondays; pandas' own attribute is about to change its name."""
    return (index.asi8 // _a_day(index) + 3) % 7


def _fixed_step(indexes: Sequence[pd.DatetimeIndex]) -> pd.offsets.BaseOffset | None:
    step = whole_step(np.concatenate([np.diff(index.asi8) for index in indexes]))
    return None if step is None else to_offset(pd.Timedelta(step, unit=indexes[0].unit))


def _calendar_step(indexes: Sequence[pd.DatetimeIndex]) -> pd.offsets.BaseOffset | None:
    """The step of dates at one time of day."""
    dates = indexes[0].append(list(indexes[1:])).normalize()
    months = np.concatenate([np.diff(index.year * 12 + index.month) for index in indexes])
    days = np.concatenate([np.diff(index.asi8) // _a_day(index) for index in indexes])
    rule, step = None, None
    if months.min() > 0:
        rule, step = _day_of_month(dates), whole_step(months)
    if rule is None and len(set(_weekdays(dates))) == 1:
        rule, step = f"W-{_NAMES_OF_DAYS[_weekdays(dates)[0]]}", whole_step(days // 7)
    if rule is None:
        rule, step = "D", whole_step(days)
    if step is None:
        return None
    if rule == "same day":
        return pd.DateOffset(months=step)
    # as pandas would name it: quarters and years rather than months
    whole = pd.date_range(indexes[0][0], periods=8, freq=f"{step}{rule}")
    return infer_freq(whole) or whole.freq


def _day_of_month(dates: pd.DatetimeIndex) -> str | None:
    """The alias of months that begin or end on these dates."""
    days, months = dates.to_numpy().astype("M8[D]"), dates.to_numpy().astype("M8[M]")
    begin, end = months.astype("M8[D]"), (months + 1).astype("M8[D]") - 1
    rules = {
        "MS": begin,
        "ME": end,
        "BMS": np.busday_offset(begin, 0, roll="forward"),
        "BME": np.busday_offset(end, 0, roll="backward"),
    }
    rule = next((rule for rule, expected in rules.items() if (days == expected).all()), None)
    return "same day" if rule is None and len(set(dates.day)) == 1 else rule


def _lies_on(index: pd.DatetimeIndex, step: pd.offsets.BaseOffset) -> bool:
    """Is each of the dates a number of steps after the first?"""
    if is_fixed(step):
        return not ((index - index[0]) % pd.Timedelta(step)).asi8.any()
    dates = wall_clock(index)
    return len(dates.difference(pd.date_range(dates[0], dates[-1], freq=step, unit=dates.unit))) == 0


def is_fixed(step: pd.offsets.BaseOffset) -> bool:
    """Does a step take a fixed time? One of the calendar does not, nor does a day, on which clocks may change."""
    return isinstance(step, pd.offsets.Tick) and not isinstance(step, pd.offsets.Day)


def _skips_weekends(indexes: Sequence[pd.DatetimeIndex]) -> bool:
    """Is there none on a weekend, though series go on over one?"""
    weekdays = [_weekdays(index) for index in indexes]
    return all((days < 5).all() for days in weekdays) and any((np.diff(days) < 0).any() for days in weekdays)
