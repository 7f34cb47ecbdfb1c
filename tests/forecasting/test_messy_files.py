"""Files that are not tidy: what the errors advise can be followed, and leads to what was meant."""

import io
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge, RidgeCV

from sklearn_rnn import RNNForecaster

DAYS = pd.date_range("2021-01-15", periods=40, freq="D")
SHOPS = pd.DataFrame(
    [(day, f"s{k}", 100.0 * (k + 1) + i) for i, day in enumerate(DAYS) for k in range(12)],
    columns=["date", "shop", "sales"],
)


def model(**options):
    return RNNForecaster(Ridge(), window=3, horizon=2, season_length=1, calibration_fraction=0, **options)


def error_of(y, **options):
    with pytest.raises((TypeError, ValueError)) as caught:
        model(**options).fit(y)
    return str(caught.value)


def read(text, **options):
    return pd.read_csv(io.StringIO(text), **options)


# -- several rows of one time -----------------------------------------------------------------------------------------


def test_several_series_in_one_file_are_asked_for_first():
    y = read(SHOPS.to_csv(index=False), index_col="date", parse_dates=True)["sales"]
    said = error_of(y)
    assert "2021-01-15 00:00:00 12 times; each of the 40 times stands about 12 times" in said
    assert said.index("several series") < said.index("sum(") < said.index("mean(")
    assert "RNNForecaster(id_col=..., time_col='date', target_col='sales').fit(frame.reset_index())" in said
    frame = SHOPS.set_index("date")
    forecast = model(id_col="shop", time_col="date", target_col="sales").fit(frame.reset_index()).predict()
    assert forecast.groupby("shop", sort=False)["sales"].mean().round(1).tolist() == [
        100.0 * (k + 1) + 40.5 for k in range(12)
    ]


@pytest.mark.parametrize(
    "y, options, call",
    [
        (SHOPS.set_index("date"), {"target_col": "sales"}, "id_col=..., time_col='date', target_col='sales').fit(y.re"),
        (SHOPS, {"target_col": "sales", "time_col": "date"}, "id_col=..., time_col='date', target_col='sales').fit(y)"),
        (SHOPS.set_index("date")["sales"].rename(None).rename_axis(None), {}, "target_col=...).fit(frame.rename_axis("),
    ],
    ids=["frame", "column of times", "no names"],
)
def test_the_call_fits_the_layout(y, options, call):
    assert call in error_of(y, **options)


@pytest.mark.parametrize("layout", ["long", "times on the index", "panel"])
def test_ids_that_do_not_tell_all_series_apart(layout):
    both = pd.concat([SHOPS.assign(product=p) for p in "ab"])
    y, options = both, {"id_col": "shop", "time_col": "date", "target_col": "sales"}
    if layout == "times on the index":
        y, options = both.set_index("date"), {"id_col": "shop", "target_col": "sales"}
    elif layout == "panel":
        y, options = both.set_index(["shop", "date"])["sales"], {}
    said = error_of(y, **options)
    assert "series 's0', have 2021-01-15 00:00:00 twice" in said
    assert "frame['id'] = frame['shop'].astype(str) + ' ' + frame[...].astype(str)" in said
    frame = both.assign(id=both["shop"].astype(str) + " " + both["product"].astype(str))
    assert len(model(id_col="id", time_col="date", target_col="sales").fit(frame).predict()) == 2 * 24


@pytest.mark.parametrize("layout", ["series", "frame", "long", "times on the index", "panel"])
@pytest.mark.parametrize("how", ["sum", "mean"])
def test_double_rows_are_added_up_or_averaged_series_by_series(layout, how):
    some = SHOPS[SHOPS["shop"].isin(["s0", "s1"])]
    y = pd.concat([some, some[20:21]]).sort_values(["shop", "date"])  # of s0
    options, keys = {"id_col": "shop", "time_col": "date", "target_col": "sales"}, ["shop", "date"]
    if layout in ("series", "frame"):
        y, options = y[y["shop"] == "s0"].set_index("date"), {}
        y = y["sales"] if layout == "series" else y[["sales"]]
    elif layout == "times on the index":
        y, options = y.set_index("date"), {"id_col": "shop", "target_col": "sales"}
    elif layout == "panel":
        y, options = y.set_index(keys)["sales"], {}
    said = error_of(y, **options)
    assert "2021-01-25 00:00:00 twice. Add up" in said and "several series" not in said
    code = re.search(rf"(y\.groupby\(.*?\)\.{how}\(.*?)(;|, or|$)", said.split("more than once, ")[how == "mean"])[1]
    followed = eval(code, {"y": y})
    values = followed if isinstance(followed, pd.Series) else followed["sales"]
    assert len(values) == (40 if layout in ("series", "frame") else 80)
    assert values.max() == (239.0 if layout not in ("series", "frame") else 220.0 if how == "sum" else 139.0)
    assert np.sort(values)[:10].tolist() == [100.0 + i for i in range(10)]
    model(**options).fit(followed)


# -- text -------------------------------------------------------------------------------------------------------------


def column(*texts):
    return pd.Series((list(texts) * 40)[:40], DAYS, name="sales")


@pytest.mark.parametrize(
    "texts, options, first",
    [
        (["719,35", "12,5"], "decimal=','", 719.35),
        (["1.719,35", "12,5"], "decimal=',', thousands='.'", 1719.35),
        (["1.719", "12,5"], "decimal=',', thousands='.'", 1719.0),
        (["1,719.5", "12.5"], "thousands=','", 1719.5),
        (["1.5", "12.5"], None, 1.5),
    ],
)
@pytest.mark.parametrize("as_frame", [False, True])
def test_numbers_as_text_are_read_as_they_were_written(texts, options, first, as_frame):
    y = column(*texts)
    y = y.to_frame() if as_frame else y
    said = error_of(y)
    if options is not None:
        assert f"pd.read_csv(..., {options})" in said
        again = read(y.to_csv(sep=";"), sep=";", **eval(f"dict({options})"))["sales"]
        assert again[0] == first
    code = re.search(r"pd\.to_numeric\(y.*\)(?=\. If)", said)[0]
    assert code.startswith("pd.to_numeric(y['sales']") == as_frame
    numbers = eval(code, {"y": y, "pd": pd})
    assert numbers.iloc[0] == first
    model().fit(numbers)


@pytest.mark.parametrize(
    "texts, parts",
    [
        (["1,234", "5,678"], [r"thousands=','\) or, if it is a decimal comma, pd.read_csv\(..., decimal=','"]),
        (["12.5", "n/a"], ["'n/a' is no number", r"na_values=\['n/a'\]", r"to_numeric\(y, errors='coerce'\)"]),
        (["12 EUR", "13 EUR"], ["'12 EUR' is more than a number", r"y.str.replace"]),
        ([12.5, "-"], ["'-' is no number", r"to_numeric\(y, errors='coerce'\)"]),
    ],
)
def test_other_text(texts, parts):
    said = error_of(column(*texts))
    for part in parts:
        assert re.search(part, said)


@pytest.mark.parametrize(
    "form, advice",
    [
        ("%d.%m.%Y", "dayfirst=True"),
        ("%d/%m/%Y", "dayfirst=True"),
        ("%d-%m-%Y %H:%M", "dayfirst=True"),
        ("%m/%d/%Y", "format='%m/%d/%Y'"),
    ],
)
def test_dates_as_text_with_the_day_first(form, advice):
    y = pd.Series(np.arange(40.0), DAYS.strftime(form))
    said = error_of(y)
    assert f"pd.to_datetime(y.index, {advice})" in said
    assert ("pd.read_csv(..., parse_dates=[...], dayfirst=True)" in said) == ("dayfirst" in advice)
    followed = y.set_axis(eval(f"pd.to_datetime(y.index, {advice})", {"pd": pd, "y": y}))
    assert model().fit(followed).predict().index[0] == pd.Timestamp("2021-02-24")


def test_first_days_of_months():
    months = pd.date_range("2018-01-01", periods=40, freq="MS")
    said = error_of(pd.Series(np.arange(40.0), months.strftime("%d/%m/%Y")))
    assert "dayfirst=True) if the day stands first, dayfirst=False if the month does" in said
    # pandas takes the month to stand first, and says nothing
    taken = pd.to_datetime(months.strftime("%d.%m.%Y"))
    assert taken[1] == pd.Timestamp("2018-01-02")
    assert "were days taken for months? Read the file with pd.read_csv(..., dayfirst=True)" in error_of(
        pd.Series(np.arange(40.0), taken)
    )
    irregular = DAYS[0] + pd.to_timedelta(np.arange(40) ** 3, "D")
    assert "taken for months" not in error_of(pd.Series(np.arange(40.0), irregular))


# -- clocks -----------------------------------------------------------------------------------------------------------


def hours(start, zone="Europe/Berlin"):
    index = pd.date_range(start, periods=28 * 24, freq="h", tz=zone)
    noise = np.random.default_rng(0).normal(size=len(index))
    return pd.Series(100 + 30 * np.sin(index.hour / 24 * 2 * np.pi) + noise, index, name="load")


@pytest.mark.parametrize("long", [False, True])
def test_a_course_that_goes_by_clocks_which_change(long):
    """A forecaster that counts steps is an hour late after the change; by the times of the clocks it is not."""
    y, options = hours("2024-03-10"), {}
    if long:
        y, options = y.rename_axis("time").reset_index(), {"time_col": "time"}
    with pytest.warns(UserWarning, match="worse than repeating the last season") as record:
        forecaster = RNNForecaster(RidgeCV(), horizon=24, **options).fit(y)
    assert forecaster.skill_ < -1
    said = str(record[0].message)
    assert "The clocks of Europe/Berlin change within the data" in said
    if long:
        assert "y['time'].dt.tz_localize(None), and then y.groupby(['time'], as_index=False).mean(" in said
        y["time"] = y["time"].dt.tz_localize(None)
        followed = y.groupby(["time"], as_index=False).mean(numeric_only=True)
    else:
        code = re.search(r"y\.tz_localize\(None\)\S*\)(?=\. )", said)[0]
        followed = eval(code, {"y": y})
    assert len(followed) == 28 * 24
    forecaster = RNNForecaster(RidgeCV(), horizon=24, **options).fit(followed)
    assert forecaster.skill_ > 0.2  # noise alone
    assert forecaster.missing_fraction_ == pytest.approx(1 / (28 * 24 + 1))


def test_nothing_is_said_of_clocks_that_do_not_change():
    noise = pd.Series(np.random.default_rng(0).normal(size=28 * 24).cumsum())
    for zone, start in (("UTC", "2024-03-10"), ("Europe/Berlin", "2024-05-10"), (None, "2024-03-10")):
        with warnings.catch_warnings(record=True) as record:
            warnings.simplefilter("always")
            index = pd.date_range(start, periods=28 * 24, freq="h", tz=zone)
            y = noise.set_axis(index) * np.repeat([1, -1], 14 * 24)
            RNNForecaster(Ridge(1e9), window=2, normalize="mean", horizon=24, season_length=24).fit(y)
        assert "worse than repeating" in str(record[0].message)
        assert not [warning for warning in record if "clocks" in str(warning.message)]


def test_noise_around_a_constant_has_a_skill():
    """As the docstring of skill_ says."""
    skills = []
    for seed in range(8):
        y = pd.Series(100 + np.random.default_rng(seed).normal(size=200), pd.date_range("2021-01-01", periods=200))
        skills.append(RNNForecaster(RidgeCV(), horizon=7).fit(y).skill_)
    assert np.mean(skills) == pytest.approx(0.25, abs=0.05)
