"""Times that are not simply days or months: either they go on with the right labels, or a message says what to do."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from forecast_cases import ridge

from sklearn_rnn.sequences._timeindex import infer_freq

N = 60


def on_day(day, start, step=1):
    """That day of every month, or every so many; the last day of a month that has no such day."""
    months = pd.period_range(start, periods=N * step, freq="M")[::step]
    return pd.DatetimeIndex(
        [month.to_timestamp() + pd.Timedelta(days=min(day, month.days_in_month) - 1) for month in months]
    )


def local(start, freq="h", n=N):
    """Steps in Berlin."""
    return pd.date_range(start, periods=n, freq=freq, tz="Europe/Berlin")


def values(index):
    return pd.Series(np.random.default_rng(0).normal(size=len(index)), index=index)


def forecaster(**options):
    return ridge(**{"horizon": 3, "season_length": 1, **options})


GOES_ON = {
    **{f"day {day}, from January": on_day(day, "2019-01") for day in (1, 15, 28, 29, 30, 31)},
    **{f"day {day}, from February": on_day(day, "2019-02") for day in (28, 29, 30, 31)},
    "day 30, a leap year": on_day(30, "2016-01"),
    "day 30 of every second month": on_day(30, "2018-12", 2),
    "day 30 of every quarter": on_day(30, "2018-11", 3),
    "day 15 of every quarter": on_day(15, "2018-11", 3),
    "ends of quarters": pd.date_range("1990-03-31", periods=N, freq="QE"),
    "ends of quarters from January": pd.date_range("1990-01-31", periods=N, freq="QE-JAN"),
    "ends of years": pd.date_range("1950-12-31", periods=N, freq="YE"),
    "ends of Februaries": pd.date_range("1950-02-28", periods=N, freq="YE-FEB"),
    "seven days": pd.date_range("2020-01-05", periods=N, freq="7D"),
    "weeks": pd.date_range("2020-01-05", periods=N, freq="W-SUN"),
    "four weeks": pd.date_range("2018-01-07", periods=N, freq="4W-SUN"),
    "28 days": pd.date_range("2018-01-07", periods=N, freq="28D"),
    "ten minutes": pd.date_range("2018-12-31 20:00", periods=N, freq="10min"),
    "half hours": pd.date_range("2018-12-31", periods=N, freq="30min"),
    "business days": pd.date_range("2018-01-05", periods=N, freq="B"),
    "days of a zone": local("2020-10-01", "D"),
    "hours over a March": local("2020-03-28"),
    "hours until a March's night": local("2020-03-26 17:00"),
    "hours over an October": local("2020-10-24"),
    "hours until the first of the two": local("2020-10-22 17:00"),
    "half hours over an October": local("2020-10-24 12:00", "30min"),
    "two hours over an October": local("2020-10-22", "2h"),
    "years as numbers": pd.Index(range(1950, 1950 + N)),
    "periods of quarters": pd.period_range("1990Q1", periods=N, freq="Q"),
    "periods of weeks": pd.period_range("1990-01-01", periods=N, freq="W"),
    "periods of years": pd.period_range("1950", periods=N, freq="Y"),
}  # fmt: skip


@pytest.mark.parametrize("with_freq", [True, False], ids=["with freq", "no freq"])
@pytest.mark.parametrize("name", GOES_ON)
def test_the_right_labels_follow(name, with_freq):
    index = GOES_ON[name]
    if not with_freq and isinstance(index, pd.DatetimeIndex):
        index = pd.DatetimeIndex(index.tolist())
        assert index.freq is None
    y = values(index)
    model = forecaster().fit(y[: N - 9])
    assert model.predict().index.tolist() == index[N - 9 : N - 6].tolist()
    model.update(y[N - 9 : N - 7])  # too few rows to tell a step
    assert model.predict(5).index.tolist() == index[N - 7 : N - 2].tolist()
    assert pickle.loads(pickle.dumps(model)).predict(5).index.tolist() == index[N - 7 : N - 2].tolist()
    model.score(y[N - 7 :])
    with pytest.raises(ValueError, match="must follow on"):
        model.score(y[N - 6 :])
    model.update(y[N - 6 :])  # a row is left out, and is missing
    table = forecaster().backtest(y, n_splits=3, stride=2)
    assert table["cutoff"].unique().tolist() == index[[N - 8, N - 6, N - 4]].tolist()
    at = [index.get_loc(cutoff) + step for cutoff, step in zip(table["cutoff"], table["step"])]
    np.testing.assert_array_equal(table["y_true"], y.iloc[at])


WEEKS = {
    "7D": pd.date_range("2020-01-05", periods=N, freq="7D"),
    "W-SUN": pd.date_range("2020-01-05", periods=N, freq="W-SUN"),
    "none": pd.DatetimeIndex(pd.date_range("2020-01-05", periods=N, freq="W-SUN").tolist()),
}


@pytest.mark.parametrize("fitted", WEEKS)
@pytest.mark.parametrize("later", WEEKS)
def test_weeks_are_weeks_whatever_they_are_called(fitted, later):
    y, y_later = (values(WEEKS[name]) for name in (fitted, later))
    X, X_later = (pd.DataFrame({"x": np.arange(N) % 5.0}, index=WEEKS[name]) for name in (fitted, later))
    model = forecaster().fit(y[:40], X_later)
    assert model.predict(X=X).index.equals(model.predict(X=X_later).index)
    model.score(y_later[40:43], X_later)
    model.update(y_later[40:44], X_later)
    assert model.predict(X=X_later).index.tolist() == WEEKS["none"][44:47].tolist()
    tables = [forecaster().backtest(*data, n_splits=3) for data in ((y, X), (y_later, X), (y_later, X_later))]
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0], check_exact=True)


def test_the_step_of_months_whose_day_not_all_have():
    assert infer_freq(on_day(30, "2020-01")) == pd.DateOffset(months=1, day=30)
    assert infer_freq(on_day(29, "2019-01")) == pd.DateOffset(months=1, day=29)
    assert infer_freq(on_day(28, "2019-01")) == pd.DateOffset(months=1)
    assert forecaster(season_length="auto").fit(values(on_day(30, "2020-01"))).season_length_ == 12
    # a forecast that ends in February does not forget the day
    index = on_day(30, "2020-01")
    model = forecaster().fit(values(index[:50]))
    assert model.predict(4).index.tolist() == index[50:54].tolist()
    assert str(index[49].date()) == "2024-02-29"


def test_clocks_that_change_where_no_zone_says_so():
    """The advice in the message is what helps."""
    true = local("2020-10-24")
    naive = true.tz_localize(None)
    with pytest.raises(ValueError) as caught:
        forecaster().fit(values(naive))
    advice = re.search(r"y\.index\.(tz_localize\(.*?\))", str(caught.value))
    assert advice, caught.value
    y = values(naive)
    y.index = eval(advice[0])
    assert y.index.equals(true)
    assert forecaster().fit(y).predict().index[0] == true[-1] + pd.Timedelta(hours=1)
    # an hour that is skipped is a missing one, and days keep their 24 hours
    naive = local("2020-03-28").tz_localize(None)
    model = forecaster().fit(values(naive))
    assert model.missing_fraction_ == pytest.approx(1 / (N + 1))
    assert model.predict().index[0] == naive[-1] + pd.Timedelta(hours=1)


def test_clocks_that_change_in_steps_of_the_clock():
    noon_and_midnight = pd.date_range("2020-03-10", periods=N, freq="12h").tz_localize("Europe/Berlin")
    with pytest.raises(ValueError, match=r"2020-03-29 12:00:00\+02:00 between steps.*y\.index\.tz_localize\(None\)"):
        forecaster().fit(values(noon_and_midnight))
    forecaster().fit(values(noon_and_midnight.tz_localize(None)))
    half_past_two = (pd.date_range("2020-03-05 02:30", periods=22)).tz_localize("Europe/Berlin")
    with pytest.raises(
        ValueError, match=r"follow on 2020-03-26 02:30:00\+01:00.*skip or show twice.*tz_localize\(None\)"
    ):
        forecaster().fit(values(half_past_two)).predict(5)


@pytest.mark.parametrize(
    ("labels", "advice"),
    [
        ([f"{year}Q{k}" for year in range(2000, 2015) for k in (1, 2, 3, 4)], "pd.PeriodIndex(y.index, freq='Q')"),
        ([f"{year}-Q{k}" for year in range(2000, 2015) for k in (1, 2, 3, 4)], "pd.PeriodIndex(y.index, freq='Q')"),
        ([f"2020-W{week:02}" for week in range(1, 53)], "pd.to_datetime(y.index + '-1', format='%G-W%V-%u')"),
    ],
    ids=["quarters", "quarters with a dash", "weeks"],
)  # fmt: skip
def test_quarters_and_weeks_as_text(labels, advice):
    y = values(pd.Index(labels))
    with pytest.raises(ValueError, match=re.escape(advice)):
        forecaster().fit(y)
    y.index = eval(advice)
    assert len(forecaster().fit(y).predict()) == 3


def test_trading_days_without_their_calendar():
    days = pd.date_range("2020", periods=N, freq=pd.offsets.CustomBusinessDay(holidays=["2020-01-20", "2020-02-17"]))
    assert forecaster().fit(values(days)).predict(1).index[0] == days[-1] + days.freq
    # without it they are business days, of which the holidays are missing
    model = forecaster().fit(values(pd.DatetimeIndex(days.tolist())))
    assert model.missing_fraction_ == pytest.approx(2 / (N + 2))
    assert model.predict(1).index[0] == days[-1] + pd.offsets.BDay()
    assert forecaster().fit(values(days).reset_index(drop=True)).predict().index.tolist() == [60, 61, 62]
