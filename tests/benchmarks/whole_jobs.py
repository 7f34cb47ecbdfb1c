"""Whole jobs, as a user meets them: fit and predict beside PyTorch and skorch, memory, import, and others.

    python tests/benchmarks/whole_jobs.py [--quick] [--only NAME ...]

One table each; nothing but public calls is timed, with all their checks and copies. What is compared runs in turns
within one process, and the median of the rounds is printed. What depends on the number of threads, on peak memory or on
what is imported already gets processes of its own. --quick shrinks every job, and leaves out several threads, until all
take about a minute: that shows whether the script works, and little about the package.
"""

import argparse
import os
import subprocess
import sys
import warnings
from contextlib import nullcontext
from importlib import metadata
from math import log2
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from step_speed import THREAD_VARIABLES, import_torch, print_machine
from threadpoolctl import ThreadpoolController

import sklearn_rnn
from sklearn_rnn import RNNRegressor

CELLS = ("rnn", "gru", "lstm")
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
BLAS = ThreadpoolController().select(user_api="blas")  # NumPy's and SciPy's
DATA = Path(os.environ.get("SKLEARN_RNN_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


def main():
    sections = {
        "fit": lambda quick: with_thread_counts("fit", quick),
        "predict": lambda quick: with_thread_counts("predict", quick),
        "memory": memory,
        "install": install,
        "scaling": scaling,
        "precision": precision,
        "cores": cores,
        "padding": padding,
    }
    inside = {"fit": fit, "predict": predict, "memory": memory_of}  # what runs in a process of its own
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="tiny jobs, to see whether this works")
    parser.add_argument(
        "--only", nargs="+", choices=sections, default=list(sections), metavar="NAME", help="%(choices)s"
    )
    parser.add_argument("--inside", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    if arguments.inside:
        name, *values = arguments.inside
        inside[name](arguments.quick, *values)
        return
    print_machine(CORES)
    for name in arguments.only:
        sections[name](arguments.quick)


# -- shared by the sections -------------------------------------------------------------------------------------------


def table(heading, **columns):
    """Print a heading and the column names ("_" for " ", formats as values); returns what prints a row below them."""

    def row(*values):
        cells = [format(v, f) if v is not None else format("", width(f)) for v, f in zip(values, columns.values())]
        print("".join(cells).rstrip(), flush=True)

    def width(spec):
        return spec.partition(".")[0].rstrip(",d")

    print(f"\n{heading}")
    print("".join(format(name.replace("_", " "), width(spec)) for name, spec in columns.items()).rstrip(), flush=True)
    return row


def python(*arguments, threads=None, capture=False):
    """Run this Python with the arguments in a process of its own; returns what it prints, with `capture`."""
    environment = dict(os.environ) if threads is None else {**os.environ, **dict.fromkeys(THREAD_VARIABLES, threads)}
    command = [sys.executable, *arguments]
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE if capture else None, text=True)
    if result.returncode:
        sys.exit(result.returncode)
    return result.stdout


def with_thread_counts(name, quick):
    for threads in {1} if quick else sorted({1, CORES}):
        python(__file__, *["--quick"] * quick, "--inside", name, str(threads), threads=str(threads))


def in_turns(runs, n_rounds, n_calls=1, warm_up=0):
    """Median seconds of a call of each of `runs`, which in each round have `n_calls` each, after `warm_up` others."""
    seconds = [[] for _ in runs]
    for _ in range(n_rounds):
        for run, taken in zip(runs, seconds):
            for _ in range(warm_up):
                run()
            for _ in range(n_calls):
                start = perf_counter()
                run()
                taken.append(perf_counter() - start)
    return [median(taken) for taken in seconds]


def windows(n, n_steps, dtype=np.float32):
    """n windows of a noisy sum of sines, as a view (n, n_steps, 1) of the series, and the value after each."""
    t = np.arange(n + n_steps)
    noise = np.random.default_rng(0).normal(size=len(t))
    series = (np.sin(t * 2 * np.pi / 24) + 0.7 * np.sin(t * 2 * np.pi / 7.3) + 0.2 * noise).astype(dtype)
    return np.lib.stride_tricks.sliding_window_view(series[:-1], n_steps)[:, :, None], series[n_steps:]


def our_model(cell, width, batch, n_epochs, **parameters):
    """An estimator that does what the peers do: no penalty, no clipping, no early end."""
    return RNNRegressor(
        width,
        **{"cell": cell, "batch_size": batch, "max_iter": n_epochs, "learning_rate_init": 1e-3, "random_state": 0}
        | {"alpha": 0.0, "clip_norm": None, "tol": 0.0, "n_iter_no_change": n_epochs + 1}
        | {"patch_size": 1, "bidirectional": False, "pooling": "last"}  # not what follows from the sequences' length
        | parameters,
    )


def our_fit(X, y, cell, width, batch, n_threads=None):
    """A function that fits for so many epochs, on so many threads of BLAS (None: on as many as there are)."""

    def run(n_epochs):
        model = our_model(cell, width, batch, n_epochs)
        with nullcontext() if n_threads is None else BLAS.limit(limits=n_threads):
            model.fit(X, y)
        if model.n_iter_ != n_epochs:
            raise RuntimeError(f"fit ended after {model.n_iter_} of {n_epochs} epochs: the time says nothing")

    return run


def epoch_seconds(fits, quick):
    """For each of `fits`, which take a number of epochs: seconds of an epoch, and of what is done once a fit."""
    n_rounds, at_least = (3, 0.02) if quick else (5, 0.4)
    runs, counts = [], []
    for fit in fits:
        fit(1)
        one, three = in_turns([lambda fit=fit: fit(1), lambda fit=fit: fit(3)], 1)
        count = max(1, round(at_least / max((three - one) / 2, 1e-4)))
        runs += [lambda fit=fit: fit(1), lambda fit=fit, count=count: fit(1 + count)]
        counts.append(count)
    seconds = in_turns(runs, n_rounds)
    epochs = [(long - short) / count for short, long, count in zip(seconds[::2], seconds[1::2], counts)]
    return epochs, [short - epoch for short, epoch in zip(seconds[::2], epochs)]


# -- fit and predict, beside the peers --------------------------------------------------------------------------------


def peers(threads):
    """torch, and a function that makes skorch's estimator of a torch module."""
    torch = import_torch()
    try:
        from skorch import NeuralNetRegressor
    except ImportError:
        sys.exit("This section compares with skorch, which is not installed: pip install skorch==1.4.0")
    torch.set_num_threads(int(threads))
    recurrent = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}

    class Net(torch.nn.Module):
        def __init__(self, cell, width):
            super().__init__()
            self.recurrent, self.readout = recurrent[cell](1, width, batch_first=True), torch.nn.Linear(width, 1)

        def forward(self, X):
            return self.readout(self.recurrent(X)[0][:, -1])

    def skorch_model(cell, width, n_epochs):
        return NeuralNetRegressor(
            Net,
            module__cell=cell,
            module__width=width,
            optimizer=torch.optim.Adam,
            lr=1e-3,
            batch_size=64,
            max_epochs=n_epochs,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
        )

    return torch, Net, skorch_model


def torch_fit(torch, net, X, y, n_epochs):
    """The shortest training loop in torch."""
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    X, y = torch.from_numpy(X), torch.from_numpy(y)[:, None]
    for _ in range(n_epochs):
        total = 0.0
        for index in torch.randperm(len(X)).split(64):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(net(X[index]), y[index])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(index)


def describe(threads):
    return f"{threads} thread{'s' * (int(threads) > 1)}"


def fit(quick, threads):
    torch, Net, skorch_model = peers(threads)
    n, n_epochs, n_rounds = (1000, 2, 1) if quick else (5000, 20, 3)
    row = table(
        f"fit: {n:,} float32 windows of 24 steps, H=32, batch 64, {n_epochs} epochs of Adam; s, {describe(threads)}",
        cell="<6", ours=">10.2f", skorch=">10.2f", torch=">10.2f", **{"skorch/ours": ">13.1f", "torch/ours": ">12.1f"},
    )  # fmt: skip
    X, y = (np.ascontiguousarray(values) for values in windows(n, 24))
    for cell in CELLS:
        fits = [
            our_fit(X, y, cell, 32, 64),
            lambda n_epochs, cell=cell: skorch_model(cell, 32, n_epochs).fit(X, y[:, None]),
            lambda n_epochs, cell=cell: torch_fit(torch, Net(cell, 32), X, y, n_epochs),
        ]
        for run in fits:
            run(1)
        ours, skorch, bare = in_turns([lambda run=run: run(n_epochs) for run in fits], n_rounds)
        row(cell, ours, skorch, bare, skorch / ours, bare / ours)


def predict(quick, threads):
    torch, _, skorch_model = peers(threads)
    row = table(
        f"predict: 1 and 10,000 float32 sequences of 24 steps, H=32; {describe(threads)}\n"
        "(skorch in batches of 64, its default; torch all at once)",
        cell="<6", sequences=">10,d", unit=">6", ours=">10.1f", skorch=">10.1f", torch=">10.1f",
        **{"skorch/ours": ">13.1f", "torch/ours": ">12.1f"},
    )  # fmt: skip
    X, y = (np.ascontiguousarray(values) for values in windows(10_000, 24))
    for cell in CELLS:
        ours = our_model(cell, 32, 64, 1).fit(X[:1000], y[:1000])
        skorch = skorch_model(cell, 32, 1).fit(X[:1000], y[:1000, None])
        net = skorch.module_.eval()

        def bare(X, net=net):
            with torch.inference_mode():
                return net(torch.from_numpy(X)).numpy()

        for some, unit, factor, n_calls, n_rounds in ((X[:1], "us", 1e6, 100, 15), (X, "ms", 1e3, 1, 9)):
            runs = [lambda of=of, some=some: of(some) for of in (ours.predict, skorch.predict, bare)]
            n_rounds = 2 if quick else n_rounds
            seconds = in_turns(runs, n_rounds, n_calls, warm_up=1 + n_calls // 10)
            scaled = [factor * value for value in seconds]
            row(cell, len(some), unit, *scaled, scaled[1] / scaled[0], scaled[2] / scaled[0])


# -- memory and disk --------------------------------------------------------------------------------------------------


def memory(quick):
    row = table(
        "memory: peak of a fit (rnn, 1 epoch, batch 200) above what the process had before it, X a view of a float32 "
        "series; MB",
        n=">10,d", T=">5d", H=">5d", solver=">8", X_if_copied=">13.0f", more=">8.1f",
    )  # fmt: skip
    for n, solver in ((10_000, "adam"), (1_000_000, "adam"), (10_000, "lbfgs"), (1_000_000, "lbfgs")):
        n = n // 10 if quick else n
        more = python(__file__, "--inside", "memory", str(n), "100", "16", solver, capture=True)
        row(n, 100, 16, solver, n * 100 * 4 / 1e6, float(more))


def memory_of(_, n, n_steps, width, solver):
    """Print the MB by which a fit raises the peak of this process."""
    X, y = windows(int(n), int(n_steps))
    model = our_model("rnn", int(width), 200, 1, solver=solver)
    model.fit(X[:10], y[:10])
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")  # the peak starts anew from what is in use now
    before = peak_mb()
    model.fit(X, y)
    print(peak_mb() - before)


def peak_mb():
    """The most memory that this process has had, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says includes, on Linux, the process that started this one
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1e3
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def install(quick):
    n_rounds = 1 if quick else 5
    row = table(f"import: in a fresh process, median of {n_rounds}; seconds", module="<15", seconds=">8.2f")
    code = "from time import perf_counter; t = perf_counter(); import {}; print(perf_counter() - t)"
    modules, seconds = ("sklearn", "sklearn_rnn", "torch"), []
    for n_round in range(1 + n_rounds):
        now = [float(python("-c", code.format(module), capture=True)) for module in modules]
        if n_round:  # the first reads from disk
            seconds.append(now)
    for module, taken in zip(modules, zip(*seconds)):
        row(module, median(taken))

    row = table("installed: files of the distributions alone, without byte code; MB", distributions="<36", MB=">8.1f")
    package = Path(sklearn_rnn.__file__).parent
    row("sklearn_rnn", megabytes(path for path in package.rglob("*") if path.is_file()))
    for group in (("numpy", "scipy", "scikit-learn", "pandas"), ("torch",), ("skorch",)):
        files = [path.locate() for name in group for path in metadata.files(name)]
        row(" + ".join(group), megabytes(files))


def megabytes(paths):
    return sum(os.path.getsize(path) for path in paths if "__pycache__" not in path.parts and path.exists()) / 1e6


# -- ours alone -------------------------------------------------------------------------------------------------------


def scaling(quick):
    row = table(
        "scaling: an epoch of fit, float32, batch 64, 1 thread; seconds, and log2 of the ratio to the row before\n"
        "(n at T=24, H=32; T at n=1000, H=32; H at n=256, T=20)",
        cell="<6", axis="<6", value=">7d", seconds=">11.4f", exponent=">10.2f",
    )  # fmt: skip
    shapes = {
        "n": [(n, 24, 32) for n in (1000, 2000, 4000, 8000)],
        "T": [(1000, n_steps, 32) for n_steps in (25, 50, 100, 200)],
        "H": [(256, 20, width) for width in (128, 256, 512)],
    }
    for cell in CELLS:
        for position, (axis, series) in enumerate(shapes.items()):
            series = series[: 2 if quick else None]
            fits = [our_fit(*windows(n, n_steps), cell, width, 64, n_threads=1) for n, n_steps, width in series]
            seconds, _ = epoch_seconds(fits, quick)
            for shape, now, before in zip(series, seconds, [None, *seconds]):
                row(cell, axis, shape[position], now, log2(now / before) if before else None)


def precision(quick):
    row = table(
        "precision: an epoch of fit on the same windows, 1 thread; ms",
        cell="<6", n=">6d", T=">4d", H=">5d", batch=">7d", float32=">10.2f", float64=">10.2f", **{"64/32": ">8.2f"},
    )  # fmt: skip
    for cell in CELLS:
        for n, n_steps, width, batch in ((2000, 24, 32, 64), (512, 24, 128, 128)):
            fits = [
                our_fit(*windows(n, n_steps, dtype), cell, width, batch, n_threads=1)
                for dtype in (np.float32, np.float64)
            ]
            (single, double), _ = epoch_seconds(fits, quick)
            row(cell, n, n_steps, width, batch, 1e3 * single, 1e3 * double, double / single)


def cores(quick):
    threads = max((library.num_threads for library in BLAS.lib_controllers), default=1)
    row = table(
        f"cores: a batch of fit, float32, with {threads} BLAS threads at its start (all) and with 1, and what is done "
        "once a fit; ms",
        cell="<6", batch=">6d", T=">5d", H=">5d", all=">10.2f", one=">10.2f", **{"one/all": ">9.2f"},
        once_all=">11.1f", once_one=">10.1f",
    )  # fmt: skip
    n_batches = 4
    shapes = ((32, 24, 32), (200, 24, 64), (128, 50, 128), (128, 50, 256))
    for cell in CELLS:
        for batch, n_steps, width in shapes[: 3 if quick else None]:
            X, y = windows(n_batches * batch, n_steps)
            fits = [our_fit(X, y, cell, width, batch, n_threads) for n_threads in (None, 1)]
            epochs, starts = epoch_seconds(fits, quick)
            both, one = (1e3 * seconds / n_batches for seconds in epochs)
            row(cell, batch, n_steps, width, both, one, one / both, 1e3 * starts[0], 1e3 * starts[1])


def padding(quick):
    n_epochs = 3 if quick else 50
    row = table(
        f"padding: share of the computed steps that are padding, mean of {n_epochs} epochs; %",
        data="<17", n=">6d", lengths=">9", batch=">7d", whole_batches=">15.1f", in_pieces=">11.1f",
    )  # fmt: skip
    rng = np.random.default_rng(0)
    ragged = {"uniform lengths": rng.integers(7, 30, size=270)}
    vowels = DATA / "japanese_vowels.npz" if DATA.is_dir() else DATA
    if vowels.exists():
        ragged["Japanese vowels"] = np.load(vowels)["lengths_train"]
    for name, lengths in ragged.items():
        n, ends = len(lengths), f"{lengths.min()}-{lengths.max()}"
        X = [np.zeros((length, 1), np.float32) for length in lengths]
        data = RNNRegressor()._prepare(X, np.zeros(n), None, reset=True)
        for batch in (16, 32):
            at = np.arange(batch, n, batch)
            whole, pieces = [], []
            for _ in range(n_epochs):
                whole += [data.batch(index) for index in np.split(rng.permutation(n), at)]
                pieces += [piece for some in data.batches(batch, rng, 1 << 20) for piece in some]
            row(name, n, ends, batch, 100 * wasted(whole), 100 * wasted(pieces))
    if not vowels.exists():
        print(f"(no {vowels}: the real data do not ship; SKLEARN_RNN_DATA names their folder)")


def wasted(batches):
    """Padded steps by computed steps."""
    computed = sum(batch.X.shape[0] * batch.X.shape[2] for batch in batches)
    valid = sum(
        batch.X.shape[0] * batch.X.shape[2] if batch.lengths is None else batch.lengths.sum() for batch in batches
    )
    return 1 - valid / computed


if __name__ == "__main__":
    main()
