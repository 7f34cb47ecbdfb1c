r"""
8b. A character language model: learn from a text, score it, write on in its manner
===================================================================================

Lesson 8a learnt one line by heart. Here networks learn from a text, and are judged by a part of it that they have not
read. ::

    python examples/generate_text.py [picture.png] [--corpus FILE] [--quick]

A language model gives each character a probability, given all before it. So it gives one to a whole text, and the loss
is what that costs a character:

.. math::

    P(c_1 \dots c_n) = \prod_t P(c_t \mid c_1 \dots c_{t-1}), \qquad
    L = -\frac{1}{n} \sum_t \ln P(c_t \mid c_1 \dots c_{t-1}) \text{ nats}, \qquad
    \text{perplexity} = e^L .

A perplexity of 8 is to be as unsure as if 8 characters were equally likely at every step.

Without a corpus of your own the networks read the texts of Python's help system, which come with every Python. The last
tenth of the corpus is held out. ``--quick``, with which this page is made for the documentation, reads 60,000
characters with networks a quarter as wide.
"""

import re
import sys
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np

from sklearn_rnn import RNNTextGenerator

quick = "--quick" in sys.argv or "ipykernel" in sys.modules  # as in a notebook
beside = Path(__file__).with_suffix(".png") if "__file__" in globals() else None
picture = next((word for word in sys.argv if word.endswith(".png")), beside)
corpus = sys.argv[sys.argv.index("--corpus") + 1] if "--corpus" in sys.argv else None

if corpus is None:
    from pydoc_data.topics import topics

    text = "\n".join(topics[name] for name in sorted(topics))
else:
    text = Path(corpus).read_text(encoding="utf-8")
if quick:
    text = text[:60_000]
# All characters are known beforehand, also those of the last tenth. It is the end of the
# text that is held out.
n_train = len(text) - int(0.1 * len(text))
print(
    f"{len(text):,} characters, {len(set(text))} different ones; held out: the last "
    f"{len(text) - n_train:,}."
)

# %%
# Five models
# -----------
#
# First the recipe of a well-known article: a simple recurrent network of 100 tanh units, 25 steps of back-propagation
# through time, Adagrad with rate 0.1, gradients clipped to [-5, 5], characters as 1 among zeros, and one stream of
# text.

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

# %%
# Then, with the package's defaults except for the number of passes, one network for each cell that remembers: GRU,
# LSTM, and two whose recurrence is elementwise, minGRU and IndRNN, which take three layers, since it is the layers
# above that mix their units. They read 64 parts of the text side by side; the state at the end of one update is where
# the next starts from.

MODELS = {
    "Recipe of the article": RECIPE,
    "LSTM": {"cell": "lstm"},
    "GRU": {"cell": "gru"},
    "minGRU, 3 layers": {"cell": "mingru", "hidden_layer_sizes": (256, 256, 256)},
    "IndRNN, 3 layers": {"cell": "indrnn", "hidden_layer_sizes": (256, 256, 256)},
}
PASSES = 5
QUICK = {"max_iter": 6, "bptt_steps": 32, "batch_size": 16}

models, seconds = {}, {}
for name, settings in MODELS.items():
    if quick:
        widths = np.atleast_1d(settings.get("hidden_layer_sizes", 256)) // 4
        settings = {**settings, **QUICK, "hidden_layer_sizes": widths}
    model = RNNTextGenerator(**{"max_iter": PASSES, **settings}, random_state=0)
    start = perf_counter()
    model.fit(text)
    seconds[name] = perf_counter() - start
    speed = model.n_iter_ * n_train / seconds[name]
    print(
        f"{name}: {model.n_iter_} passes in {seconds[name]:.0f} s, {speed:,.0f} "
        "characters/s"
    )
    held_out = -model.score(text[n_train:])
    print(
        f"  held out: {held_out:.3f} nats a character, perplexity {np.exp(held_out):.2f}"
    )
    models[name] = model

# %%
# The loss on the held-out text after each pass, against the seconds that training has taken.

STYLES = [
    ("0.55", "s-"),
    ("tab:orange", "^-"),
    ("black", "o-"),
    ("tab:blue", "D--"),
    ("tab:green", "v:"),
]
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for (name, model), (color, style) in zip(models.items(), STYLES, strict=True):
    times = np.arange(1, model.n_iter_ + 1) * seconds[name] / model.n_iter_
    ax.plot(
        times, model.validation_loss_curve_, style, color=color, markersize=5, label=name
    )
ax.set(
    title="Learning to predict the next character",
    xlabel="time of training (seconds)",
    ylabel="held-out loss (nats a character)",
    xlim=(0, None),
)
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)
if picture:
    figure.savefig(picture, dpi=110)
    print(f"Picture: {picture}")

# %%
# What comes next
# ---------------
#
# ``predict_proba`` gives the distribution that a prompt leads to. After a word that the text is full of, a trained
# network is nearly sure; after a space it cannot be.

model = models["GRU"]
characters = {column: character for character, column in model.vocabulary_.items()}
prompts = ["The docum", "the return val", "If the "]
for prompt, chances in zip(prompts, model.predict_proba(prompts), strict=True):
    best = np.argsort(chances)[::-1][:4]
    print(
        f"{prompt!r:18}", ", ".join(f"{characters[k]!r} {chances[k]:.2f}" for k in best)
    )

# %%
# To write is to draw from that distribution, to append what was drawn, and to go on. The temperature :math:`\tau`
# sharpens it, :math:`p_k \propto P_k^{1/\tau}`: below 1 the network writes what is likely, near 0 it goes in circles.


def known_words(written, text):
    """Share of the words that were written that occur in the text."""
    words, known = (
        re.findall(r"[A-Za-z']+", written),
        set(re.findall(r"[A-Za-z']+", text)),
    )
    return np.mean([word in known for word in words]) if words else 0.0


start = perf_counter()
written = model.generate(500, prompt="\n", temperature=0.7, random_state=0)
print(
    f"500 characters at temperature 0.7, {500 / (perf_counter() - start):,.0f} a second:\n"
)
print(written)
print(
    "\nWords that occur in the text that was learnt: "
    f"{known_words(written, text[:n_train]):.0%}"
)

# %%
# What to try
# -----------
#
# Write at temperatures of 0.2, 0.7, 1 and 1.5, and count the known words. Then ``analyzer="word"``: the same network
# over words and not characters. Why can its loss not be compared with the one above, and what could be?
