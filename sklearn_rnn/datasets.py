"""Small data: a series that ships with the package, and sequences of which the truth is known."""

from importlib.resources import files
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

__all__ = ["load_airline", "make_lagged_bits", "make_noisy_sine", "make_shop_sales"]


def load_airline() -> pd.Series:
    """Monthly totals of international airline passengers, 1949 to 1960.

    Returns
    -------
    Series of shape (144,)
        Thousands of passengers, named "Passengers", with a monthly PeriodIndex.

    References
    ----------
    Box, G. E. P., Jenkins, G. M. (1976). Time Series Analysis, Forecasting and Control. Series G.

    Examples
    --------
    >>> from sklearn_rnn.datasets import load_airline
    >>> airline = load_airline()
    >>> airline.shape, int(airline.iloc[0]), str(airline.index[-1])
    ((144,), 112, '1960-12')
    """
    with files(__package__).joinpath("data", "airline.csv").open() as file:
        table = pd.read_csv(file)
    index = pd.PeriodIndex(table["Date"], freq="M", name="Date")
    return pd.Series(table["Passengers"].to_numpy(), index=index, name="Passengers")


def make_noisy_sine(
    start: float = -10.0,
    stop: float = 10.0,
    step: float = 0.1,
    *,
    noise: float = 0.1,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """One long sequence and a target at every step: x on a grid, and sin(x) with noise.

    Parameters
    ----------
    start, stop, step : float, default=-10.0, 10.0 and 0.1
        The grid: from `start` up to, and without, `stop`.
    noise : float, default=0.1
        Standard deviation of the normal noise. Half its square, 0.005, is the squared-error loss that no model gets
        below on average over new noise; on the noise it was fitted to a model may, by learning it.
    random_state : int, RandomState instance or None, default=None
        Of the noise.

    Returns
    -------
    X : ndarray of shape (1, n_timesteps, 1)
        200 time steps by default.
    y : ndarray of shape (1, n_timesteps)

    Examples
    --------
    >>> from sklearn_rnn.datasets import make_noisy_sine
    >>> X, y = make_noisy_sine(random_state=0)
    >>> X.shape, y.shape
    ((1, 200, 1), (1, 200))
    """
    if not (step > 0 and start < stop and np.isfinite([start, stop, step]).all()):
        raise ValueError(f"The grid must go up: start < stop and step > 0, got {start}, {stop} and {step}.")
    # rounding must not add a point at `stop` itself, as it can with np.arange
    x = start + step * np.arange(np.ceil((stop - start) / step - 1e-9))
    rng = check_random_state(random_state)
    return x[None, :, None], (np.sin(x) + noise * rng.normal(size=len(x)))[None]


def make_lagged_bits(
    n_timesteps: int, n_sequences: int = 1, *, random_state: int | np.random.RandomState | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bits of which the chance to be 1 depends on what was thrown three and eight steps before.

    X is a fair coin at every step, and

        P(y[t] = 1) = 0.5 + 0.5 * X[t-3] - 0.25 * X[t-8]

    where steps before the beginning count as 0. To know neither dependency costs 0.6616 nats a step, the first alone
    0.5192, both 0.4545: the cross-entropy shows how far back a network can look.

    Parameters
    ----------
    n_timesteps : int
        Length of each sequence.
    n_sequences : int, default=1
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    X : ndarray of shape (n_sequences, n_timesteps, 1)
    y : ndarray of int of shape (n_sequences, n_timesteps)
    probability : ndarray of shape (n_sequences, n_timesteps)
        P(y = 1). The cross-entropy of y with it is, on average over new data, the least that any model attains.

    Examples
    --------
    >>> from sklearn_rnn.datasets import make_lagged_bits
    >>> X, y, probability = make_lagged_bits(100, random_state=0)
    >>> X.shape, y.shape, sorted(set(probability.ravel().tolist()))
    ((1, 100, 1), (1, 100), [0.25, 0.5, 0.75, 1.0])
    """
    for name, value in (("n_timesteps", n_timesteps), ("n_sequences", n_sequences)):
        if not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{name} must be an integer of at least 1, got {value!r}.")
    rng = check_random_state(random_state)
    coin = rng.randint(2, size=(n_sequences, n_timesteps))
    thrown = np.concatenate([np.zeros((n_sequences, 8), coin.dtype), coin], axis=1)  # steps before the beginning are 0
    probability = 0.5 + 0.5 * thrown[:, 5:-3] - 0.25 * thrown[:, :-8]
    y = (rng.uniform(size=coin.shape) < probability).astype(np.int64)
    return coin[:, :, None].astype(np.float64), y, probability


def make_shop_sales(
    n_shops: int = 30,
    n_days: int = 400,
    *,
    missing: float = 0.03,
    random_state: int | np.random.RandomState | None = None,
) -> pd.DataFrame:
    """Daily sales of shops as a long frame, as messy as such data come.

    A third of the shops opens late, some rows are not there, and in others sales or the temperature are missing. Sales
    are exp(level + weekday + promotion - 0.7 holiday + 0.3 tanh((temperature of the day before - 15) / 4) + noise).
    Weekdays are those of the kind of shop; a promotion adds 0.2, 0.5 or 0.1, by kind, and half as much again on days
    from Friday on; the level of a shop and its noise drift.

    Parameters
    ----------
    n_shops, n_days : int, default=30 and 400
    missing : float, default=0.03
        Share of the rows that are not there, of the sales that are missing in the others, and of the temperatures. The
        last 28 days are complete.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    DataFrame
        Columns "shop" (text), "kind" (text: "city", "mall" or "village", the same for all days of a shop), "date",
        "promotion" and "holiday" (bool, known ahead), "temperature" (known afterwards) and "sales"; a row for each shop
        and day, shop by shop, oldest first.

    Examples
    --------
    >>> from sklearn_rnn.datasets import make_shop_sales
    >>> make_shop_sales(2, 100, random_state=0).columns.tolist()
    ['shop', 'kind', 'date', 'promotion', 'holiday', 'temperature', 'sales']
    """
    for name, n in (("n_shops", n_shops), ("n_days", n_days)):
        if not isinstance(n, Integral) or n < 1:
            raise ValueError(f"{name} must be an integer of at least 1, got {n!r}.")
    if not 0 <= missing < 1:
        raise ValueError(f"missing must be at least 0 and below 1, got {missing!r}.")
    rng = check_random_state(random_state)
    dates, day = pd.date_range("2023-01-02", periods=n_days, name="date"), np.arange(n_days)
    weekdays = {
        "city": np.array([0.0, 0.0, 0.0, 0.1, 0.3, 0.2, -0.9]),
        "mall": np.array([-0.2, -0.2, -0.1, 0.0, 0.3, 0.6, 0.1]),
        "village": np.array([0.1, 0.0, -0.3, 0.0, 0.1, 0.3, -0.6]),
    }
    effect = {"city": 0.2, "mall": 0.5, "village": 0.1}
    holiday = rng.uniform(size=n_days) < 0.03
    may_miss = day < n_days - 28
    frames = []
    for shop in range(n_shops):
        kind = list(weekdays)[shop % 3]
        temperature = 12 - 10 * np.cos(2 * np.pi * day / 365.25) + _drift(rng, n_days, 0.7, 2.5)
        promotion = rng.uniform(size=n_days) < 0.15
        before = np.r_[temperature[0], temperature[:-1]]
        logarithm = 4 + rng.normal() + _drift(rng, n_days, 0.995, 0.02) + _drift(rng, n_days, 0.5, 0.06)
        logarithm += weekdays[kind][day % 7] + effect[kind] * promotion * np.where(day % 7 > 3, 1.5, 1.0)
        logarithm += 0.3 * np.tanh((before - 15) / 4) - 0.7 * holiday
        first = int(rng.uniform(0.2, 0.8) * n_days) if shop % 3 == 2 else 0
        there = (day >= first) & ~(may_miss & (rng.uniform(size=n_days) < missing))
        columns = {
            "shop": f"shop_{shop:0{len(str(n_shops))}}",
            "kind": kind,
            "date": dates,
            "promotion": promotion,
            "holiday": holiday,
            "temperature": np.where(may_miss & (rng.uniform(size=n_days) < missing), np.nan, temperature.round(1)),
            "sales": np.where(may_miss & (rng.uniform(size=n_days) < missing), np.nan, np.exp(logarithm).round(2)),
        }
        frames.append(pd.DataFrame(columns)[there])
    return pd.concat(frames, ignore_index=True)


def _drift(rng: np.random.RandomState, n: int, persistence: float, scale: float) -> np.ndarray:
    """x[t] = persistence x[t-1] + scale * noise."""
    x, noise = np.zeros(n), scale * rng.normal(size=n)
    for t in range(1, n):
        x[t] = persistence * x[t - 1] + noise[t]
    return x
