"""A character language model: learn from a text, score it, write on in its manner.

    python examples/generate_text.py [picture.png] [--corpus FILE] [--quick]

Without a corpus of your own it reads the texts of Python's help system, which come with every Python. The last tenth of
the corpus is held out.

Five models: the recipe of a well-known article (a simple recurrent network of 100 tanh units, 25 steps of
back-propagation through time, Adagrad with rate 0.1, gradients clipped to [-5, 5], characters as 1 among zeros); and
with this package's defaults, but for the number of passes, one network for each cell that remembers: GRU, LSTM, and
two whose recurrence is elementwise, minGRU and IndRNN, which take three layers, since it is the layers above that mix
their units. The article reads one stream of text; by default the package reads 64 side by side.

The picture shows the loss on the held-out text after each pass, against the seconds that training has taken.
"""

import argparse
import re
from pathlib import Path
from time import perf_counter

import numpy as np

from sklearn_rnn import RNNTextGenerator

RECIPE = {
    "cell": "rnn",
    "hidden_layer_sizes": 100,
    "embedding_size": None,  # characters as 1 among zeros
    "bptt_steps": 25,
    "batch_size": 1,  # one stream
    "dropout": 0.0,
    "init": "normal",
    "init_scale": 0.01,
    "solver": "adagrad",
    "learning_rate": "constant",
    "learning_rate_init": 0.1,
    "clip_value": 5.0,
    "clip_norm": None,
}
MODELS = {
    "Recipe of the article": RECIPE,
    "LSTM": {"cell": "lstm"},
    "GRU": {"cell": "gru"},
    "minGRU, 3 layers": {"cell": "mingru", "hidden_layer_sizes": (256, 256, 256)},
    "IndRNN, 3 layers": {"cell": "indrnn", "hidden_layer_sizes": (256, 256, 256)},
}
PASSES = 5
QUICK = {"max_iter": 6, "bptt_steps": 32, "batch_size": 16}


def read_corpus(path):
    if path is not None:
        return path.read_text(encoding="utf-8")
    from pydoc_data.topics import topics

    return "\n".join(topics[name] for name in sorted(topics))


def timed_fit(model, text):
    start = perf_counter()
    model.fit(text)
    return perf_counter() - start


def known_words(written, text):
    """Share of the words that were written that occur in the text."""
    words, known = re.findall(r"[A-Za-z']+", written), set(re.findall(r"[A-Za-z']+", text))
    return np.mean([word in known for word in words]) if words else 0.0


def plot(models, path):
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("The picture needs matplotlib: pip install 'sklearn-rnn[examples]'") from error

    figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, (model, seconds) in models.items():
        times = np.arange(1, model.n_iter_ + 1) * seconds / model.n_iter_
        ax.plot(times, model.validation_loss_curve_, marker=".", label=name)
    ax.set(
        xlabel="seconds",
        ylabel="nats a character, held out",
        title="Learning to predict the next character",
        xlim=(0, None),
    )
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("picture", nargs="?", type=Path, default=Path(__file__).with_suffix(".png"))
    parser.add_argument("--corpus", type=Path, help="a text to learn from, in UTF-8")
    parser.add_argument("--quick", action="store_true", help="small networks, and a part of the text")
    arguments = parser.parse_args()

    text = read_corpus(arguments.corpus)
    if arguments.quick:
        text = text[:60_000]
    # All characters are known beforehand, also those of the last tenth. It is the end of the text that is held out.
    n_train = len(text) - int(0.1 * len(text))
    print(f"{len(text):,} characters, {len(set(text))} different ones; held out: the last {len(text) - n_train:,}.\n")

    models = {}
    for name, settings in MODELS.items():
        if arguments.quick:
            widths = np.atleast_1d(settings.get("hidden_layer_sizes", 256)) // 4
            settings = {**settings, **QUICK, "hidden_layer_sizes": widths}
        model = RNNTextGenerator(**{"max_iter": PASSES, **settings}, random_state=0)
        seconds = timed_fit(model, text)
        held_out = -model.score(text[n_train:])
        print(
            f"{name}: {model.n_iter_} passes in {seconds:.0f} s, {model.n_iter_ * n_train / seconds:,.0f} characters/s"
        )
        print(f"  held out: {held_out:.3f} nats a character, perplexity {np.exp(held_out):.2f}")
        models[name] = model, seconds

    model = models["GRU"][0]
    start = perf_counter()
    written = model.generate(500, prompt="\n", temperature=0.7, random_state=0)
    print(f"\n500 characters at temperature 0.7, {500 / (perf_counter() - start):,.0f} a second:\n")
    print(written)
    print(f"\nWords that occur in the text that was learnt: {known_words(written, text[:n_train]):.0%}")

    plot(models, arguments.picture)
    print(f"\nPicture: {arguments.picture}")


if __name__ == "__main__":
    main()
