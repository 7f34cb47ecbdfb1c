"""One training step, here and in PyTorch on the CPU, for each cell and a range of shapes.

    python tests/benchmarks/step_speed.py [--quick] [--threads 1 2]

A step is what a fit does for each mini-batch: cut it out of the data by index, forward, backward, Adam. Ours is the
estimator's own loop (`RNNRegressor`'s problem under `minimize_stochastic`), with L2 and clipping off; torch's is eager
nn.RNN, nn.GRU or nn.LSTM with a Linear on the last state, mean squared error and fused Adam. Both in float32, from the
same arrays, in turns within one process; each number of threads gets a process of its own, because BLAS reads its
setting when it is loaded. Ours decides by the size of its products whether BLAS may use all of them, as every fit does.
"""

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

QUICK = [(1, 50, 1, 16), (32, 20, 1, 16), (32, 50, 1, 32), (32, 50, 8, 64), (64, 100, 1, 64), (64, 100, 8, 64)]
LONG = [(128, 50, 8, 128), (256, 100, 16, 128), (128, 100, 16, 256), (32, 200, 1, 500)]
CELLS = ("rnn", "gru", "lstm")
N_ROUNDS = 9
ROUND_SECONDS = 0.05
N_BATCHES = 4  # an epoch of the data that is made up
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")


def main():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, cores}), help="default: 1 and all cores")
    parser.add_argument("--quick", action="store_true", help="only shapes up to batch 64, 100 steps, H=64")
    parser.add_argument("--in-process", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.in_process:
        measure(arguments.threads[0], QUICK if arguments.quick else QUICK + LONG)
        return
    print_machine(cores)
    for threads in arguments.threads:
        command = [sys.executable, __file__, "--in-process", "--threads", str(threads)]
        environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
        result = subprocess.run(command + ["--quick"] * arguments.quick, env=environment)
        if result.returncode:
            sys.exit(result.returncode)


def import_torch():
    try:
        import torch
    except ImportError:
        sys.exit("This benchmark compares with PyTorch, which is not installed: pip install torch==2.13.0")
    return torch


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
        f"{' and '.join(sorted(blas)) or 'no BLAS that threadpoolctl knows'}, torch {torch.__version__}",
        flush=True,
    )
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        # torch's threads wait for each other by spinning: one that shares its core holds up all
        print(f"load average {os.getloadavg()[0]:.1f}: other programs are running; rows of several threads mislead")


def measure(threads, shapes):
    """Print the table for one number of threads, which the environment has set already."""
    torch = import_torch()
    torch.set_num_threads(threads)
    print(f"\n{threads} thread{'s' * (threads > 1)}; ms a step, median of {N_ROUNDS} rounds")
    print(f"{'cell':<5}{'batch':>6}{'T':>5}{'F':>4}{'H':>5}{'ours ms':>11}{'torch ms':>11}{'torch/ours':>12}")
    with threadpool_limits(threads, user_api="blas"):
        for cell in CELLS:
            for shape in shapes:
                ours, theirs = compare(torch, cell, *shape)
                batch, n_steps, n_features, width = shape
                print(
                    f"{cell:<5}{batch:>6}{n_steps:>5}{n_features:>4}{width:>5}"
                    f"{1e3 * ours:>11.3f}{1e3 * theirs:>11.3f}{theirs / ours:>12.2f}",
                    flush=True,
                )


def compare(torch, cell, batch, n_steps, n_features, width):
    """Median seconds a step, ours and torch's."""
    rng = np.random.default_rng(0)
    n = N_BATCHES * batch
    X = rng.normal(size=(n, n_steps, n_features)).astype(np.float32)
    y = X[:, -1, 0] * X[:, -2, 0]
    runs = [our_epochs(cell, X, y, batch, width), torch_epochs(torch, cell, X, y, batch, width)]
    n_epochs = []
    for run in runs:
        run(1)
        n_epochs.append(max(1, round(ROUND_SECONDS / run(1))))
    seconds = [[], []]
    for _ in range(N_ROUNDS):
        for run, count, taken in zip(runs, n_epochs, seconds):
            run(1)  # the other side's threads may still be spinning, and its data fills the cache
            taken.append(run(count) / (count * N_BATCHES))
    return median(seconds[0]), median(seconds[1])


def our_epochs(cell, X, y, batch, width):
    """A function that trains for so many epochs and returns the seconds that took."""
    from sklearn_rnn import RNNRegressor
    from sklearn_rnn._solvers import Schedule, minimize_stochastic

    model = RNNRegressor(width, cell=cell, batch_size=batch, alpha=0.0, random_state=0)
    schedule = Schedule("constant", 1e-3)
    # What `partial_fit` does, with the checks of X and y, once a fit, outside the clock.
    data = model._prepare(X, y, None, reset=True)
    theta, progress, rng, optimizer = model._begin(False)
    objective, epoch_batches = model._problem(data, np.arange(len(X)), rng)

    def run(n_epochs):
        with model._numerics(data):
            start = perf_counter()
            _, reason = minimize_stochastic(
                objective, theta, epoch_batches, optimizer, schedule, n_epochs=n_epochs, progress=progress
            )
            seconds = perf_counter() - start
        if reason != "max_iter":
            raise RuntimeError(f"training ended early ({reason}): the time says nothing")
        return seconds

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


if __name__ == "__main__":
    main()
