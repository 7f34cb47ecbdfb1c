"""TimeGrid: the evenly spaced times that series lie on; the seasons that are usual for them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from ..sequences._timeindex import about_clock_changes, date_range, infer_freq, n_dates


@dataclass(frozen=True)
class Advice:
    """What to do about times that are not as they must be, in code that fits how the series are held.

    The defaults are those of a Series or DataFrame with times on its index.
    """

    where: str = "The index of y"  # where the times stand
    convert: str = "pd.to_datetime(y.index)"
    number: str = "y.reset_index(drop=True)"
    sort: str = "y.sort_index()"
    aggregate: str = "y.groupby(level=-1).mean()"
    regular: str = "y.asfreq(...).interpolate()"
    drop_missing: str = "y = y[y.index.notna()]"
    fill: str = "y.interpolate() or y.ffill()"

    @property
    def times(self) -> str:
        """The times themselves, in code that `convert` holds."""
        return self.convert[self.convert.index("(") + 1 : -1]

    def irregular(self, kind: str) -> str:
        """For times without a regular step; `kind` is that of a TimeGrid."""
        regular = self.regular.replace("asfreq(...)", "resample('D').asfreq()") if kind == "period" else self.regular
        return (
            f"Make it regular, as with {regular}, or, if all rows count as equal steps (trading days), number them: "
            f"{self.number}."
        )


class TimeGrid:
    """The evenly spaced labels that an index lies on, with no label left out.

    Parameters
    ----------
    index : DatetimeIndex (with or without a freq), PeriodIndex, or an index of integers
    where : str
        What the index belongs to, for messages.
    advice : Advice

    Attributes
    ----------
    step : offset (DatetimeIndex) or int (otherwise)
        From one label to the next.
    """

    def __init__(self, index: pd.Index, where: str, advice: Advice):
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
        index = self._same_unit(index)
        self._check_order(index, where, advice)
        if len(index) < 3:
            raise ValueError(f"{where} has {len(index)} row(s), too few to tell the step of its index.")
        if self.kind == "datetime":
            self.step = index.freq or infer_freq(index) or self._usual_step(index, where, advice)
        else:
            steps = np.diff(_ordinals(index))
            self.step = int(Counter(steps.tolist()).most_common(1)[0][0])
        self.check(index, where, advice)

    def _same_unit(self, index: pd.Index) -> pd.Index:
        """The same labels, seconds or nanoseconds, nullable or not, as this grid holds them."""
        if self.kind == "datetime":
            unit = pd.DatetimeIndex([], dtype=self._dtype).unit
            return index if index.unit == unit else index.as_unit(unit)
        if self.kind == "integer" and not index.hasnans:
            return (
                index if isinstance(index, pd.RangeIndex) else pd.Index(index.to_numpy(dtype=np.int64), name=index.name)
            )
        return index

    def _check_order(self, index: pd.Index, where: str, advice: Advice) -> None:
        """One label a row, none missing, oldest first."""
        if index.hasnans:
            raise ValueError(
                f"The times of {where} have none in row {int(np.flatnonzero(index.isna())[0])}: no time in row "
                f"{int(np.flatnonzero(index.isna())[0])}. Drop such rows, {advice.drop_missing}, or say when they were."
            )
        if index.has_duplicates:
            raise ValueError(
                f"The times of {where} have {index[index.duplicated()][0]} twice. Aggregate such rows, as with "
                f"{advice.aggregate}, or drop one.{about_clock_changes(index[index.duplicated()], advice.times)}"
            )
        if not index.is_monotonic_increasing:
            late = int(np.flatnonzero(index[1:] < index[:-1])[0]) + 1
            raise ValueError(
                f"The rows of {where} must be ordered in time, oldest first: {index[late]} comes after "
                f"{index[late - 1]}. Sort them: {advice.sort}."
            )

    def _usual_step(self, index: pd.DatetimeIndex, where: str, advice: Advice) -> pd.offsets.BaseOffset:
        """The step of most stretches of an index that has none as a whole."""
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

    def check(self, index: pd.Index, where: str, advice: Advice) -> pd.Index:
        """The index in the unit of this grid; an error if a label is missing from it, or does not lie on the grid."""
        if not self._is_alike(index):
            raise TypeError(
                f"The times of {where} are of {index.dtype}, expected {self._dtype} as before. Convert them."
            )
        index = self._same_unit(index)
        self._check_order(index, where, advice)
        expected = self.labels(index[0], len(index))
        if expected.equals(index):
            return index
        at = int(np.flatnonzero(np.asarray(expected != index))[0])
        what, clocks = f"have {index[at]} between steps", about_clock_changes(index[[at]], advice.times)
        if index[at] > expected[at]:
            whole = self.labels(index[0], self.n_steps(index[0], index[-1]) + 1)
            missing = whole.difference(index)
            what = f"have a gap: {expected[at]} is missing" + (f", and {len(missing) - 1} more" * (len(missing) > 1))
            clocks = about_clock_changes(missing, advice.times) if not getattr(missing, "tz", None) else ""
        raise ValueError(
            f"The times of {where} {what} (their step is {self._name}). {advice.irregular(self.kind)}{clocks}"
        )

    def _is_alike(self, index: pd.Index) -> bool:
        if self.kind == "datetime":
            same = pd.DatetimeIndex([], dtype=self._dtype)
            return isinstance(index, pd.DatetimeIndex) and str(index.tz) == str(same.tz)
        return index.dtype == self._dtype or (self.kind == "integer" and pd.api.types.is_integer_dtype(index.dtype))

    @property
    def _name(self) -> str:
        step = getattr(self.step, "freqstr", str(self.step))
        return f"{step} of {self._dtype}" if self.kind == "period" else step

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
        """Steps from one label to another, later one."""
        if self.kind == "datetime":
            return n_dates(earlier, later, self.step) - 1
        if self.kind == "period":
            earlier, later = earlier.ordinal, later.ordinal
        return (int(later) - int(earlier)) // self.step

    @property
    def season_length(self) -> int | None:
        """Steps in the season that is usual for such a step: a day of hours, a week of days, a year of months."""
        if self.kind == "integer":
            return None
        offset = self.step if self.kind == "datetime" else self.step * to_offset(self._dtype.freq.base)
        return _season_length(offset)


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
