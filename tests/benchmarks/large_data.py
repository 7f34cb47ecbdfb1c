"""Data larger than memory, and many series: resident memory while it is learnt from, and throughput of one core.

python tests/benchmarks/large_data.py [--steps 10000000] [--series 10000] [--only memory rates] [--quick]

memory  a series of so many time steps is written to disk block by block; then windows of it are learnt from, once by
        `fit` on the memory-mapped file, once by `partial_fit` over blocks of a parquet file (needs pyarrow). Each in
        a process of its own, which prints its resident memory as it goes.
rates   windows a second of one core that `fit` learns from in an epoch, and that `predict` takes; series a second of
        `RNNForecaster` and of `predict(y=...)`. Of processor time, not of the clock: other processes do not count.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from sklearn_rnn import RNNForecaster, RNNRegressor, make_windows

WINDOW, BLOCK = 24, 100_000
NET = {"hidden_layer_sizes": 16, "cell": "mingru", "batch_size": 1000, "learning_rate_init": 0.01, "random_state": 0}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=10_000_000)
    parser.add_argument("--series", type=int, default=10_000, help="for predict(y=...)")
    parser.add_argument("--only", nargs="+", choices=["memory", "rates"], default=["memory", "rates"])
    parser.add_argument("--quick", action="store_true", help="tiny jobs, to see whether this works")
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    if arguments.inside:
        how, folder = arguments.inside
        {"fit": by_fit, "partial_fit": by_partial_fit}[how](Path(folder))
        return
    steps, series = (300_000, 200) if arguments.quick else (arguments.steps, arguments.series)
    if "memory" in arguments.only:
        memory(steps)
    if "rates" in arguments.only:
        with threadpool_limits(1):
            rates(series, 2_000 if arguments.quick else 50_000)


# ---- memory ---------------------------------------------------------------------------------------------------------


def resident(what: str = "RssAnon") -> str:
    """Resident memory of this process that is its own, without the pages of files that are mapped; "VmHWM": the most
    that there was, with them (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what):
            return f"{int(line.split()[1]) / 1024:.0f} MB"
    return "unknown"


def blocks(steps: int):
    """A noisy sine whose period drifts, block by block."""
    rng = np.random.default_rng(0)
    for start in range(0, steps, BLOCK):
        t = np.arange(start, min(start + BLOCK, steps))
        yield (np.sin(t / 9 + np.sin(t / 5000)) + 0.1 * rng.normal(size=len(t))).astype(np.float32)


def memory(steps: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "series.npy")
        mapped = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(steps,))
        for k, block in enumerate(blocks(steps)):
            mapped[k * BLOCK : k * BLOCK + len(block)] = block
        del mapped
        size = path.stat().st_size / 1e6
        print(f"{steps:,} time steps, {size:,.0f} MB; copied, windows of {WINDOW} would be {WINDOW * size:,.0f} MB")
        run_inside("fit", folder)
        try:
            import pyarrow as arrow
            from pyarrow import parquet
        except ImportError:
            print("(partial_fit over a parquet file left out: pyarrow is not installed)")
            return
        schema = arrow.schema([("y", arrow.float32())])
        with parquet.ParquetWriter(Path(folder, "series.parquet"), schema) as writer:
            for block in blocks(steps):
                writer.write_table(arrow.table({"y": block}, schema=schema))
        run_inside("partial_fit", folder)


def run_inside(how: str, folder: str) -> None:
    print(f"\n{how}", flush=True)
    subprocess.run([sys.executable, __file__, "--inside", how, folder], check=True, env=dict(os.environ))


def by_fit(folder: Path) -> None:
    """One epoch over windows of a memory-mapped file, all but the last of which are never in memory."""
    X, y = make_windows(np.load(folder / "series.npy", mmap_mode="r"), WINDOW)
    print(f"  resident before {resident()}", flush=True)
    net, at_start = RNNRegressor(**NET, max_iter=1), process_time()
    net.fit(X, y)
    print(f"  after an epoch  {resident()}, {len(X) / (process_time() - at_start):,.0f} windows a second of a core")
    print(f"  at most         {resident('VmHWM')}, with the pages of libraries and of the file")
    print(f"  R2 of the last 10,000: {net.score(X[-10_000:], y[-10_000:]):.3f}; noise allows 0.98")


def by_partial_fit(folder: Path) -> None:
    """One pass over the blocks of a parquet file."""
    from pyarrow import parquet

    net = RNNRegressor(**NET)
    last, n = np.empty(0, np.float32), 0
    print(f"  resident before {resident()}", flush=True)
    at_start = process_time()
    # without pre_buffer=False Arrow keeps what it has read ahead: 4 bytes a row of the whole file
    file = parquet.ParquetFile(folder / "series.parquet", pre_buffer=False)
    for k, block in enumerate(file.iter_batches(batch_size=BLOCK)):
        new = block["y"].to_numpy(zero_copy_only=False)
        values = np.concatenate([last, new])  # windows reach back into the block before
        X, y = make_windows(values, WINDOW)
        if k and k % 20 == 0:
            print(f"  after {n:>10,} windows {resident()}, R2 of the next block {net.score(X, y):.3f}", flush=True)
        net.partial_fit(X, y)
        last, n = values[-WINDOW:], n + len(X)
    print(f"  after {n:>10,} windows {resident()}, {n / (process_time() - at_start):,.0f} windows a second of a core")


# ---- throughput -----------------------------------------------------------------------------------------------------


def rates(n_series: int, n_windows: int) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_windows, WINDOW, 1)).astype(np.float32)
    y = X[:, -1, 0]
    print("\nwindows a second of a core (24 steps, float32, width 32, batch 200)")
    for cell in ("mingru", "rnn", "gru", "lstm"):
        net = RNNRegressor(32, cell=cell, max_iter=1, batch_size=200, random_state=0)
        fit = of_processor(partial(net.fit, X, y), n_windows)
        predict = of_processor(partial(net.predict, X), n_windows)
        print(f"  {cell:7s} an epoch of fit {fit:>9,.0f}   predict {predict:>9,.0f}")
    steps = 60
    t = np.arange(steps)
    values = (
        10 + np.sin(2 * np.pi * t / 12) * rng.uniform(1, 3, size=(n_series, 1)) + rng.normal(size=(n_series, steps)) / 3
    )
    index = pd.MultiIndex.from_product(
        [range(n_series), pd.period_range("2020-01", periods=steps, freq="M")], names=["shop", "month"]
    )
    panel = pd.Series(values.ravel(), index=index, name="sales")
    n_fitted = min(n_series, 2000)
    forecaster = RNNForecaster(horizon=6, random_state=0)
    print(f"series a second of a core, of {steps} months, 6 ahead")
    fit = of_processor(lambda: forecaster.fit(panel[: n_fitted * steps]), n_fitted)
    print(f"  RNNForecaster.fit of {n_fitted:,} {fit:,.0f}")
    new = panel.rename(index=lambda i: -1 - i, level="shop")
    print(f"  predict(y=...) of {n_series:,} new {of_processor(lambda: forecaster.predict(y=new), n_series):,.0f}")


def of_processor(work, n: int) -> float:
    """n by the seconds of processor time that work takes."""
    at_start = process_time()
    work()
    return n / (process_time() - at_start)


if __name__ == "__main__":
    main()
