"""One training step, here, in PyTorch and in JAX on the CPU, for each cell and a range of shapes.

    python tests/benchmarks/step_speed.py [--quick] [--threads 1 2] [--cells rnn gru lstm]

A step is what a fit does for each mini-batch: cut it out of the data by index, forward, backward, Adam. Ours is the
estimator's own loop (`Training.one_pass`), with L2 and clipping off; torch's is eager
nn.RNN, nn.GRU or nn.LSTM with a Linear on the last state, mean squared error and fused Adam; JAX's is one jitted
function: lax.scan with the input products taken out of the loop, gradient and Adam, compiled before the clock starts
(the seconds that took stand in a column of their own). All in float32, from the same arrays, in turns within one
process; each number of threads gets a process of its own, because BLAS reads its setting when it is loaded. With one
thread the process is also held to one core, since JAX knows no other limit.

ours/products is the distance to the limit: our step divided by its matrix products alone, the same products of the
same shapes on buffers of the same size, without anything else.
"""

import argparse
import os
import platform
import subprocess
import sys
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

QUICK = [(1, 50, 1, 16), (32, 20, 1, 16), (32, 50, 1, 32), (32, 50, 8, 64), (64, 100, 8, 64)]
LONG = [(128, 50, 8, 128), (256, 100, 16, 128), (128, 100, 16, 256), (32, 200, 1, 500)]
GATES = {"rnn": 1, "gru": 3, "lstm": 4}
N_ROUNDS = 7
ROUND_SECONDS = 0.05
N_BATCHES = 3  # an epoch of the data that is made up
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")


def main():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, cores}), help="default: 1 and all cores")
    parser.add_argument("--quick", action="store_true", help="only shapes up to batch 64, 100 steps, H=64")
    parser.add_argument("--cells", nargs="+", choices=GATES, default=list(GATES))
    parser.add_argument("--in-process", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.in_process:
        measure(arguments.threads[0], QUICK if arguments.quick else QUICK + LONG, arguments.cells)
        return
    print_machine(cores)
    for threads in arguments.threads:
        command = [sys.executable, __file__, "--in-process", "--threads", str(threads), "--cells", *arguments.cells]
        environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads)), "JAX_PLATFORMS": "cpu"}
        result = subprocess.run(command + ["--quick"] * arguments.quick, env=environment)
        if result.returncode:
            sys.exit(result.returncode)


def import_torch():
    try:
        import torch
    except ImportError:
        sys.exit("This benchmark compares with PyTorch, which is not installed: pip install torch==2.13.0")
    return torch


def import_jax():
    """JAX, or None: it is shown where it is installed."""
    try:
        import jax
    except ImportError:
        return None
    return jax


def print_machine(cores):
    torch = import_torch()
    cpu = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    blas = {
        f"{pool['internal_api']} {pool['version']} ({pool.get('architecture', 'unknown kernel')})"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    }
    print(
        f"{cpu}, {cores} cores, Python {platform.python_version()}, numpy {np.__version__}, "
        f"{' and '.join(sorted(blas)) or 'no BLAS that threadpoolctl knows'}, torch {torch.__version__}, "
        f"jax {getattr(import_jax(), '__version__', 'not installed')}",
        flush=True,
    )
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        # torch's threads wait for each other by spinning: one that shares its core holds up all
        print(f"load average {os.getloadavg()[0]:.1f}: other programs are running; rows of several threads mislead")


def measure(threads, shapes, cells):
    """Print the table for one number of threads, which the environment has set already."""
    if threads == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch, jax = import_torch(), import_jax()
    torch.set_num_threads(threads)
    print(f"\n{threads} thread{'s' * (threads > 1)}; ms a step, median of {N_ROUNDS} rounds; compile in seconds")
    titles = f"{'cell':<5}{'batch':>6}{'T':>5}{'F':>4}{'H':>5}{'ours':>9}{'torch':>9}{'jax':>9}{'compile':>9}"
    print(f"{titles}{'torch/ours':>12}{'jax/ours':>10}" + f"{'products':>10}{'ours/products':>15}" * (threads == 1))
    with threadpool_limits(threads, user_api="blas"):
        for cell in cells:
            ratios = {"torch": [], "jax": []}
            for shape in shapes:
                batch, n_steps, n_features, width = shape
                taken, compiling = compare(torch, jax, cell, *shape)
                for peer in ("torch", "jax"):
                    ratios[peer].append(taken[peer] / taken["ours"])
                print(
                    f"{cell:<5}{batch:>6}{n_steps:>5}{n_features:>4}{width:>5}{1e3 * taken['ours']:>9.3f}"
                    f"{1e3 * taken['torch']:>9.3f}{1e3 * taken['jax']:>9.3f}{compiling:>9.1f}"
                    f"{ratios['torch'][-1]:>12.2f}{ratios['jax'][-1]:>10.2f}"
                    + f"{1e3 * taken['products']:>10.3f}{taken['ours'] / taken['products']:>15.2f}"
                    * (threads == 1),
                    flush=True,
                )
            print(f"{cell:<5}{'median of the ratios':<65}{median(ratios['torch']):>4.2f}{median(ratios['jax']):>10.2f}")


def compare(torch, jax, cell, batch, n_steps, n_features, width):
    """Median seconds a step by each, and the seconds that JAX compiled."""
    rng = np.random.default_rng(0)
    n = N_BATCHES * batch
    X = rng.normal(size=(n, n_steps, n_features)).astype(np.float32)
    y = X[:, -1, 0] * X[:, -2, 0]
    runs = {
        "ours": our_epochs(cell, X, y, batch, width),
        "torch": torch_epochs(torch, cell, X, y, batch, width),
        "products": products_alone(cell, batch, n_steps, n_features, width),
    }
    compiling = np.nan
    if jax is not None:
        runs["jax"] = jax_epochs(jax, cell, X, y, batch, width)
        compiling = runs["jax"](1)
        compiling -= runs["jax"](1)
    n_epochs = {}
    for name, run in runs.items():
        run(1)
        n_epochs[name] = max(1, round(ROUND_SECONDS / run(1)))
    seconds = {name: [] for name in runs}
    for _ in range(N_ROUNDS):
        for name, run in runs.items():
            run(1)  # the other sides' threads may still be spinning, and their data fills the cache
            seconds[name].append(run(n_epochs[name]) / (n_epochs[name] * N_BATCHES))
    return {"jax": np.nan, **{name: median(taken) for name, taken in seconds.items()}}, compiling


def our_epochs(cell, X, y, batch, width):
    """A function that trains for so many epochs and returns the seconds that took."""
    from sklearn_rnn import RNNRegressor
    from sklearn_rnn.core._cores import Cores

    model = RNNRegressor(width, cell=cell, batch_size=batch, alpha=0.0, learning_rate_init=1e-3, random_state=0)
    # What `partial_fit` does, with the checks of X and y, once a fit, outside the clock.
    data = model._prepare(X, y, None, reset=True)
    model.clip_norm = None
    training = model._begin(False, data)

    def run(n_epochs):
        def work(cores):
            start = perf_counter()
            for _ in range(n_epochs):
                if training.one_pass(data, cores) != "max_iter":
                    raise RuntimeError("training ended early: the time says nothing")
            return perf_counter() - start

        return Cores().use(work)

    return run


def torch_epochs(torch, cell, X, y, batch, width):
    """The same in torch."""
    torch.manual_seed(0)
    recurrent = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell](
        X.shape[2], width, batch_first=True
    )
    readout = torch.nn.Linear(width, 1)
    optimizer = torch.optim.Adam([*recurrent.parameters(), *readout.parameters()], lr=1e-3, fused=True)
    X, y = torch.from_numpy(X), torch.from_numpy(y)[:, None]

    def run(n_epochs):
        start = perf_counter()
        for _ in range(n_epochs):
            total = 0.0
            for index in torch.randperm(len(X)).split(batch):
                optimizer.zero_grad()
                H, _ = recurrent(X[index])
                loss = torch.nn.functional.mse_loss(readout(H[:, -1]), y[index])
                loss.backward()
                optimizer.step()
                total += loss.item() * len(index)
        return perf_counter() - start

    return run


def jax_epochs(jax, cell, X, y, batch, width):
    """The same in JAX."""
    jnp = jax.numpy
    rng, gates, n_features = np.random.default_rng(0), GATES[cell], X.shape[2]
    shapes = {"W_x": (n_features, gates * width), "W_h": (width, gates * width), "W_o": (width, 1)}
    weights = {name: jnp.asarray(rng.uniform(-1, 1, shape) / width**0.5, "float32") for name, shape in shapes.items()}
    weights.update(b=jnp.zeros(gates * width), b_hn=jnp.zeros(width), b_o=jnp.zeros(1))

    def advance(W_h, b_hn, state, a):
        """One time step from `a`, the input's part of the pre-activations."""
        h, c = state
        if cell == "rnn":
            return (jnp.tanh(a + h @ W_h), c), None
        if cell == "gru":
            u = h @ W_h
            r, z = jnp.split(jax.nn.sigmoid(a[:, : 2 * width] + u[:, : 2 * width]), 2, axis=1)
            n = jnp.tanh(a[:, 2 * width :] + r * (u[:, 2 * width :] + b_hn))
            return (n + z * (h - n), c), None
        i, f, g, o = jnp.split(a + h @ W_h, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    def loss(weights, X, y):
        A = X.transpose(1, 0, 2) @ weights["W_x"] + weights["b"]
        start = jnp.zeros((len(X), width), "float32")
        (h, _), _ = jax.lax.scan(partial(advance, weights["W_h"], weights["b_hn"]), (start, start), A)
        return jnp.mean(((h @ weights["W_o"] + weights["b_o"])[:, 0] - y) ** 2)

    @jax.jit
    def step(weights, m, v, t, X, y):
        value, g = jax.value_and_grad(loss)(weights, X, y)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-8), weights, m, v)
        return weights, m, v, value

    zeros = jax.tree.map(jnp.zeros_like, weights)
    trained = [weights, zeros, zeros, 0]

    def run(n_epochs):
        weights, m, v, t = trained
        start = perf_counter()
        for _ in range(n_epochs):
            total = 0.0
            for index in np.split(rng.permutation(len(X)), N_BATCHES):
                t += 1
                weights, m, v, value = step(weights, m, v, np.float32(t), X[index], y[index])
                total += float(value) * len(index)
        jax.block_until_ready(weights)
        seconds = perf_counter() - start
        trained[:] = weights, m, v, t
        return seconds

    return run


def products_alone(cell, batch, n_steps, n_features, width):
    """The matrix products of so many epochs' steps, in the blocks in which a fit computes them."""
    from sklearn_rnn.core._blas import outer, product

    rng = np.random.default_rng(0)
    rows, inner = GATES[cell] * width, width + n_features + 1

    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    A, dh = normal(n_steps, rows, batch), normal(1, width, batch)
    times_W, forward = product(normal(rows, inner), A)
    times_W_hT, (backward,) = product(normal(width, rows), dh)
    Z = normal(n_steps, inner, batch)
    dA_rows, Z_rows = normal(rows, n_steps * batch), normal(inner, n_steps * batch)
    columns = max(256, batch)

    def run(n_epochs):
        start = perf_counter()
        for _ in range(N_BATCHES * n_epochs):
            for z, out in zip(Z, forward):
                times_W(z, out)
            for da in A:
                times_W_hT(da, backward)
            for at in range(0, n_steps * batch, columns):
                outer(dA_rows[:, at : at + columns], Z_rows[:, at : at + columns])
        return perf_counter() - start

    return run


if __name__ == "__main__":
    main()
