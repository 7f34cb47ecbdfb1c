"""Importance for a forecaster: what it goes by, at many times from which it forecasts.

The past of a series up to each of these times is given to it as a series of its own, by ``predict(y=..., X=...)``, so
that the lags of one time can be taken from another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..forecasting._forecaster import RNNForecaster
from ..forecasting._regular import grid_of
from ..forecasting._tables import read_table
from ._parts import n_samples_drawn, parts_by_feature, parts_by_step

# Times to forecast from, unless max_samples says otherwise.
N_ORIGINS = 50
# Before the lags that are permuted a forecaster is given so many seasons, or steps if that is more, for its state and
# scale. The whole past makes next to no difference (MASE 0.987 and 0.995 where it was tried), and takes 4 times as
# long.
SEASONS_BEFORE, STEPS_BEFORE = 5, 100


@dataclass
class _Round:
    """Times that are forecast from in one call.

    Attributes
    ----------
    samples : ndarray
        Their numbers.
    rows : DataFrame
        Of each, what is known and then the steps ahead; ids and times are the index.
    lengths : ndarray
        Rows of each.
    ahead : ndarray of bool
        The rows ahead.
    """

    samples: np.ndarray
    rows: pd.DataFrame
    lengths: np.ndarray
    ahead: np.ndarray


class Origins:
    """A forecaster, and times in series from which it forecasts.

    A part is (columns, start, stop): columns of the panel, and lags counted from the end of the past, from 0; stop is
    None for whole courses, and start is None for the steps ahead.
    """

    def __init__(
        self,
        forecaster: RNNForecaster,
        series: list[tuple[Any, pd.DataFrame]],
        n_values: int,
        origins: list[tuple[int, int]],
        n_lags: int,
    ):
        self.forecaster, self.series, self.n_values, self.n_lags = forecaster, series, n_values, n_lags
        self.origins = origins  # (number of the series, rows that are known)
        self.n_samples, self.n_steps = len(origins), n_lags
        self.horizon = forecaster.horizon
        self.names = list(series[0][1].columns)
        exog = range(n_values, len(self.names))
        self.fixed = [c for c in exog if all(frame.iloc[:, c].nunique(dropna=False) == 1 for _, frame in series)]
        self.scales = np.stack([self._scale(frame) for _, frame in series])
        self.series_of = np.array([i for i, _ in origins])
        self.truth = np.stack([self._values(i, cut, cut + self.horizon) for i, cut in origins])
        self.past = np.stack([self._values(i, cut - n_lags, cut) for i, cut in origins])
        known = ~np.isnan(self.past)
        # without a single value there is no level; NaN stays NaN then
        sums, counts = np.where(known, self.past, 0.0).sum(axis=1), known.sum(axis=1)
        self.levels = sums / np.where(counts > 0, counts, np.nan)
        around = pd.concat([series[i][1].iloc[cut - n_lags : cut + self.horizon] for i, cut in origins])
        self.windows = [around.iloc[:, column].array for column in range(len(self.names))]
        self.rounds = [self._round(samples) for samples in self._at_once()]

    @classmethod
    def draw(cls, forecaster, y, X, n_lags, max_samples, random) -> Origins:
        """Times at random, rather than evenly spaced: a season would fall into step with even spaces."""
        series, n_values = read_series(forecaster, y, X)
        n_lags = forecaster.window_ if n_lags is None else n_lags
        possible = [
            (i, cut)
            for i, (_, frame) in enumerate(series)
            for cut in range(n_lags, len(frame) - forecaster.horizon + 1)
        ]
        if len(possible) < 2:
            raise ValueError(
                f"y must be longer: {n_lags} lags and the horizon of {forecaster.horizon} steps leave {len(possible)} "
                f"time(s) to forecast from in series of {max(len(frame) for _, frame in series)} steps. Give a longer "
                "y, or fewer n_lags."
            )
        n = n_samples_drawn(max_samples, len(possible), N_ORIGINS, "times to forecast from")
        drawn = np.sort(random.choice(len(possible), n, replace=False))
        return cls(forecaster, series, n_values, [possible[k] for k in drawn], n_lags)

    def _values(self, i: int, start: int, stop: int) -> np.ndarray:
        """(steps, n_values) of a series."""
        return self.series[i][1].iloc[start:stop, : self.n_values].to_numpy(dtype=float, na_value=np.nan)

    def _scale(self, frame: pd.DataFrame) -> np.ndarray:
        """Mean absolute change of each value column from one season to the next."""
        values = frame.iloc[:, : self.n_values].to_numpy(dtype=float, na_value=np.nan)
        lag = self.forecaster.season_length_ if len(values) > self.forecaster.season_length_ else 1
        change = np.abs(values[lag:] - values[:-lag])
        scale = np.array([some[~np.isnan(some)].mean() if (~np.isnan(some)).any() else 0.0 for some in change.T])
        return np.where(scale > 0, scale, 1.0)

    # -- parts ------------------------------------------------------------------------------------------------------

    def parts(self, by: str, spans: list[tuple[int, int]], align: str) -> tuple[list[tuple], dict[str, Any]]:
        """The parts to permute, and what they are called."""
        names = np.array(self.names, dtype=object)
        if by == "feature":
            return parts_by_feature(names, align)
        if by == "timestep":
            columns = list(range(self.n_values))
            return parts_by_step(by, spans, align, columns, names[columns])
        columns = [column for column in range(len(names)) if column not in self.fixed]
        parts, labels = parts_by_step(by, spans, align, columns, names[columns])
        if len(columns) > self.n_values:  # columns that are known ahead
            with_ahead = []
            for k, column in enumerate(columns):
                with_ahead += [*parts[k * len(spans) : (k + 1) * len(spans)], ([column], None, None)]
            parts = with_ahead
            labels["steps"] = np.vstack([labels["steps"], [0, self.horizon - 1]])
            labels["shape"] = (len(columns), len(spans) + 1)
        return parts, labels

    def n_permuted(self, part: tuple) -> int:
        """Times that have it: none, of the values ahead, which are what is forecast."""
        columns, start, _ = part
        past_only = self.forecaster.past_only or []
        ahead = start is None
        return 0 if ahead and (columns[0] < self.n_values or self.names[columns[0]] in past_only) else self.n_samples

    # -- scores -----------------------------------------------------------------------------------------------------

    def scores_without(self, part: tuple, permutations: list[np.ndarray], align: str) -> list[float]:
        """For each permutation, the score with the part permuted."""
        if self.n_permuted(part) == 0:
            return [np.nan] * len(permutations)
        return [self.score(part, permutation) for permutation in permutations]

    def score(self, part: tuple | None = None, permutation: np.ndarray | None = None) -> float:
        """Minus the mean absolute scaled error over all times, of the data as they are or with a part permuted."""
        forecasts = np.full(self.truth.shape, np.nan)
        for some in self.rounds:
            rows = some.rows if part is None or permutation is None else self._permuted(some, part, permutation)
            forecasts[some.samples] = self._forecasts(some, rows)
        errors = np.abs(forecasts - self.truth) / self.scales[self.series_of][:, None]
        return -float(errors[~np.isnan(errors)].mean())

    def _at_once(self) -> list[list[int]]:
        """Times that may be forecast from in one call: of a panel one of each series, under its own id, by which the
        forecaster knows what serves it best; of a single series all."""
        if self.series[0][0] is None:
            return [list(range(self.n_samples))]
        rounds: list[list[int]] = []
        seen: dict[int, int] = {}
        for k, (i, _) in enumerate(self.origins):
            seen[i] = seen.get(i, -1) + 1
            if seen[i] == len(rounds):
                rounds.append([])
            rounds[seen[i]].append(k)
        return rounds

    def _round(self, samples: list[int]) -> _Round:
        before = max(STEPS_BEFORE, SEASONS_BEFORE * self.forecaster.season_length_)
        ids: list[Any] = []
        pieces: list[pd.DataFrame] = []
        for number, k in enumerate(samples):
            i, cut = self.origins[k]
            key, frame = self.series[i]
            ids.append(number if key is None else key)
            pieces.append(frame.iloc[max(0, cut - self.n_lags - before) : cut + self.horizon])
        ids = [key if isinstance(key, tuple) else (key,) for key in ids]
        names = [f"id{level}" for level in range(len(ids[0]))]
        rows = pd.concat(dict(zip(ids, pieces)), names=[*names, "time"])
        lengths = np.array([len(piece) for piece in pieces])
        ahead = np.zeros(len(rows), dtype=bool)
        ahead[(np.cumsum(lengths)[:, None] - 1 - np.arange(self.horizon)).ravel()] = True
        return _Round(np.array(samples), rows, lengths, ahead)

    def _permuted(self, some: _Round, part: tuple, permutation: np.ndarray) -> pd.DataFrame:
        """The rows with a part of each time from another."""
        columns, start, stop = part
        donor = permutation[some.samples]
        rows = some.rows.copy(deep=False)
        ends, width = np.cumsum(some.lengths), self.n_lags + self.horizon
        for column in columns:
            is_value = column < self.n_values
            if start is None:
                at = np.arange(self.n_lags, width)
            elif stop is None:
                at = np.arange(self.n_lags if is_value else width)
            else:
                at = np.arange(self.n_lags - stop, self.n_lags - start)
            target = (ends[:, None] - width + at).ravel()
            if is_value:
                # moved to the own level, in the own units
                units = self.scales[self.series_of[some.samples], column] / self.scales[self.series_of[donor], column]
                moved = (self.past[donor][:, at, column] - self.levels[donor, None, column]) * units[:, None]
                values = some.rows.iloc[:, column].to_numpy(dtype=float, na_value=np.nan, copy=True)
                values[target] = (moved + self.levels[some.samples, None, column]).ravel()
                rows.isetitem(column, values)
            elif column in self.fixed:
                rows.isetitem(column, self.windows[column].take(np.repeat(donor * width, some.lengths)))
            else:
                new = some.rows.iloc[:, column].array.copy()
                new[target] = self.windows[column].take((donor[:, None] * width + at).ravel())
                rows.isetitem(column, new)
        return rows

    def _forecasts(self, some: _Round, rows: pd.DataFrame) -> np.ndarray:
        """(times, horizon, n_values)."""
        beside = self.forecaster.target_col is not None
        y, X = rows[~some.ahead], None
        if len(self.names) > self.n_values:
            X = (rows[some.ahead] if beside else rows).iloc[:, self.n_values :]
        if not beside:
            y = y.iloc[:, 0] if self.n_values == 1 else y.iloc[:, : self.n_values]
        forecast: Any = self.forecaster.predict(X=X, y=y)
        ahead = rows.index[some.ahead]
        found = ahead.isin(forecast.index)
        if not found.all():
            wrong = ahead[int(found.argmin())]
            raise _other_step(wrong[-1], None if self.series[0][0] is None else wrong[:-1])
        return forecast.loc[ahead].to_numpy(dtype=float).reshape(len(some.samples), self.horizon, self.n_values)


def _other_step(time: Any, key: tuple | None) -> ValueError:
    where = "y" if key is None else f"y, series {key[0] if len(key) == 1 else key!r},"
    return ValueError(
        f"The times of {where} are of another step than the forecaster goes by: it forecasts none at {time}, which y "
        "has. Give y the step of the series that were fitted, as with resample()."
    )


# -- reading ----------------------------------------------------------------------------------------------------------


def read_series(forecaster: RNNForecaster, y: Any, X: Any) -> tuple[list[tuple[Any, pd.DataFrame]], int]:
    """Each series with its id, None for a single one: a frame by time, of values and then of exogenous columns; and the
    number of value columns."""
    values = _by_id_and_time(forecaster, y, "y")
    if forecaster.target_col is not None:
        targets = forecaster.target_col if isinstance(forecaster.target_col, list) else [forecaster.target_col]
        missing = [column for column in targets if column not in values.columns]
        if missing:
            raise ValueError(f"y has no column {missing[0]!r}, which this forecaster was fitted to forecast.")
        values = values[[*targets, *(column for column in values.columns if column not in targets)]]
        n_values = len(targets)
        if X is not None:
            raise ValueError("With target_col the exogenous columns stand in y: leave X out.")
    else:
        n_values = values.shape[1]
        if X is not None:
            exog = _by_id_and_time(forecaster, X, "X")
            without = ~values.index.isin(exog.index)
            if without.any():
                raise ValueError(f"X has no row for {values.index[without][0]} of y.")
            values = pd.concat([values, exog.loc[values.index]], axis=1)
    values = _in_order(values)
    table = read_table(values.iloc[:, :n_values], columns=list(values.columns[:n_values]))
    if isinstance(y, pd.DataFrame):  # what is wrong with its times is told for y as it was given
        keys = {key: column for key in ("id_col", "time_col") if (column := getattr(forecaster, key)) in y.columns}
        table.layout = replace(table.layout, **keys)
    grid_of(table)
    # a forecaster of one series takes all for the like of it, whatever their ids
    single = len(forecaster.skill_by_series_) == 1
    parts = zip(table.ids, table.indexes, table.rows)
    return [(None if single else key, _regular(values, n_values, index, rows)) for key, index, rows in parts], n_values


def _regular(values: pd.DataFrame, n_values: int, index: pd.Index, rows: np.ndarray) -> pd.DataFrame:
    """The rows of one series at even times. One that was not given holds NaN in place of values, and what the row
    before has of the exogenous columns."""
    given = rows >= 0
    newest = np.maximum.accumulate(np.where(given, np.arange(len(rows)), 0))
    frame = values.iloc[rows[newest]].set_axis(index)
    if not given.all():
        for column in range(n_values):
            frame.isetitem(column, frame.iloc[:, column].where(given))
    return frame


def _in_order(values: pd.DataFrame) -> pd.DataFrame:
    """Series after series, as they come, each oldest first."""
    if not isinstance(values.index, pd.MultiIndex):
        return values.sort_index()
    levels = list(range(values.index.nlevels - 1))
    series = values.groupby(level=levels if len(levels) > 1 else 0, sort=False, dropna=False).ngroup()
    times, _ = pd.factorize(values.index.get_level_values(-1), sort=True)
    return values.iloc[np.lexsort((times, series))]


def _by_id_and_time(forecaster: RNNForecaster, data: Any, name: str) -> pd.DataFrame:
    """A frame whose index holds the ids, if there are any, and the times."""
    if not isinstance(data, (pd.Series, pd.DataFrame)):
        raise TypeError(
            f"For a forecaster {name} must be a pandas Series or DataFrame, got {type(data).__name__}; an array y is "
            "pd.Series(y)."
        )
    if isinstance(data, pd.Series):
        return data.to_frame("y" if data.name is None else data.name)
    id_col, time_col = forecaster.id_col, forecaster.time_col
    if id_col is not None and id_col in data.columns:
        keys = [id_col] if time_col is None else [id_col, time_col]
        data = data.set_index(keys, append=time_col is None)
        return data if time_col is not None else data.swaplevel()
    return data.set_index(time_col) if time_col is not None and time_col in data.columns else data
