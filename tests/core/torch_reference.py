"""What PyTorch computes, under this package's names: the reference for `test_golden.py` and `parity_torch.py`.

A configuration is a string of five words joined by slashes::

    cell      rnn_tanh, rnn_relu, gru, lstm; mingru, indrnn
    layers    1, 2
    direction forward, bidirectional
    lengths   equal, ragged          (ragged goes through a packed sequence)
    mapping   many-to-one, many-to-many, tokens

"tokens" is a language model: numbers of tokens in, an embedding, and log-loss of a token at every step.

torch has neither mingru nor indrnn: they are written here, as their equations stand, and differentiated by torch. The
recorded file is without them.

Run as a script, this file records tests/core/golden/torch.npz, which the tests read where torch is not installed::

    python tests/core/torch_reference.py
"""

from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

GOLDEN = Path(__file__).parent / "golden" / "torch.npz"
N_OUTPUTS = 2
N_TOKENS = 7


def _configurations(*cells: str) -> list[str]:
    words = (
        cells,
        ("1", "2"),
        ("forward", "bidirectional"),
        ("equal", "ragged"),
        ("many-to-one", "many-to-many", "tokens"),
    )
    return ["/".join(configuration) for configuration in product(*words)]


CONFIGURATIONS = _configurations("rnn_tanh", "rnn_relu", "gru", "lstm")
ELEMENTWISE_CONFIGURATIONS = _configurations("mingru", "indrnn")


class ElementwiseRNN(nn.Module):
    """Cells that torch does not have, in float64: layers, directions and lengths as in nn.RNN, weights as ours."""

    def __init__(self, cell: str, n_features: int, width: int, n_layers: int, bidirectional: bool):
        super().__init__()
        self.cell, self.width, self.num_layers, self.bidirectional = cell, width, n_layers, bidirectional
        self.directions = ("", "_reverse") if bidirectional else ("",)
        self.weights = nn.ParameterDict()
        for layer in range(n_layers):
            for suffix in (f"_l{layer}{direction}" for direction in self.directions):
                rows = width * (2 if cell == "mingru" else 1)
                self.weights["W_x" + suffix] = torch.randn(rows, n_features, dtype=torch.float64)
                if cell == "indrnn":
                    self.weights["nu" + suffix] = torch.randn(width, dtype=torch.float64) - 1
                self.weights["b" + suffix] = torch.randn(rows, dtype=torch.float64)
            n_features = width * len(self.directions)

    def _run(self, X: torch.Tensor, suffix: str) -> torch.Tensor:
        """One layer in one direction: X (N, T, F) to states (N, T, H)."""
        W_x, b = self.weights["W_x" + suffix], self.weights["b" + suffix]
        h, states = X.new_zeros(len(X), self.width), []
        for x in X.unbind(dim=1):
            a = x @ W_x.T + b
            if self.cell == "mingru":
                z, n = torch.sigmoid(a[:, : self.width]), torch.tanh(a[:, self.width :])
                h = (1 - z) * h + z * n
            else:
                u = torch.exp(-torch.exp(self.weights["nu" + suffix]))
                h = torch.relu(u * h + torch.sqrt(1 - u**2) * a)
            states.append(h)
        return torch.stack(states, dim=1)

    def forward(self, X: torch.Tensor, lengths: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """States of the last layer (N, T, D), and those that each direction ends with, joined (N, D)."""
        steps, n_valid = torch.arange(X.shape[1]), torch.as_tensor(lengths)[:, None]
        backwards = torch.where(steps < n_valid, n_valid - 1 - steps, steps)  # inside each sequence's own length
        of_each, last = torch.arange(len(X)), torch.as_tensor(lengths) - 1
        for layer in range(self.num_layers):
            outputs, ends = [], []
            for direction in self.directions:
                order = backwards if direction else steps.expand(len(X), -1)
                H = self._run(X[of_each[:, None], order], f"_l{layer}{direction}")
                ends.append(H[of_each, last])
                outputs.append(H[of_each[:, None], order])
            X = torch.cat(outputs, dim=2)
        return X, torch.cat(ends, dim=1)


def make_recurrent(cell: str, n_features: int, width: int, n_layers: int, bidirectional: bool) -> nn.Module:
    """torch's module for one of our cells, in float64, with torch's own starting weights."""
    if cell in ("mingru", "indrnn"):
        return ElementwiseRNN(cell, n_features, width, n_layers, bidirectional)
    options = {"num_layers": n_layers, "bidirectional": bidirectional, "batch_first": True, "dtype": torch.float64}
    if cell.startswith("rnn_"):
        return nn.RNN(n_features, width, nonlinearity=cell.removeprefix("rnn_"), **options)
    return {"gru": nn.GRU, "lstm": nn.LSTM}[cell](n_features, width, **options)


def recurrent_weights(recurrent: nn.Module, of_gradient: bool = False) -> dict[str, np.ndarray]:
    """The weights of a torch module, or their gradients, under our names.

    torch adds two biases, bias_ih and bias_hh, where we have their sum b, so that the gradient of b is that of either.
    The candidate of a GRU needs them apart: there b is bias_ih and b_hn is bias_hh.
    """
    if isinstance(recurrent, ElementwiseRNN):
        return {name: (p.grad if of_gradient else p.detach()).numpy().copy() for name, p in recurrent.weights.items()}
    named = {}
    directions = ("", "_reverse") if recurrent.bidirectional else ("",)
    for suffix in (f"_l{layer}{direction}" for layer in range(recurrent.num_layers) for direction in directions):
        W_x, W_h, b_ih, b_hh = (
            (p.grad if of_gradient else p.detach()).numpy().copy()
            for p in (getattr(recurrent, kind + suffix) for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        )
        b = b_ih.copy() if of_gradient else b_ih + b_hh
        named.update({"W_x" + suffix: W_x, "W_h" + suffix: W_h, "b" + suffix: b})
        if isinstance(recurrent, nn.GRU):
            candidate = slice(2 * recurrent.hidden_size, None)
            b[candidate] = b_ih[candidate]
            named["b_hn" + suffix] = b_hh[candidate]
    return named


def set_recurrent_weights(recurrent: nn.Module, weights: dict[str, np.ndarray]) -> None:
    """The way back: our b goes to bias_ih, and bias_hh is zero but for a GRU's b_hn."""
    with torch.no_grad():
        if isinstance(recurrent, ElementwiseRNN):
            for name, p in recurrent.weights.items():
                p.copy_(torch.as_tensor(weights[name]))
            return
        for name, p in recurrent.named_parameters():
            kind, suffix = name.split("_l", 1)
            suffix = "_l" + suffix
            if kind == "bias_hh":
                p.zero_()
                if "b_hn" + suffix in weights:
                    p[2 * recurrent.hidden_size :] = torch.as_tensor(weights["b_hn" + suffix])
            else:
                ours = {"weight_ih": "W_x", "weight_hh": "W_h", "bias_ih": "b"}[kind]
                p.copy_(torch.as_tensor(weights[ours + suffix]))


def run_recurrent(recurrent: nn.Module, X: torch.Tensor, lengths: np.ndarray | None):
    """States of the last layer (N, T, D), and what torch calls h_n of the last layer, directions joined (N, D)."""
    if isinstance(recurrent, ElementwiseRNN):
        return recurrent(X, np.full(len(X), X.shape[1]) if lengths is None else lengths)
    if lengths is None:
        H, last = recurrent(X)
    else:
        packed = pack_padded_sequence(X, torch.as_tensor(lengths), batch_first=True, enforce_sorted=False)
        H, last = recurrent(packed)
        H, _ = pad_packed_sequence(H, batch_first=True, total_length=X.shape[1])
    h_n = last[0] if isinstance(recurrent, nn.LSTM) else last
    n_directions = 2 if recurrent.bidirectional else 1
    return H, torch.cat(list(h_n[-n_directions:]), dim=1)


def pool(pooling: str, H: torch.Tensor, h_n: torch.Tensor, valid: torch.Tensor, attention: dict) -> torch.Tensor:
    """What a many-to-one readout sees, (N, D), written with torch's operations; valid is (N, T)."""
    if pooling == "last":
        return h_n
    if pooling == "mean":
        return (H * valid[:, :, None]).sum(dim=1) / valid.sum(dim=1)[:, None]
    if pooling == "max":
        return H.masked_fill(~valid[:, :, None], -torch.inf).max(dim=1).values
    e = torch.tanh(H @ attention["W_a"].T) @ attention["v_a"][0]
    a = torch.softmax(e.masked_fill(~valid, -torch.inf), dim=1)
    return (a[:, :, None] * H).sum(dim=1)


def make_reference(
    configuration: str,
    *,
    n_features: int = 3,
    width: int = 4,
    n_steps: int = 6,
    n_sequences: int = 5,
    seed: int = 0,
    pooling: str = "last",
) -> dict:
    """Inputs, weights and all that torch makes of them, in float64.

    Returns
    -------
    dict of
        X (N, T, F); lengths (N,) or None; Y and outputs (N, 2), or (N, T, 2) with a target at every step;
        loss, half the squared error averaged over outputs and summed over sequences or valid steps;
        weights and gradient, dicts of arrays under our names.
        Tokens: X and Y (N, T, 1), numbers below 7; outputs (N, T, 7); loss, the log-loss summed over valid steps.

    X and Y depend on seed, sizes and the mapping alone, weights also on cell, layers, direction and pooling.
    Padded steps of X hold numbers like the others: they must not matter.
    """
    cell, n_layers, direction, lengths_kind, mapping = configuration.split("/")
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_sequences, n_steps, n_features))
    reads_tokens = mapping == "tokens"
    n_outputs = N_TOKENS if reads_tokens else N_OUTPUTS
    drawn = rng.integers(1, n_steps, n_sequences)
    if n_sequences > 1:
        drawn[1] = n_steps  # not the first: the lengths must not come sorted
    lengths = drawn if lengths_kind == "ragged" else None
    per_step = mapping != "many-to-one"
    Y = rng.normal(size=(n_sequences, n_steps, N_OUTPUTS) if per_step else (n_sequences, N_OUTPUTS))
    if reads_tokens:
        X, Y = rng.integers(N_TOKENS, size=(2, n_sequences, n_steps, 1))
    n_valid = np.full(n_sequences, n_steps) if lengths is None else lengths
    valid = torch.as_tensor(np.arange(n_steps) < n_valid[:, None])

    torch.manual_seed(seed)
    recurrent = make_recurrent(cell, n_features, width, int(n_layers), direction == "bidirectional")
    n_states = width * (2 if direction == "bidirectional" else 1)
    others = {}
    if pooling == "attention":
        others.update(W_a=torch.randn(n_states, n_states), v_a=torch.randn(1, n_states))
    others.update(W_o=torch.randn(n_outputs, n_states), b_o=torch.randn(n_outputs))
    if reads_tokens:
        others["E"] = torch.randn(N_TOKENS, n_features)
    others = {name: W.double().requires_grad_() for name, W in others.items()}

    inputs = nn.functional.embedding(torch.as_tensor(X[..., 0]), others["E"]) if reads_tokens else torch.as_tensor(X)
    H, h_n = run_recurrent(recurrent, inputs, lengths)
    P = H if per_step else pool(pooling, H, h_n, valid, others)
    outputs = nn.functional.linear(P, others["W_o"], others["b_o"])
    if reads_tokens:
        loss_of_each = nn.functional.cross_entropy(outputs.mT, torch.as_tensor(Y[..., 0]), reduction="none")
    else:
        loss_of_each = 0.5 * ((outputs - torch.as_tensor(Y)) ** 2).mean(dim=-1)
    loss = loss_of_each[valid].sum() if per_step else loss_of_each.sum()
    loss.backward()
    return {
        "X": X,
        "lengths": lengths,
        "Y": Y,
        "outputs": outputs.detach().numpy(),
        "loss": loss.item(),
        "weights": {
            **recurrent_weights(recurrent),
            **{name: W.detach().numpy() for name, W in others.items()},
        },
        "gradient": {
            **recurrent_weights(recurrent, of_gradient=True),
            **{name: W.grad.numpy() for name, W in others.items()},
        },
    }


def _as_record(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Named arrays as one structured scalar: an npz entry for each would be mostly headers."""
    record = np.zeros((), [(name, "<f8", array.shape) for name, array in arrays.items()])
    for name, array in arrays.items():
        record[name] = array
    return record


def record_golden() -> None:
    """Write all configurations at the default sizes to GOLDEN. What several share is stored once."""
    stored = {"torch_version": torch.__version__, "configurations": CONFIGURATIONS}
    for configuration in CONFIGURATIONS:
        *net, lengths_kind, mapping = configuration.split("/")
        inputs = "tokens" if mapping == "tokens" else "numbers"
        reference = make_reference(configuration)
        stored[f"X/{inputs}"] = reference["X"]
        stored[f"lengths/{lengths_kind}"] = [] if reference["lengths"] is None else reference["lengths"]
        stored[f"Y/{mapping}"] = reference["Y"]
        stored["/".join(("weights", *net, inputs))] = _as_record(reference["weights"])
        stored[f"gradient/{configuration}"] = _as_record(reference["gradient"])
        stored[f"outputs/{configuration}"] = reference["outputs"]
        stored[f"loss/{configuration}"] = reference["loss"]
    GOLDEN.parent.mkdir(exist_ok=True)
    np.savez_compressed(GOLDEN, **stored)
    print(f"torch {torch.__version__}: {len(CONFIGURATIONS)} configurations, {GOLDEN.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    record_golden()
