"""TimeGrid: the evenly spaced times that series lie on; the seasons that are usual for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from ..sequences._timeindex import about_clock_changes, date_range, infer_freq, n_dates
from ._steps import is_fixed, step_of_dates, usual_step, wall_clock, whole_step

MISSING = np.iinfo(np.int64).min  # the number of NaT


@dataclass(frozen=True)
class Advice:
    """What to do about times that are not as they must be, in code that fits how the series are held.

    The defaults are those of a Series or DataFrame with times on its index.
    """

    where: str = "The index of y"  # where the times stand
    convert: str = "pd.to_datetime(y.index)"
    number: str = "y.reset_index(drop=True)"
    sort: str = "y.sort_index()"
    aggregate: str = "y.groupby(level=-1)"  # of which .sum() or .mean() is to be taken
    only: str = ""  # in .sum() or .mean(): the columns of numbers alone, where there may be others
    back: str = ""  # what follows after it
    tell_apart: str = "RNNForecaster(id_col=..., time_col=..., target_col=...).fit(frame)"  # several series in one
    regular: str = "y.asfreq(...).interpolate()"
    drop_missing: str = "y = y[y.index.notna()]"
    fill: str = "y.interpolate() or y.ffill()"

    @property
    def times(self) -> str:
        """The times themselves, in code that `convert` holds."""
        times = self.convert[self.convert.index("(") + 1 : -1]
        return f"{times}.dt" if self.convert.startswith(times) else times  # a column

    def irregular(self, kind: str) -> str:
        """For times without a regular step; `kind` is that of a TimeGrid."""
        regular = self.regular.replace("asfreq(...)", "resample('D').asfreq()") if kind == "period" else self.regular
        return (
            f"Make it regular, as with {regular}, or, if all rows count as equal steps (trading days), number them: "
            f"{self.number}."
        )


class TimeGrid:
    """The evenly spaced labels that the times of series lie on, though some may be missing.

    Parameters
    ----------
    index : DatetimeIndex (with or without a freq), PeriodIndex, or an index of integers
    where : str
        What the index belongs to, for messages.
    advice : Advice
    beside : sequence of indexes
        Of other series, of the same type, which are to lie on the same grid.

    Attributes
    ----------
    step : offset (DatetimeIndex) or int (otherwise)
        From one label to the next.
    """

    def __init__(self, index: pd.Index, where: str, advice: Advice, beside: Sequence[pd.Index] = ()):
        if isinstance(index, pd.PeriodIndex):
            self.kind = "period"
        elif isinstance(index, pd.DatetimeIndex):
            self.kind = "datetime"
        elif pd.api.types.is_integer_dtype(index.dtype):
            self.kind = "integer"
        else:
            raise TypeError(
                f"{advice.where} must be a DatetimeIndex, a PeriodIndex or integers (or a column of such), got "
                f"{type(index).__name__} of {index.dtype}. Convert it, as with {advice.convert}, or number the rows: "
                f"{advice.number}."
            )
        self._dtype = index.dtype
        check_order(index, where, advice)
        if self.kind == "integer":
            _refuse_dates_as_numbers(index, where, advice)
        if len(index) < 3:
            raise ValueError(f"{where} has {len(index)} row(s), too few to tell the step of its index.")
        ordered = [index, *(other for other in beside if _in_order(other) and len(other) > 1)]
        if self.kind == "datetime":
            self.step = step_of_dates(ordered) or self._step_of_stretches(index, where, advice)
        else:
            steps = np.concatenate([np.diff(_ordinals(other)) for other in ordered])
            self.step = whole_step(steps) or usual_step(steps)

    def _step_of_stretches(self, index: pd.DatetimeIndex, where: str, advice: Advice) -> pd.offsets.BaseOffset:
        """The step of most stretches of an index that has none as a whole, so that what does not fit can be named."""
        stretches = (infer_freq(index[start : start + 4]) for start in range(min(len(index) - 3, 200)))
        found = Counter(freq for freq in stretches if freq is not None)
        if found:
            return found.most_common(1)[0][0]
        steps = np.diff(index)
        other = int(np.flatnonzero(steps != steps[0])[0])
        raise ValueError(
            f"The times of {where} have no regular step: {index[1]} is {pd.Timedelta(steps[0])} after the one before "
            f"it, {index[other + 1]} is {pd.Timedelta(steps[other])} after. {advice.irregular('datetime')}"
        )

    # -- times in numbers -------------------------------------------------------------------------------------------

    def ordinals(self, index: pd.Index) -> np.ndarray | None:
        """Labels as int64, in the unit of this grid, seconds or nanoseconds: `MISSING` for one that is missing, or that
        lies between two units. None if the index is of another type."""
        if self.kind == "datetime":
            same = pd.DatetimeIndex([], dtype=self._dtype)
            if not isinstance(index, pd.DatetimeIndex) or (index.tz is None) != (same.tz is None):
                return None
            if index.unit == same.unit:
                return index.asi8
            converted = index.as_unit(same.unit)
            return np.where(converted.as_unit(index.unit) == index, converted.asi8, MISSING)
        if self.kind == "period":
            return index.asi8 if isinstance(index, pd.PeriodIndex) and index.dtype == self._dtype else None
        if not pd.api.types.is_integer_dtype(index.dtype):
            return None
        if not index.hasnans:
            return index.to_numpy(dtype=np.int64)
        return index.to_series().fillna(MISSING).to_numpy(dtype=np.int64)

    def numbers(self, labels: pd.Index) -> np.ndarray:
        """`ordinals` of labels of this grid."""
        ordinals = self.ordinals(labels)
        assert ordinals is not None
        return ordinals

    def ordinals_of_y(self, index: pd.Index, where: str) -> np.ndarray:
        """As `ordinals`; an index of another type, or time zone, is an error."""
        ordinals = self.ordinals(index)
        if ordinals is None or (self.kind == "datetime" and str(index.tz) != self._tz):
            raise TypeError(
                f"The times of {where} are of {index.dtype}, expected {self._dtype} as before. Convert them."
            )
        return ordinals

    @property
    def _tz(self) -> str:
        return str(pd.DatetimeIndex([], dtype=self._dtype).tz)

    def label(self, ordinal: int) -> Any:
        """The label of a number."""
        if self.kind == "datetime":
            return pd.DatetimeIndex(np.array([ordinal]), dtype=self._dtype)[0]
        if self.kind == "period":
            return pd.PeriodIndex.from_ordinals([ordinal], freq=self._dtype.freq)[0]
        return int(ordinal)

    def between(self, label: Any, where: str, advice: Advice) -> ValueError:
        """The error for a label that does not lie on the grid."""
        clocks = about_clock_changes(pd.Index([label]), advice.times)
        return ValueError(
            f"The times of {where} have {label} between steps (their step is {self._name}). "
            f"{advice.irregular(self.kind)}{clocks}"
        )

    def too_many(self, n_missing: int, first: int, ordinals: np.ndarray, where: str, advice: Advice) -> ValueError:
        """The error for times so irregular that hardly any row would be one that was given."""
        exchanged = ""
        if self.kind == "datetime" and _day_and_month_exchanged(pd.DatetimeIndex(ordinals, dtype=self._dtype)):
            exchanged = " Or were days taken for months? Read the file with pd.read_csv(..., dayfirst=True)."
        n_given, ordinals = len(ordinals), np.append(first, ordinals)
        gap = int(np.argmax(np.diff(ordinals)))
        return ValueError(
            f"The times of {where} have no regular step: with {self._name}, which is the most frequent, {n_missing} "
            f"rows would be missing between the {n_given} given, as between {self.label(ordinals[gap])} and "
            f"{self.label(ordinals[gap + 1])}. {advice.irregular(self.kind)}{exchanged}"
        )

    @property
    def _name(self) -> str:
        step = getattr(self.step, "freqstr", str(self.step))
        return f"{step} of {self._dtype}" if self.kind == "period" else step

    @property
    def plain_step(self) -> int | str | None:
        """The step as a number or as pandas' name for it, if it has one."""
        if self.kind != "datetime":
            return int(self.step)
        try:
            return self.step.freqstr if to_offset(self.step.freqstr) == self.step else None
        except ValueError:
            return None

    def labels(self, start, n: int) -> pd.Index:
        """n labels, the first of which is `start`."""
        if self.kind == "datetime":
            return date_range(start, n, self.step)
        if self.kind == "period":
            first = start.ordinal
            return pd.PeriodIndex.from_ordinals(np.arange(first, first + n * self.step, self.step), freq=start.freq)
        return pd.RangeIndex(int(start), int(start) + n * self.step, self.step)

    def after(self, label, n: int) -> pd.Index:
        """The n labels that follow."""
        return self.labels(label, n + 1)[1:]

    def n_steps(self, earlier, later) -> int:
        """Steps from one label to another; negative if that is earlier. A fraction of a step does not count."""
        if later < earlier:
            return -self.n_steps(later, earlier)
        if self.kind == "datetime":
            if is_fixed(self.step):
                return int((later - earlier) // pd.Timedelta(self.step))
            return n_dates(earlier, later, self.step) - 1
        if self.kind == "period":
            earlier, later = earlier.ordinal, later.ordinal
        return (int(later) - int(earlier)) // self.step

    def is_whole(self, one, other) -> bool:
        """Is there a whole number of steps between two labels?"""
        one, other = min(one, other), max(one, other)
        return self.labels(one, max(self.n_steps(one, other), 0) + 1)[-1] == other

    def clocks_change(self, index: pd.Index) -> bool:
        """Are clocks put forward or back in this index, so that what they show shifts against its steps?"""
        if self.kind != "datetime" or index.tz is None or not is_fixed(self.step):
            return False
        ahead_of_utc = wall_clock(index).asi8 - index.asi8
        return bool((ahead_of_utc != ahead_of_utc[0]).any())

    @property
    def season_length(self) -> int | None:
        """Steps in the season that is usual for such a step: a day of hours, a week of days, a year of months."""
        if self.kind == "integer":
            return None
        offset = self.step if self.kind == "datetime" else self.step * to_offset(self._dtype.freq.base)
        return _season_length(offset)


def check_order(index: pd.Index, where: str, advice: Advice) -> None:
    """One label a row, none missing, oldest first."""
    if index.hasnans:
        row = int(np.flatnonzero(index.isna())[0])
        raise ValueError(
            f"The times of {where} have none in row {row}: no time in row {row}. Drop such rows, "
            f"{advice.drop_missing}, or say when they were."
        )
    if index.has_duplicates:
        raise _doubled(index, where, advice)
    if not index.is_monotonic_increasing:
        late = int(np.flatnonzero(index[1:] < index[:-1])[0]) + 1
        raise ValueError(
            f"The rows of {where} must be ordered in time, oldest first: {index[late]} comes after "
            f"{index[late - 1]}. Sort them: {advice.sort}."
        )


def _doubled(index: pd.Index, where: str, advice: Advice) -> ValueError:
    """The error for times that stand in several rows. If most do, they are most likely those of several series, of
    which a sum or a mean would make one."""
    again = index.duplicated(keep=False)
    label, n_times = index[again][0], index.nunique()
    n = int((index == label).sum())
    found = f"The times of {where} have {label} {'twice' if n == 2 else f'{n} times'}"
    total = f"{advice.aggregate}.sum({', '.join(['min_count=1', *advice.only.split()])}){advice.back}"
    mean = f"{advice.aggregate}.mean({advice.only}){advice.back}"
    join = (
        f"add up rows that are parts of one value, {total}; take the mean of a value that was measured more than once, "
        f"{mean}; or drop {'one' if n == 2 else 'all but one'}."
    )
    if index[again].nunique() > n_times / 2:
        return ValueError(
            f"{found}; each of the {n_times} times stands about {len(index) / n_times:.3g} times. Are these several "
            f"series, one below the other? Name the column that tells them apart: {advice.tell_apart}. If it is one "
            f"series, {join}"
        )
    clocks = about_clock_changes(index[index.duplicated()], advice.times)
    return ValueError(f"{found}. {join[0].upper()}{join[1:]}{clocks}")


def _refuse_dates_as_numbers(index: pd.Index, where: str, advice: Advice) -> None:
    """Numbers such as 20240131 or 202401 are dates: as counts, most of them would be missing."""
    if len(index) < 2 or not 190_001 <= index[0] <= index[-1] <= 21_001_231:
        return
    for form, digits in (("%Y%m%d", 8), ("%Y%m", 6)):
        text = pd.Series(index.astype("int64").astype(str))
        dates = pd.to_datetime(text, format=form, errors="coerce") if (text.str.len() == digits).all() else None
        # counts of that size have no gaps where a month or a year ends
        if dates is not None and dates.notna().all() and (np.diff(index.to_numpy(dtype=np.int64)) > 50).any():
            raise ValueError(
                f"The times of {where} are numbers such as {index[0]}, and seem to be dates. Make dates of them: "
                f"{advice.convert[:-1]}, format={form!r})."
            )


def _day_and_month_exchanged(index: pd.DatetimeIndex) -> bool:
    """Would the first days of months, as in 01.02.2024, be regular, if what was taken for the month was the day?"""
    if index.tz is not None or (index.month != 1).any() or (index.day > 12).any() or (index.day == 1).all():
        return False
    months = index.year * 12 + index.day
    return bool((np.diff(months) == 1).all())


def _in_order(index: pd.Index) -> bool:
    return not index.hasnans and index.is_monotonic_increasing and index.is_unique


def _ordinals(index: pd.Index) -> np.ndarray:
    return index.astype("int64").to_numpy() if isinstance(index, pd.PeriodIndex) else index.to_numpy(dtype=np.int64)


def _season_length(offset: pd.offsets.BaseOffset) -> int | None:
    if type(offset) is pd.DateOffset:
        months = offset.n * (offset.kwds.get("months", 0) + 12 * offset.kwds.get("years", 0))
        return 12 // months if months and 12 % months == 0 else None
    rule = offset.rule_code.split("-")[0]
    for rules, steps in (
        (("SMS", "SME", "SM"), 24),
        (("MS", "ME", "M", "BMS", "BME", "BM", "CBMS", "CBME", "CBM", "WOM", "LWOM"), 12),
        (("QS", "QE", "Q", "BQS", "BQE", "BQ"), 4),
        (("W",), 52),
        (("B", "C"), 5),
    ):
        if rule in rules:
            return steps // offset.n if steps % offset.n == 0 else None
    try:
        seconds = pd.Timedelta(offset).total_seconds()
    except (TypeError, ValueError):
        return None  # years
    # a day of anything from five minutes on, or a week; an hour of minutes, a minute of seconds
    for season, shortest_step in ((86_400, 300), (7 * 86_400, 300), (3600, 10), (60, 0)):
        if shortest_step <= seconds and season % seconds == 0 and season // seconds >= 4:
            return int(season // seconds)
    return None


def dominant_period(values: np.ndarray) -> int | None:
    """The lag, from 2 on, at which a series (T,) resembles itself most; None where it hardly does.

    Of the autocorrelations of what a straight line leaves, the first peak that is nearly as high as the highest, if
    that is above 0.3 and above what noise would show.
    """
    n = len(values)
    largest = np.abs(values).max()
    if n < 9 or not largest > 0:
        return None
    t, values = np.arange(n), values / largest
    rest = values - np.polyval(np.polyfit(t, values, 1), t)
    spectrum = np.fft.rfft(rest, 2 * n)
    autocorrelation = np.fft.irfft(np.abs(spectrum) ** 2)[: n // 3 + 1]
    if not autocorrelation[0] > 1e-12 * np.sum(values**2):
        return None
    # each divided by the number of its products, so that long lags do not look weaker than they are
    r = autocorrelation / autocorrelation[0] * n / (n - np.arange(len(autocorrelation)))
    peaks = [k for k in range(2, len(r) - 1) if r[k] >= r[k - 1] and r[k] > r[k + 1]]
    high = max((r[k] for k in peaks), default=0.0)
    if high < max(0.3, 2.5 / np.sqrt(n)):
        return None
    return next(k for k in peaks if r[k] >= 0.9 * high)
