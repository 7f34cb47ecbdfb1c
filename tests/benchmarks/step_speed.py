"""One training step, here, in PyTorch and in JAX on the CPU, for each cell and a range of shapes.

    python tests/benchmarks/step_speed.py [--quick] [--threads 1 2] [--cells rnn gru lstm mingru indrnn]

A step is what a fit does for each mini-batch: cut it out of the data by index, forward, backward, Adam. Ours is the
estimator's own loop (`Training.one_pass`), with L2 and clipping off; torch's is eager
nn.RNN, nn.GRU or nn.LSTM with a Linear on the last state, mean squared error and fused Adam; JAX's is one jitted
function: lax.scan with the input products taken out of the loop, gradient and Adam, compiled before the clock starts
(the seconds that took stand in a column of their own). All in float32, from the same arrays, in turns within one
process; each number of threads gets a process of its own, because BLAS reads its setting when it is loaded. With one
thread the process is also held to one core, since JAX knows no other limit.

PyTorch and JAX have no minimal GRU and no IndRNN, so here they are what a user would write: one product for all time
steps, then the scan h_t = c_t * h_{t-1} + v_t, differentiated by the framework. The scan is written in two ways, and
each is timed. Step by step: in torch a Python loop with one addcmul a step, in JAX lax.scan. As a tree, in log2(T)
rounds over all steps at once: in torch shifted slices, in JAX lax.associative_scan. (Several steps of IndRNN in a row
are h -> max(m, q + p h) with p > 0, as one is: so it is associative in spite of its relu.) torch/ours is of torch's
faster one. All start from our weights, and a check on a small shape sees that all put out the same.

The last table sets our own cells side by side: how many steps of minGRU and IndRNN one of LSTM takes, in turns.

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
FAR = [(32, 1000, 1, 64), (1, 1000, 1, 64)]  # for the cells that remember so much
AGAINST_LSTM = [(64, 100, 8, 64), (128, 50, 8, 128), (128, 100, 16, 256), *FAR]
GATES = {"rnn": 1, "gru": 3, "lstm": 4, "mingru": 2, "indrnn": 1}
SCAN_WEIGHTS = {"mingru": ("W_x", "b"), "indrnn": ("W_x", "nu", "b")}
SCANS = tuple(SCAN_WEIGHTS)  # the cells whose recurrence is elementwise
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
        measure(arguments.threads[0], arguments.quick, arguments.cells)
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


def measure(threads, quick, cells):
    """Print the tables for one number of threads, which the environment has set already."""
    if threads == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch, jax = import_torch(), import_jax()
    torch.set_num_threads(threads)
    print(f"\n{threads} thread{'s' * (threads > 1)}; ms a step, median of {N_ROUNDS} rounds; compile in seconds")
    scans = [cell for cell in cells if cell in SCANS]
    with threadpool_limits(threads, user_api="blas"):
        if len(scans) < len(cells):
            print_beside_peers(torch, jax, [cell for cell in cells if cell not in SCANS], quick, threads)
        if scans:
            check_scans(torch, jax)
            print_beside_peers(torch, jax, scans, quick, threads)
        if scans and threads == 1:
            print_against_lstm(scans, [shape for shape in AGAINST_LSTM if shape in QUICK] if quick else AGAINST_LSTM)


def print_beside_peers(torch, jax, cells, quick, threads):
    """One table: of cells that the peers have, or of those that stand in SCANS."""
    trees = cells[0] in SCANS
    peers = ["torch", "torch tree", "jax", "jax tree"] if trees else ["torch", "jax"]
    compiled = [peer for peer in peers if peer.startswith("jax")]
    compared = ["torch", "jax", "jax tree"] if trees else peers
    print(
        f"{'cell':<7}{'batch':>5}{'T':>6}{'F':>4}{'H':>5}{'ours':>9}"
        + "".join(f"{peer:>12}" for peer in peers)
        + f"{'compile':>9}" * len(compiled)
        + "".join(f"{peer + '/ours':>15}" for peer in compared)
        + f"{'products':>10}{'ours/products':>15}" * (threads == 1)
    )
    for cell in cells:
        ratios = {peer: [] for peer in compared}
        for shape in QUICK if quick else QUICK + LONG + FAR * trees:
            batch, n_steps, n_features, width = shape
            taken, compiling = compare(torch, jax, cell, *shape)
            for peer in compared:
                of_peer = min(taken["torch"], taken["torch tree"]) if trees and peer == "torch" else taken[peer]
                ratios[peer].append(of_peer / taken["ours"])
            print(
                f"{cell:<7}{batch:>5}{n_steps:>6}{n_features:>4}{width:>5}{1e3 * taken['ours']:>9.3f}"
                + "".join(f"{1e3 * taken[peer]:>12.3f}" for peer in peers)
                + "".join(f"{compiling[peer]:>9.1f}" for peer in compiled)
                + "".join(f"{of_peer[-1]:>15.2f}" for of_peer in ratios.values())
                + f"{1e3 * taken['products']:>10.3f}{taken['ours'] / taken['products']:>15.2f}" * (threads == 1),
                flush=True,
            )
        before = 29 + 12 * len(peers) + 9 * len(compiled)
        medians = "".join(f"{median(of_peer):>15.2f}" for of_peer in ratios.values())
        print(f"{cell:<7}{'median of the ratios':<{before}}{medians}")


def print_against_lstm(cells, shapes):
    """One table: our LSTM's step divided by our other cells' steps."""
    print("\nours: ms a step of LSTM, and that divided by a step of the same shape of the other cells")
    print(f"{'batch':>5}{'T':>6}{'F':>4}{'H':>5}{'lstm':>10}" + "".join(f"{'lstm/' + cell:>14}" for cell in cells))
    for batch, n_steps, n_features, width in shapes:
        X, y = make_data(batch, n_steps, n_features)
        taken = in_turns({cell: our_epochs(cell, X, y, batch, width) for cell in ["lstm", *cells]})
        print(
            f"{batch:>5}{n_steps:>6}{n_features:>4}{width:>5}{1e3 * taken['lstm']:>10.3f}"
            + "".join(f"{taken['lstm'] / taken[cell]:>14.2f}" for cell in cells),
            flush=True,
        )


def make_data(batch, n_steps, n_features):
    """An epoch of random sequences, and a target to learn."""
    X = np.random.default_rng(0).normal(size=(N_BATCHES * batch, n_steps, n_features)).astype(np.float32)
    return X, X[:, -1, 0] * X[:, -2, 0]


def compare(torch, jax, cell, batch, n_steps, n_features, width):
    """Median seconds a step by each, and the seconds that JAX compiled."""
    X, y = make_data(batch, n_steps, n_features)
    runs = {
        "ours": our_epochs(cell, X, y, batch, width),
        "torch": torch_epochs(torch, cell, X, y, batch, width),
        "products": products_alone(cell, batch, n_steps, n_features, width),
    }
    if cell in SCANS:
        runs["torch tree"] = torch_epochs(torch, cell, X, y, batch, width, tree=True)
    absent = {"jax": np.nan, "jax tree": np.nan}
    compiling = dict(absent)
    if jax is not None:
        for name in ("jax", "jax tree") if cell in SCANS else ("jax",):
            runs[name] = jax_epochs(jax, cell, X, y, batch, width, tree=name == "jax tree")
            compiling[name] = runs[name](1)
            compiling[name] -= runs[name](1)
    return absent | in_turns(runs), compiling


def in_turns(runs):
    """Median seconds a step of each."""
    n_epochs = {}
    for name, run in runs.items():
        run(1)
        n_epochs[name] = max(1, round(ROUND_SECONDS / run(1)))
    seconds = {name: [] for name in runs}
    for _ in range(N_ROUNDS):
        for name, run in runs.items():
            run(1)  # the other sides' threads may still be spinning, and their data fills the cache
            seconds[name].append(run(n_epochs[name]) / (n_epochs[name] * N_BATCHES))
    return {name: median(taken) for name, taken in seconds.items()}


def our_model(cell, batch, width):
    from sklearn_rnn import RNNRegressor

    # What is left open would follow from the length of the sequences.
    architecture = {"patch_size": 1, "bidirectional": False, "pooling": "last"}
    training = {"batch_size": batch, "alpha": 0.0, "learning_rate_init": 1e-3, "random_state": 0}
    return RNNRegressor(width, cell=cell, **architecture, **training)


def our_epochs(cell, X, y, batch, width):
    """A function that trains for so many epochs and returns the seconds that took."""
    from sklearn_rnn.core._cores import Cores

    model = our_model(cell, batch, width)
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


def our_start(cell, X, y, batch, width):
    """A model that has its first weights, and these by name, without the layer's number."""
    # As no sequence weighs anything, nothing moves.
    model = our_model(cell, batch, width).partial_fit(X, y, sample_weight=np.zeros(len(X)))
    return model, {name.removesuffix("_l0"): W.copy() for name, W in model.weights_.items()}


def check_scans(torch, jax):
    """That the peers' versions of the cells that they do not have put out what ours do, from the same weights."""
    X, y = make_data(2, 70, 3)
    for cell in SCANS:
        model, weights = our_start(cell, X, y, 2, 4)
        weights_torch = {name: torch.from_numpy(W) for name, W in weights.items()}
        for tree in (False, True):
            h = torch_last_state(torch, cell, weights_torch, torch.from_numpy(X), tree).numpy()
            outputs = {"torch": h @ weights["W_o"].T + weights["b_o"]}
            if jax is not None:
                h = np.asarray(jax_last_state(jax, cell, weights, X, tree))
                outputs["jax"] = h @ weights["W_o"].T + weights["b_o"]
            for peer, O in outputs.items():
                np.testing.assert_allclose(O[:, 0], model.predict(X), rtol=0, atol=1e-5, err_msg=f"{cell}, {peer}")


def torch_epochs(torch, cell, X, y, batch, width, tree=False):
    """The same in torch."""
    torch.manual_seed(0)
    readout = torch.nn.Linear(width, 1)
    if cell in SCANS:
        weights = our_start(cell, X, y, batch, width)[1]
        weights = {name: torch.nn.Parameter(torch.from_numpy(weights[name])) for name in SCAN_WEIGHTS[cell]}
        last_state, parameters = partial(torch_last_state, torch, cell, weights, tree=tree), weights.values()
    else:
        recurrent = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell](
            X.shape[2], width, batch_first=True
        )
        last_state, parameters = lambda X: recurrent(X)[0][:, -1], recurrent.parameters()
    optimizer = torch.optim.Adam([*parameters, *readout.parameters()], lr=1e-3, fused=True)
    X, y = torch.from_numpy(X), torch.from_numpy(y)[:, None]

    def run(n_epochs):
        start = perf_counter()
        for _ in range(n_epochs):
            total = 0.0
            for index in torch.randperm(len(X)).split(batch):
                optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(readout(last_state(X[index])), y[index])
                loss.backward()
                optimizer.step()
                total += loss.item() * len(index)
        return perf_counter() - start

    return run


def torch_last_state(torch, cell, weights, X, tree):
    """The state after the last step of a cell that torch does not have, from weights of our shapes and X (N, T, F)."""
    A = torch.nn.functional.linear(X.transpose(0, 1), weights["W_x"], weights["b"])
    n_steps = len(A)
    if cell == "mingru":
        a_z, a_n = A.chunk(2, dim=2)
        z = torch.sigmoid(a_z)
        c, v = 1 - z, z * torch.tanh(a_n)
        if not tree:
            h = torch.zeros_like(v[0])
            for c_t, v_t in zip(c.unbind(), v.unbind()):
                h = torch.addcmul(v_t, c_t, h)
            return h
        step = 1
        while step < n_steps:
            v = torch.cat([v[:step], torch.addcmul(v[step:], c[step:], v[:-step])])
            c = torch.cat([c[:step], c[step:] * c[:-step]])
            step *= 2
        return v[-1]
    u = torch.exp(-torch.exp(weights["nu"]))
    v = A * torch.sqrt(1 - u * u)
    if not tree:
        h = torch.zeros_like(v[0])
        for v_t in v.unbind():
            h = torch.relu(torch.addcmul(v_t, u, h))
        return h
    m, step = torch.zeros_like(v), 1
    while step < n_steps:
        m = torch.cat([m[:step], torch.maximum(m[step:], torch.addcmul(v[step:], u, m[:-step]))])
        v = torch.cat([v[:step], torch.addcmul(v[step:], u, v[:-step])])
        u, step = u * u, 2 * step
    return torch.maximum(m[-1], v[-1])


def jax_last_state(jax, cell, weights, X, tree):
    """The same in JAX."""
    jnp = jax.numpy
    A = X.transpose(1, 0, 2) @ weights["W_x"].T + weights["b"]
    start = jnp.zeros((A.shape[1], len(weights["b"]) // GATES[cell]), A.dtype)
    if cell == "mingru":
        a_z, a_n = jnp.split(A, 2, axis=2)
        z = jax.nn.sigmoid(a_z)
        c, v = 1 - z, z * jnp.tanh(a_n)
        if not tree:
            return jax.lax.scan(lambda h, cv: (cv[0] * h + cv[1], None), start, (c, v))[0]
        return jax.lax.associative_scan(lambda f, g: (f[0] * g[0], g[0] * f[1] + g[1]), (c, v))[1][-1]
    u = jnp.exp(-jnp.exp(weights["nu"]))
    v = A * jnp.sqrt(1 - u * u)
    if not tree:
        return jax.lax.scan(lambda h, v: (jax.nn.relu(u * h + v), None), start, v)[0]

    def one_after_another(f, g):
        (m_f, q_f, p_f), (m_g, q_g, p_g) = f, g
        return jnp.maximum(m_g, q_g + p_g * m_f), q_g + p_g * q_f, p_g * p_f

    p = jnp.broadcast_to(u, (len(v), 1, len(u)))
    m, q, _ = jax.lax.associative_scan(one_after_another, (jnp.zeros_like(v), v, p))
    return jnp.maximum(m[-1], q[-1])


def jax_epochs(jax, cell, X, y, batch, width, tree=False):
    """The same in JAX."""
    jnp = jax.numpy
    rng, gates, n_features = np.random.default_rng(0), GATES[cell], X.shape[2]
    shapes = {"W_x": (n_features, gates * width), "W_h": (width, gates * width), "W_o": (width, 1)}
    weights = {name: jnp.asarray(rng.uniform(-1, 1, shape) / width**0.5, "float32") for name, shape in shapes.items()}
    weights.update(b=jnp.zeros(gates * width), b_hn=jnp.zeros(width), b_o=jnp.zeros(1))
    if cell in SCANS:
        ours = our_start(cell, X, y, batch, width)[1]
        weights = {name: weights[name] for name in ("W_o", "b_o")}
        weights.update({name: jnp.asarray(ours[name]) for name in SCAN_WEIGHTS[cell]})

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

    def last_state(weights, X):
        if cell in SCANS:
            return jax_last_state(jax, cell, weights, X, tree)
        A = X.transpose(1, 0, 2) @ weights["W_x"] + weights["b"]
        start = jnp.zeros((len(X), width), "float32")
        return jax.lax.scan(partial(advance, weights["W_h"], weights["b_hn"]), (start, start), A)[0][0]

    def loss(weights, X, y):
        h = last_state(weights, X)
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
    from sklearn_rnn.core._blas import at_all_steps, outer, product

    rng = np.random.default_rng(0)
    rows, inner = GATES[cell] * width, n_features + 1 + width * (cell not in SCANS)

    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    A, dh = normal(n_steps, rows, batch), normal(1, width, batch)
    W = normal(rows, inner)
    times_W, forward = product(W, A)
    times_W_hT, (backward,) = product(normal(width, rows), dh)
    Z = normal(n_steps, inner, batch)
    dA_rows, Z_rows = normal(rows, n_steps * batch), normal(inner, n_steps * batch)
    columns = max(256, batch)

    def run(n_epochs):
        start = perf_counter()
        for _ in range(N_BATCHES * n_epochs):
            if cell in SCANS:  # nothing comes back through a product, as there is no layer below
                at_all_steps(W, Z, A)
            else:
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
