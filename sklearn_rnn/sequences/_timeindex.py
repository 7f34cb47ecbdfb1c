"""Time indexes of pandas: whether one is regular, whether one follows on another, and which labels come next."""

from __future__ import annotations

import datetime
import re
import warnings
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from .._warnings import warn


def infer_freq(index: pd.DatetimeIndex) -> pd.offsets.BaseOffset | None:
    """The step of a regular index that does not name it, also one of months or business days."""
    if len(index) < 3:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas 3, which will return an offset in place of a string
        freq = to_offset(pd.infer_freq(index))
    if isinstance(freq, pd.offsets.BusinessHour) and not index.equals(date_range(index[0], len(index), freq)):
        return None  # whatever the hours are, pandas says 9 to 17
    if freq is None:
        # pandas knows months by their first and their last day only
        months = np.unique(np.diff(index.year * 12 + index.month))
        if len(months) == 1 and months[0] > 0:
            # Not all months have a day 29 or 30. That after February 28 comes March 30 again, only the day itself says.
            day = int(index.day.max())
            freq = pd.DateOffset(months=int(months[0]), **({"day": day} if day > 28 else {}))
            if not index.equals(date_range(index[0], len(index), freq)):
                freq = None
    return freq


def index_to_plain(index: pd.Index | None) -> dict | None:
    """An index of times or integers as plain values, which any version of pandas, and any way of storing, can hold."""
    if isinstance(index, pd.DatetimeIndex):
        freq = None if index.freq is None or to_offset(index.freqstr) != index.freq else index.freqstr
        return {"kind": "datetime", "dtype": str(index.dtype), "freq": freq, "values": index.asi8.copy()}
    if isinstance(index, pd.PeriodIndex):
        return {"kind": "period", "dtype": str(index.dtype), "freq": index.freqstr, "values": index.asi8.copy()}
    if index is not None and pd.api.types.is_integer_dtype(index.dtype):
        return {"kind": "integer", "dtype": "int64", "freq": None, "values": index.to_numpy(dtype=np.int64)}
    return None


def index_from_plain(plain: dict | None) -> pd.Index | None:
    """The index that `index_to_plain` took apart."""
    if plain is None:
        return None
    if plain["kind"] == "datetime":
        dtype = pd.api.types.pandas_dtype(plain["dtype"])
        if isinstance(dtype, pd.DatetimeTZDtype):
            dates = pd.DatetimeIndex(plain["values"].view(f"M8[{dtype.unit}]"))
            return dates.tz_localize("UTC").tz_convert(dtype.tz)
        return pd.DatetimeIndex(plain["values"].view(dtype), freq=plain["freq"])
    if plain["kind"] == "period":
        return pd.PeriodIndex.from_ordinals(plain["values"], freq=plain["freq"])
    return pd.Index(plain["values"])


def index_in_time(X: object, name: str = "X") -> pd.Index | None:
    """X's index, if it has one of times or integers; it must be in order, and of one series."""
    index = getattr(X, "index", None)
    if not isinstance(index, pd.Index):
        return None
    if isinstance(index, pd.MultiIndex):
        raise ValueError(
            f"{name} has a MultiIndex, {list(index.names)}, that is, several series, which windows would mix. Take one "
            "series at a time, or RNNForecaster, which takes them all."
        )
    try:
        index = parse_times(index, f"{name}.index")
    except ValueError:
        return None  # names of rows, which say nothing of time
    is_time = isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex))
    if not is_time and not pd.api.types.is_integer_dtype(index.dtype):
        return None
    if not index.is_monotonic_increasing:
        late = int(np.flatnonzero(index[1:] < index[:-1])[0]) + 1
        raise ValueError(
            f"The rows of {name} must be ordered in time, oldest first: row {late} is of {index[late]}, the row before "
            f"it of {index[late - 1]}. Sort them, as with {name}.sort_index(), and y alike."
        )
    if is_time and not index.is_unique:
        raise ValueError(
            f"{name} has {index[index.duplicated()][0]} twice. If it holds several series, take one at a time; "
            "otherwise drop one of the rows."
        )
    return index


def warn_of_gaps(index: pd.Index | None, name: str) -> None:
    """A warning if a few times of a regular index are left out, so that a window across them is wrong.

    Where times are left out every day after the same hour, or every week after the same day, that is how the series is.
    """
    if not isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex)) or len(index) < 3 or index.hasnans:
        return
    numbers, longest_holiday = _numbered(index)
    steps = np.diff(numbers)
    step = int(np.median(steps))
    if step <= 0 or (steps % step).any() or (steps < step).any():
        return
    is_gap = steps > step * (1 + longest_holiday)
    start = (index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index)[:-1]
    for phase in (start.hour * 60 + start.minute, start.day_of_week * 1440 + start.hour * 60 + start.minute):
        n_gaps = np.bincount(phase, is_gap)
        is_gap &= ~((n_gaps >= 2) & (n_gaps > 0.8 * np.bincount(phase)))[phase]
    gaps = np.flatnonzero(is_gap)
    if 0 < len(gaps) <= 0.1 * len(steps):
        warn(
            f"{name} leaves out {int((steps[gaps] // step - 1).sum())} time(s), the first after {index[gaps[0]]}: "
            "windows that reach across take what is older for the step before. Put them in as missing, as with "
            f"{name}.asfreq(), and fill them, as with interpolate(), or cut the pieces between one by one."
        )


def _numbered(index: pd.DatetimeIndex | pd.PeriodIndex) -> tuple[np.ndarray, int]:
    """Whole numbers that are a step apart where times are: units of the clock, months or business days; and how many
    steps may be left out as nobody works then."""
    if isinstance(index, pd.PeriodIndex):
        return index.asi8, 0
    days = np.median(np.diff(index.asi8)) * pd.Timedelta(1, index.unit) / pd.Timedelta(1, "D")
    if days < 1:
        return index.asi8, 0
    index = index.tz_localize(None)  # a day is one where clocks change, too
    if days >= 27:
        return (index.year * 12 + index.month).to_numpy(), 0
    if days == 1 and index.day_of_week.max() < 5:
        return np.busday_count(np.datetime64("1970-01-01"), index.to_numpy().astype("M8[D]")), 4
    return index.asi8, 0


def refuse_wrong_order(frame: object, name: str) -> None:
    """The rows of one sequence, if they have dates, must stand in their order."""
    index = getattr(frame, "index", None)
    if isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex)) and not index.is_monotonic_increasing:
        raise ValueError(
            f"The rows of {name} must be ordered in time, oldest first: they go from {index[0]} to {index[-1]}. Sort "
            "them, as with x.sort_index()."
        )


def end_of_index(index: pd.Index | None) -> dict | None:
    """The last labels of an index of time, enough to tell which comes next; None where there is none."""
    if index is None or len(index) == 0 or index.hasnans:
        return None
    return index_to_plain(index[-min(len(index), 64) :])


def follows_on(plain_end: dict | None, index: pd.Index | None) -> bool | None:
    """Does an index of time begin where the index that `end_of_index` saw ends? None where they cannot tell."""
    end = index_from_plain(plain_end)
    if plain_end is None or end is None or index is None or len(index) == 0:
        return None
    if not all(part.is_unique for part in (end, index)):
        return None
    if isinstance(end, pd.PeriodIndex):
        return bool(index[0] == end[-1] + 1) if end.dtype == index.dtype else None
    if isinstance(end, pd.DatetimeIndex):
        if not isinstance(index, pd.DatetimeIndex) or (end.tz is None) != (index.tz is None):
            return None
        freq = to_offset(plain_end["freq"]) if plain_end["freq"] else infer_freq(end)
        if freq is not None:
            return bool(index[0] == end[-1] + freq)
        labels, first = list(end), index[0]
    elif pd.api.types.is_integer_dtype(index.dtype):
        labels, first = [int(label) for label in end], int(index[0])  # Python's integers do not overflow
    else:
        return None
    steps = {later - earlier for earlier, later in pairwise(labels)}
    return bool(first - labels[-1] == steps.pop()) if len(steps) == 1 else None


def parse_times(times: pd.Index, where: str) -> pd.Index:
    """Dates that are given as ISO strings, by Arrow or as Python's objects as a DatetimeIndex; anything else as it is.
    Other strings are an error.

    Strings are not left to be ordered as text, where "10" comes before "9".
    """
    dtype = times.dtype
    if isinstance(dtype, pd.ArrowDtype) and (dtype.kind == "M" or str(dtype).startswith("date")):
        return pd.DatetimeIndex(pd.to_datetime(pd.Series(times.astype(object)))).rename(times.name)
    if isinstance(dtype, pd.CategoricalDtype):
        if dtype.ordered:
            return times
        times = times.astype(dtype.categories.dtype)
    dtype = times.dtype
    is_text = isinstance(dtype, pd.StringDtype) or dtype.kind in "OU" or str(dtype).startswith("string")
    present = times[~times.isna()] if is_text else []
    if is_text and len(present) and all(isinstance(label, datetime.date) for label in present):
        return pd.DatetimeIndex(pd.to_datetime(times), name=times.name)
    if not any(isinstance(label, str) for label in present):
        return times
    other = next((label for label in present if not isinstance(label, str) or not _ISO_DATE.match(label)), None)
    if other is None:
        try:
            return pd.DatetimeIndex(pd.to_datetime(times, format="ISO8601"), name=times.name)
        except ValueError as error:
            raise ValueError(f"The times in {where} cannot be read as dates: {error}") from None
    convert = f"as with pd.to_datetime({where}, format=...), pd.PeriodIndex({where}, freq=...) or {where}.astype(int)"
    if re.match(r"(19|20|21)\d{6}$", str(other)):
        convert = f"as with pd.to_datetime({where}, format='%Y%m%d')"
    elif found := _day_or_month_first(present):
        convert = f"as with pd.to_datetime({where}, {found})"
        if found == "dayfirst=True":
            convert += f", or as the file is read: pd.read_csv(..., parse_dates=[...], {found})"
        elif found == "dayfirst=...":
            convert = convert.replace("...", "True") + " if the day stands first, dayfirst=False if the month does"
    elif _QUARTER.match(str(other)):
        convert = f"as with pd.PeriodIndex({where}, freq='Q')"
    elif _WEEK.match(str(other)):
        convert = f"as with pd.to_datetime({where} + '-1', format='%G-W%V-%u')"
    raise ValueError(
        f"The times in {where} are text, such as {other!r}, which cannot be ordered in time (only ISO dates like "
        f"'2024-01-31' are read from text). Convert them, {convert}."
    )


def about_clock_changes(labels: pd.Index, where: str) -> str:
    """What to do about labels that are there twice, missing, or between two steps, if clocks that are put forward in
    spring and back in autumn can be the reason; otherwise nothing. `where` is code for all times."""
    if isinstance(labels, pd.DatetimeIndex) and labels.tz is not None:
        return f" If the steps are those of the clocks there, leave the time zone out: {where}.tz_localize(None)."
    at_night = isinstance(labels, pd.DatetimeIndex) and labels.tz is None and len(labels) > 0 and labels.hour.max() < 4
    if not at_night or labels.hour.max() == labels.minute.max() == 0:  # midnight is most likely a whole day
        return ""
    return (
        " If these are times of clocks that are put forward in spring and back in autumn, say of which: "
        f"{where}.tz_localize('Europe/Berlin', ambiguous='infer'), for example."
    )


def _day_or_month_first(texts: pd.Index) -> str | None:
    """The argument of pd.to_datetime for dates such as 31.01.2024 or 01/31/2024; "dayfirst=..." where both are
    possible, None for other text."""
    found = [_DAY_MONTH_YEAR.match(str(text)) for text in texts]
    dates = [match for match in found if match is not None]
    if len(dates) < len(found):
        return None
    first, second = (max(int(match[part]) for match in dates) for part in (1, 3))
    mark = dates[0][2]
    if second > 12:
        return f"format='%m{mark}%d{mark}%Y'"
    return "dayfirst=True" if first > 12 or mark == "." else "dayfirst=..."


_DAY_MONTH_YEAR = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2\d{4}\b")
_QUARTER = re.compile(r"\d{4}-?Q[1-4]$")
_WEEK = re.compile(r"\d{4}-W\d{2}$")
_ISO_DATE = re.compile(r"\d{4}-\d{2}(-\d{2}([T ]\d{2}.*)?)?$")


def date_range(start: pd.Timestamp, periods: int, freq: pd.offsets.BaseOffset) -> pd.DatetimeIndex:
    return _date_range_in(start.unit, start, periods, freq)


@lru_cache(maxsize=1024)  # The series of a panel mostly share their times; times of different units are equal.
def _date_range_in(unit: str, start: pd.Timestamp, periods: int, freq: pd.offsets.BaseOffset) -> pd.DatetimeIndex:
    try:
        dates = pd.date_range(start, periods=periods, freq=freq)
        return dates if dates.unit == unit else pd.DatetimeIndex(dates.as_unit(unit), freq=dates.freq)
    except Exception as error:
        if start.tz is None:
            raise
        raise ValueError(
            f"The times that follow on {start} hold one that the clocks of {start.tz} skip or show twice ({error}). "
            "Use times without clock changes: y.tz_convert('UTC'), or y.tz_localize(None)."
        ) from error


@lru_cache(maxsize=1024)
def n_dates(start: pd.Timestamp, stop: pd.Timestamp, freq: pd.offsets.BaseOffset) -> int:
    return len(pd.date_range(start, stop, freq=freq))
