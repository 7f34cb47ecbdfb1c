"""Exponential smoothing through gaps, and what windows are made of it."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from sklearn_rnn.forecasting import _smoothing
from sklearn_rnn.forecasting._linear_path import fit_linear_path
from sklearn_rnn.forecasting._origins import carried
from sklearn_rnn.forecasting._smoothing import advance, smooth

TIGHT = {"rtol": 1e-10, "atol": 1e-10}


def some_series(seed, N=3, T=40, m=2, share=0.0):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(N, T, m)).cumsum(axis=1)
    Z[rng.uniform(size=Z.shape) < share] = np.nan
    return Z


def by_loops(z, seasons, a, g, n_start):
    """One column, written down from the equations in the module's docstring; z begins with a known value."""
    S = max(seasons)
    cycles = 2 if n_start >= 3 * S else 1 if n_start >= S else 0
    slope, level, patterns = 0.0, z[0], [np.zeros(s) for s in seasons]
    if cycles:
        span = np.array([z[t] if t < cycles * S else np.nan for t in range(2 * S)])
        if cycles == 2:
            changes = [span[S + t] - span[t] for t in range(S) if not np.isnan(span[S + t] - span[t])]
            slope = np.mean(changes) / S if changes else 0.0
        rest = span - slope * np.arange(2 * S)
        for k, s in enumerate(seasons):
            means = np.full(s, np.nan)
            for phase in range(s):
                values = [x for x in rest[phase::s] if not np.isnan(x)]
                if values:
                    means[phase] = np.mean(values)
            if k == 0:
                level = np.nanmean(means)
            patterns[k] = np.where(np.isnan(means), 0.0, means - (level if k == 0 else 0.0))
            rest = rest - np.array([np.nan_to_num(means[t % s]) for t in range(2 * S)])
    C, D, level = [], [], level - slope
    U = [[0.0] if s == 1 else list(pattern) for s, pattern in zip(seasons, patterns)]
    for t, value in enumerate(z):
        expected = level + (slope if t < 2 * S else 0.0)
        before = [u[t] for u in U]
        x = expected if np.isnan(value) else value - sum(before)
        level = a * x + (1 - a) * expected
        for u, s, g_k in zip(U, seasons, g):
            u.append(0.0 if s == 1 else u[t] + g_k * (x - level))
        C.append(level)
        D.append(x + sum(before) - sum(u[-1] for u in U))
    return C, D, U


@pytest.mark.parametrize("seasons", [(1,), (4,), (3, 6), (2, 5)])
@pytest.mark.parametrize("share", [0.0, 0.2])
@pytest.mark.parametrize("most", [0, 100], ids=["arrays", "numbers"])
def test_smoothing_is_what_its_equations_say(monkeypatch, seasons, share, most):
    monkeypatch.setattr(_smoothing, "MOST_AS_NUMBERS", most)
    Z = some_series(0, share=share)
    Z[:, 0] = 1.0
    n_start, a, g = np.array([40, 2 * max(seasons), max(seasons) - 1]), 0.3, (0.2, 0.4)[: len(seasons)]
    found = smooth(Z, n_start, seasons, a, g)
    for i, column in np.ndindex(3, 2):
        C, D, U = by_loops(Z[i, :, column], seasons, a, g, n_start[i])
        np.testing.assert_allclose(found.C[i, :, column], C, **TIGHT)
        np.testing.assert_allclose(found.D[i, :, column], D, **TIGHT)
        for u, expected in zip(found.U, U):
            np.testing.assert_allclose(u[i, :, column], expected, **TIGHT)


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 10_000),
    share=st.floats(0, 0.6),
    seasons=st.sampled_from([(1,), (5,), (2, 6)]),
    late=st.integers(0, 12),
)
def test_arrays_and_numbers_agree_on_late_and_broken_series(seed, share, seasons, late):
    Z = some_series(seed, T=30, share=share)
    Z[0, :late] = np.nan
    a, g = np.full((3, 2), 0.4), [np.full((3, 2), 0.3)] * len(seasons)
    most, found = _smoothing.MOST_AS_NUMBERS, []
    try:
        for n in (0, 100):
            _smoothing.MOST_AS_NUMBERS = n
            found.append(smooth(Z, np.array([30, 30, 9]), seasons, a, g))
    finally:
        _smoothing.MOST_AS_NUMBERS = most
    for name in ("C", "D"):
        first, second = (getattr(part, name) for part in found)
        assert np.isfinite(first).all()
        np.testing.assert_allclose(first, second, **TIGHT)
    for first, second in zip(found[0].U, found[1].U):
        np.testing.assert_allclose(first, second, **TIGHT)


@pytest.mark.parametrize("seasons", [(1,), (4,), (2, 6)])
def test_a_missing_value_is_carried_as_its_own_forecast(seasons):
    """To put in what was expected comes to the same as to leave the gap."""
    Z, g = some_series(1), (0.2, 0.3)[: len(seasons)]
    gaps = np.zeros(Z.shape, bool)
    gaps[:, 3 * max(seasons) + 2 :: 5] = True  # after what the start is taken from
    broken = np.where(gaps, np.nan, Z)
    n_start = np.full(3, 3 * max(seasons))
    found = smooth(broken, n_start, seasons, 0.3, g)
    whole = broken.copy()
    for t in range(1, Z.shape[1]):
        expected = found.C[:, t - 1] + sum(U[:, t] for U in found.U)
        whole[:, t] = np.where(gaps[:, t], expected, whole[:, t])
    again = smooth(whole, n_start, seasons, 0.3, g)
    np.testing.assert_allclose(again.C, found.C, **TIGHT)
    np.testing.assert_allclose(again.D, found.D, **TIGHT)
    for U, expected in zip(again.U, found.U):
        np.testing.assert_allclose(U, expected, **TIGHT)


@pytest.mark.parametrize("seasons", [(1,), (4,), (2, 6)])
def test_a_series_begins_with_its_first_value(seasons):
    Z, g = some_series(2), (0.2, 0.3)[: len(seasons)]
    late = np.concatenate([np.full((3, 7, 2), np.nan), Z], axis=1)
    found, expected = (smooth(part, np.full(3, part.shape[1]), seasons, 0.3, g) for part in (late, Z))
    np.testing.assert_allclose(found.C[:, 7:], expected.C, **TIGHT)
    np.testing.assert_allclose(found.D[:, 7:], expected.D, **TIGHT)
    for U, other, s in zip(found.U, expected.U, seasons):
        np.testing.assert_allclose(U[:, s + 7 :], other[:, s:], **TIGHT)


@pytest.mark.parametrize("seasons", [(1,), (4,), (2, 6)])
def test_to_go_on_is_to_have_begun_with_more(seasons):
    Z, g = some_series(3, share=0.2), (0.2, 0.3)[: len(seasons)]
    n_start = np.full(3, 20)
    whole, part = smooth(Z, n_start, seasons, 0.3, g), smooth(Z[:, :30], n_start, seasons, 0.3, g)
    patterns = [U[:, -s:] for U, s in zip(part.U, seasons)]
    level, patterns, D, _ = advance(part.C[:, -1], patterns, Z[:, 30:], 0.3, g)
    np.testing.assert_allclose(level, whole.C[:, -1], **TIGHT)
    np.testing.assert_allclose(D, whole.D[:, 30:], **TIGHT)
    for pattern, U, s in zip(patterns, whole.U, seasons):
        np.testing.assert_allclose(pattern, U[:, -s:], **TIGHT)


@pytest.mark.parametrize("seasons", [(4,), (2, 6)])
@pytest.mark.parametrize("most", [0, 100], ids=["arrays", "numbers"])
def test_a_usual_pattern_counts_as_one_cycle_more_of_short_series(monkeypatch, seasons, most):
    monkeypatch.setattr(_smoothing, "MOST_AS_NUMBERS", most)
    Z, S = some_series(4), max(seasons)
    Z[1, :3] = np.nan  # it begins late, and the pattern stands at the times of the array
    usual = [np.random.default_rng(5).normal(size=(3, s, 2)) for s in seasons]
    usual = [pattern - pattern.mean(axis=1, keepdims=True) for pattern in usual]
    g = (0.0, 0.0)[: len(seasons)]  # patterns stay as they begin

    def begin(n, usual):
        return smooth(Z, np.array([n, n + 3, n]), seasons, 0.3, g, usual)

    none, one, two = begin(S - 1, usual), begin(2 * S, usual), begin(3 * S, usual)
    for found, k in ((none, 0), (one, 1), (two, 2)):
        alone = begin({0: S - 1, 1: 2 * S, 2: 3 * S}[k], None)
        for U, own, pattern, s in zip(found.U, alone.U, usual, seasons):
            expected = own[:, :s] if k == 2 else (k * own[:, :s] + pattern) / (k + 1)
            np.testing.assert_allclose(U[:, :s], expected, **TIGHT)
    # without a cycle the level is that of the first value, without what is usual of it
    first = [0, 3, 0]
    for i in range(3):
        of_pattern = sum(pattern[i, first[i] % s] for pattern, s in zip(usual, seasons))
        np.testing.assert_allclose(none.C[i, first[i]], Z[i, first[i]] - of_pattern, **TIGHT)


@given(seed=st.integers(0, 1000), lag=st.integers(1, 6), share=st.floats(0, 0.9))
def test_values_are_carried_from_so_many_steps_before(seed, lag, share):
    A = some_series(seed, N=2, T=11, m=2, share=share)
    found = carried(A, lag)
    for i, column in np.ndindex(2, 2):
        a = A[i, :, column]
        known = a[~np.isnan(a)]
        for t in range(11):
            before = [a[u] for u in range(t, -1, -lag) if not np.isnan(a[u])]
            expected = before[0] if before else known[0] if len(known) else np.nan
            np.testing.assert_equal(found[i, t, column], expected)


def test_targets_that_are_missing_weigh_nothing_in_the_linear_path():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    Y = X @ rng.normal(size=(3, 4)) + 0.1 * rng.normal(size=(60, 4))
    whole, error = fit_linear_path(X, Y)
    broken = Y.copy()
    broken[rng.uniform(size=60) < 0.3, 1] = np.nan
    broken[:, 3] = np.nan
    found, _ = fit_linear_path(X, broken)
    for output in (0, 2):  # of a pattern of their own: the penalty is chosen for them
        np.testing.assert_allclose(found.coef[output], fit_linear_path(X, Y[:, [0, 2]])[0].coef[output // 2], **TIGHT)
    rows = ~np.isnan(broken[:, 1])
    np.testing.assert_allclose(found.coef[1], fit_linear_path(X[rows], Y[rows, 1:2])[0].coef[0], **TIGHT)
    assert (found.coef[3] == 0).all() and found.intercept[3] == 0
    residuals = Y - whole.predict(X)
    assert error == pytest.approx(np.mean(residuals**2), rel=0.3)
