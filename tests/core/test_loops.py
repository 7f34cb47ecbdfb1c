"""The solvers know nothing of networks: they are tested on Rosenbrock's function and on small quadratics."""

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der

from sklearn_rnn.core._loops import Monitor, Progress, Stop, minimize_lbfgs, minimize_stochastic
from sklearn_rnn.core._optimizers import AVERAGE_POWER, OPTIMIZERS, Schedule, average_in, clip

BATCH = (None, 1)


def rosenbrock(theta, batch):
    return rosen(theta), rosen_der(theta)


def patient():
    return Monitor(tol=0.0, n_iter_no_change=10**9)


def run(name, rate, n_epochs, objective=rosenbrock, start=(-1.2, 1.0), monitor=None, schedule="constant", **options):
    theta = np.array(start)
    optimizer = OPTIMIZERS[name](theta, **options.pop("optimizer", {}))
    progress, monitor = Progress(), monitor or patient()
    reason = minimize_stochastic(
        objective,
        theta,
        lambda: [BATCH],
        optimizer,
        Schedule(schedule, rate, **options),
        monitor,
        n_epochs=n_epochs,
        progress=progress,
    )
    return monitor.choose(theta, progress), reason, progress


def lbfgs(objective, start, max_iter, tol, monitor=None):
    theta, progress, monitor = np.array(start, float), Progress(), monitor or patient()
    reason = minimize_lbfgs(
        lambda theta: objective(theta, None),
        theta,
        monitor,
        max_iter=max_iter,
        max_fun=1000,
        tol=tol,
        progress=progress,
    )
    return monitor.choose(theta, progress), reason, progress


@pytest.mark.parametrize(
    ("name", "rate", "options"),
    [
        ("sgd", 1e-3, {"momentum": 0.95, "nesterovs_momentum": True}),
        ("sgd", 1e-3, {"momentum": 0.95, "nesterovs_momentum": False}),
        ("adagrad", 0.5, {}),
        ("rmsprop", 1e-3, {}),
        ("adam", 0.02, {}),
    ],
)
def test_rosenbrock(name, rate, options):
    theta, reason, progress = run(name, rate, 9000, optimizer=options)
    np.testing.assert_allclose(theta, [1.0, 1.0], atol=1e-2)
    assert reason == "max_iter"
    assert progress.epoch == len(progress.curve) == 9000


def test_rosenbrock_lbfgs():
    theta, reason, progress = lbfgs(rosenbrock, [1.3, 0.7, 0.8, 1.9, 1.2], 200, 1e-8)
    np.testing.assert_allclose(theta, np.ones(5), atol=1e-5)
    assert reason == "stopped"
    assert progress.curve == sorted(progress.curve, reverse=True)


def test_lbfgs_out_of_iterations_says_so():
    assert lbfgs(rosenbrock, np.full(10, -1.0), 2, 1e-8)[1] == "max_iter"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("constant", [0.1, 0.1, 0.1]),
        ("invscaling", [0.1, 0.1 / 2**0.5, 0.1 / 3**0.5]),
        ("inverse_time", [0.1, 0.1 / 1.2, 0.1 / 1.4]),
        ("cosine", [0.1, 0.075, 0.025]),
    ],
)
def test_schedules(kind, expected):
    schedule = Schedule(kind, 0.1, power_t=0.5, decay=0.2, max_iter=3)
    rates = [schedule.rate(epoch, epoch + 1, cuts=0) for epoch in range(3)]
    np.testing.assert_allclose(rates, expected)
    if kind == "cosine":
        assert schedule.rate(3, 4, 0) == pytest.approx(0.1)  # starts anew, so that partial_fit never learns at rate 0


def test_adaptive_rate_is_cut_until_it_is_tiny():
    """A constant objective never improves: the rate goes 1e-3, 2e-4, ..., and training ends below 1e-6."""
    flat = lambda theta, batch: (1.0, np.zeros_like(theta))  # noqa: E731
    monitor = Monitor(tol=1e-4, n_iter_no_change=3)
    _, reason, progress = run("sgd", 1e-3, 1000, flat, monitor=monitor, schedule="adaptive")
    assert reason == "stopped"
    assert progress.cuts == 5  # 1e-3 / 5^5 = 3.2e-7
    # first epoch sets the best; then 4 without gain for each cut, and 4 more to stop
    assert progress.epoch == 1 + 4 * 6


def test_stops_without_progress():
    flat = lambda theta, batch: (1.0, np.zeros_like(theta))  # noqa: E731
    _, reason, progress = run("adam", 1e-3, 1000, flat, monitor=Monitor(tol=1e-4, n_iter_no_change=7))
    assert (reason, progress.epoch) == ("stopped", 1 + 8)


def test_best_weights_come_back():
    """A rate far too large makes the quadratic grow: the start of it all was best, and is measured at just that."""
    quadratic = lambda theta, batch: (0.5 * float(theta @ theta), theta.copy())  # noqa: E731
    theta, _, progress = run("sgd", 2.5, 30, quadratic, optimizer={"momentum": 0.0, "nesterovs_momentum": False})
    assert progress.curve[-1] > 10 * progress.curve[0]
    np.testing.assert_array_equal(theta, [-1.2, 1.0])


def test_last_weights_come_back_from_steady_progress():
    """Where the last epoch was the best, its end is returned, not its start."""
    quadratic = lambda theta, batch: (0.5 * float(theta @ theta), theta.copy())  # noqa: E731
    theta, _, _ = run("sgd", 0.5, 3, quadratic, optimizer={"momentum": 0.0, "nesterovs_momentum": False})
    np.testing.assert_allclose(theta, np.array([-1.2, 1.0]) / 8)


def test_divergence_goes_back_to_finite_weights():
    """The objective is NaN from the 4th evaluation on; the best weights known to be good were those before it."""
    seen = []

    def objective(theta, batch):
        seen.append(theta.copy())
        value = np.nan if len(seen) > 3 else 10.0 - len(seen)
        return value, np.ones_like(theta)

    theta, reason, progress = run("sgd", 0.1, 10, objective, start=(0.0, 0.0), optimizer={"momentum": 0.0})
    assert reason == "diverged"
    assert progress.epoch == 3
    np.testing.assert_array_equal(theta, seen[2])


def test_lbfgs_survives_a_step_into_nan():
    """log has no value left of 0; the line search has to come back."""

    def objective(theta, batch):
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(np.sum(theta - np.log(theta))), 1 - 1 / theta

    for start in ([30.0, 0.01], [9.0, 0.5], [100.0, 1.0]):
        theta, reason, _ = lbfgs(objective, start, 100, 1e-6)
        assert reason == "stopped"
        np.testing.assert_allclose(theta, [1.0, 1.0], atol=1e-5)


def test_lbfgs_that_is_nowhere_finite_keeps_the_start():
    nowhere = lambda theta, batch: (np.nan, theta)  # noqa: E731
    theta, reason, progress = lbfgs(nowhere, [3.0, 4.0], 100, 1e-6)
    assert reason == "diverged"
    assert progress.curve == [np.inf]
    np.testing.assert_array_equal(theta, [3, 4])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clip(dtype):
    g = np.array([3.0, -4.0], dtype)
    clip(g, 10.0, None)
    np.testing.assert_array_equal(g, [3, -4])
    clip(g, 1.0, None)
    np.testing.assert_allclose(g, [0.6, -0.8], rtol=1e-6)
    g = np.array([3.0, -4.0], dtype)
    clip(g, None, 1.0)
    np.testing.assert_array_equal(g, [1, -1])
    huge = np.array([3.0, -4.0], dtype) * np.sqrt(np.finfo(dtype).max)
    with np.errstate(over="ignore"):
        clip(huge, 5.0, None)
    np.testing.assert_allclose(huge, [3, -4], rtol=1e-6)


def test_stop_from_a_callback():
    def monitor():
        epochs = iter(range(1, 100))
        return Monitor(tol=0.0, n_iter_no_change=10**9, on_epoch_end=lambda theta: next(epochs) == 4)

    for name in ("adam", "sgd"):
        _, reason, progress = run(name, 1e-3, 50, monitor=monitor())
        assert (reason, progress.epoch) == ("stopped", 4)
    _, reason, progress = lbfgs(rosenbrock, np.full(10, -1.0), 50, 1e-8, monitor())
    assert (reason, progress.epoch) == ("stopped", 4)
    assert issubclass(Stop, Exception)


def test_adam_corrects_its_start_at_zero():
    """The first step is the rate in each coordinate, against the sign of the gradient, whatever its size."""
    theta = np.zeros(3)
    OPTIMIZERS["adam"](theta).step(theta, np.array([1e-3, -5.0, 400.0]), 0.01, 1)
    np.testing.assert_allclose(theta, [-0.01, 0.01, -0.01], rtol=1e-4)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_is_all_there_is(name):
    """10 steps, or 5 steps, a copy of the state, and 5 more: the same to the last bit."""
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(10, 6))
    theta = np.zeros(6)
    whole = OPTIMIZERS[name](theta)
    for t, g in enumerate(gradients[:5], 1):
        whole.step(theta, g, 0.01, t)
    other_theta = theta.copy()
    resumed = OPTIMIZERS[name](other_theta)
    for key, vector in whole.state.items():
        resumed.state[key][...] = vector
    for t, g in enumerate(gradients[5:], 6):
        whole.step(theta, g, 0.01, t)
        resumed.step(other_theta, g, 0.01, t)
    np.testing.assert_array_equal(theta, other_theta)


def trail(n_epochs):
    """The weights after each update of a noisy descent, and what goes into it."""
    rng, thetas = np.random.default_rng(0), []
    noise = rng.normal(size=(n_epochs, 2))

    def objective(theta, batch):
        if len(thetas) < len(noise):  # what the update before led to
            thetas.append(theta.copy())
        return float(theta @ theta), 2 * theta + noise[len(thetas) - 1]

    return thetas, objective


def test_an_average_weighs_late_updates_more():
    rng = np.random.default_rng(0)
    thetas, averaged = rng.normal(size=(40, 3)), np.full(3, 7.0)  # from where it starts does not matter
    for t, theta in enumerate(thetas, 1):
        average_in(averaged, theta, t)
    # s**p, but for what keeps the sums simple: (s + p - 1) * ... * (s + 1) * s
    weights = np.array([np.prod(np.arange(s, s + AVERAGE_POWER, dtype=float)) for s in range(1, 41)])
    np.testing.assert_allclose(averaged, weights @ thetas / weights.sum(), rtol=1e-12)


@pytest.mark.parametrize("watch_validation", [False, True])
def test_averaged_weights_are_validated_and_kept(watch_validation):
    thetas, objective = trail(31)
    theta, averaged = np.array([3.0, -2.0]), np.zeros(2)
    seen, values = [], np.r_[np.linspace(5, 1, 12), np.linspace(2, 3, 18)]  # the twelfth is the best

    def validate(theta):
        seen.append(theta.copy())
        return values[len(seen) - 1]

    monitor = Monitor(tol=0.0, n_iter_no_change=np.inf, watch_validation=watch_validation, validate=validate)
    minimize_stochastic(
        objective,
        theta,
        lambda: [BATCH],
        OPTIMIZERS["sgd"](theta, momentum=0.0, nesterovs_momentum=False),
        Schedule("constant", 0.1),
        monitor,
        n_epochs=30,
        progress=Progress(),
        averaged=averaged,
    )
    thetas = [*thetas[1:], theta]
    expected = np.zeros(2)
    for t in range(30):
        average_in(expected, thetas[t], t + 1)
        np.testing.assert_allclose(seen[t], expected, rtol=1e-12)
    np.testing.assert_array_equal(averaged, seen[-1])
    if watch_validation:
        np.testing.assert_array_equal(monitor.choose(averaged, Progress()), seen[11])
    assert not np.allclose(theta, averaged)


def test_divergence_goes_back_to_finite_averaged_weights():
    theta, averaged, n_calls = np.array([1.0, 1.0]), np.array([1.0, 1.0]), 0

    def objective(theta, batch):
        nonlocal n_calls
        n_calls += 1
        return (np.nan if n_calls > 3 else float(theta @ theta)), 2 * theta

    progress, monitor = Progress(), patient()
    optimizer = OPTIMIZERS["sgd"](theta, momentum=0.0, nesterovs_momentum=False)
    options = {"n_epochs": 5, "progress": progress, "averaged": averaged}
    schedule = Schedule("constant", 0.1)
    assert minimize_stochastic(objective, theta, lambda: [BATCH], optimizer, schedule, monitor, **options) == "diverged"
    assert progress.epoch == 3
    kept = monitor.choose(averaged, progress)
    assert np.isfinite(kept).all()
    np.testing.assert_array_equal(theta, averaged)  # from which training would go on
