"""A fitted network in use: one window, a few hundred, and streams, beside PyTorch and ONNX Runtime.

    python tests/benchmarks/serving.py [--quick] [--only windows streams]

windows  float32 windows of 24 steps, width 32: `predict`, the same network as a graph in ONNX Runtime, and a module of
         PyTorch. One window at a time, and 500 at once.
streams  a step of 1, 64 and 1,000 float32 sequences side by side, width 64: `stream(n).step`, a hand-kept cell of
         PyTorch with a linear layer (nn.GRUCell), and its module told of one step with the state handed on (nn.GRU).

One thread each; what is compared runs in turns, and the median of the rounds is printed, in microseconds. The peers are
wanted: pip install torch==2.13.0 onnx onnxruntime.
"""

import argparse
import sys
import warnings
from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from step_speed import import_torch, print_machine
from whole_jobs import BLAS, CELLS, in_turns, our_model, table, windows

from sklearn_rnn import to_onnx


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few rounds, to see whether this works")
    sections = {"windows": of_windows, "streams": of_streams}
    parser.add_argument("--only", nargs="+", choices=sections, default=list(sections))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    torch = import_torch()
    torch.set_num_threads(1)
    print_machine(1)
    with BLAS.limit(limits=1), torch.inference_mode():
        for name in arguments.only:
            sections[name](torch, 2 if arguments.quick else 15)


def fitted(cell, width):
    X, y = (np.ascontiguousarray(values) for values in windows(1000, 24))
    return our_model(cell, width, 64, 1).fit(X, y), X


def of_windows(torch, n_rounds):
    try:
        import onnxruntime
    except ImportError:
        sys.exit("This section compares with ONNX Runtime, which is not installed: pip install onnx onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    row = table(
        "windows of 24 steps, H=32, 1 thread, us",
        cell="<8", n=">5d", ours=">10.1f", onnx_runtime=">14.1f", torch=">10.1f",
        **{"onnx/ours": ">11.2f", "torch/ours": ">12.2f"},
    )  # fmt: skip
    for cell in (*CELLS, "mingru"):
        model, X = fitted(cell, 32)
        graph = onnxruntime.InferenceSession(to_onnx(model).SerializeToString(), options)
        net, readout = module(torch, cell, 32), torch.nn.Linear(32, 1)
        for n, n_calls in ((1, 100), (500, 5)):
            some = X[:n]
            runs = [partial(model.predict, some), partial(graph.run, None, {"X": some})]
            if net is not None:
                runs.append(partial(by_whole, net, readout, torch.from_numpy(some)))
            ours, onnx, *others = (1e6 * seconds for seconds in in_turns(runs, n_rounds, n_calls, warm_up=10))
            other = others[0] if others else None
            row(cell, n, ours, onnx, other, onnx / ours, other and other / ours)


def module(torch, cell, width):
    kind = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}.get(cell)
    return None if kind is None else kind(1, width, batch_first=True)


def of_streams(torch, n_rounds):
    row = table(
        "streams: a step of n sequences side by side, H=64, 1 thread, us",
        cell="<8", n=">5d", ours=">10.1f", torch_cell=">12.1f", torch_module=">14.1f", steps_a_second=">16,.0f",
        **{"torch_cell/ours": ">17.2f"},
    )  # fmt: skip
    for cell in (*CELLS, "mingru", "indrnn"):
        model, _ = fitted(cell, 64)
        net, readout = module(torch, cell, 64), torch.nn.Linear(64, 1)
        kind = {"rnn": torch.nn.RNNCell, "gru": torch.nn.GRUCell, "lstm": torch.nn.LSTMCell}.get(cell)
        for n, n_calls in ((1, 100), (64, 50), (1000, 5)):
            x = np.random.default_rng(0).normal(size=(n, 1)).astype(np.float32)
            tensor, sequence = torch.from_numpy(x), torch.from_numpy(x[:, None])
            stream = model.stream(n)
            runs = [partial(stream.step, x)]
            if net is not None:
                runs += [by_cell(kind(1, 64), readout, tensor), by_module(net, readout, sequence)]
            ours, *others = (1e6 * seconds for seconds in in_turns(runs, n_rounds, n_calls, warm_up=10))
            of_cell, of_module = others or (None, None)
            row(cell, n, ours, of_cell, of_module, n * 1e6 / ours, of_cell and of_cell / ours)


def by_whole(net, readout, X):
    return readout(net(X)[0][:, -1]).numpy()


def by_cell(cell, readout, x):
    state = None

    def step():
        nonlocal state
        state = cell(x, state)
        return readout(state[0] if isinstance(state, tuple) else state).numpy()

    return step


def by_module(net, readout, x):
    state = None

    def step():
        nonlocal state
        H, state = net(x, state)
        return readout(H[:, -1]).numpy()

    return step


if __name__ == "__main__":
    main()
