"""RNNTextGenerator: a language model over characters or words, which scores text and writes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from numbers import Integral, Real
from typing import Literal, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ._base import all_or_nothing
from ._classifier import RNNSequenceClassifier
from ._hyperparameters import CONSTRAINTS
from ._params import Arena
from ._solvers import max_iter_is_no_warning

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
# Tokens that are scored at once, each such piece after so many that its state comes from.
_PIECE, _BEFORE = 1024, 256
_MOST_PROBABILITIES = 1 << 25


class _NextToken(RNNSequenceClassifier):
    """A classifier of the next token at every step, of sequences of token numbers (n, T, 1)."""

    n_tokens: int
    embedding_size: int | None

    def _describe_net(self, n_inputs):
        net = super()._describe_net(n_inputs)
        size = self.embedding_size
        return {**net, "n_inputs": size or self.n_tokens, "n_tokens": self.n_tokens, "one_hot": size is None}


class RNNTextGenerator(BaseEstimator):
    """Recurrent network that reads text token by token and predicts the next one.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(256,)
        Number of hidden units of each recurrent layer; an int is one layer.

    analyzer : {"char", "word"} or callable, default="char"
        What a token is: a character; a word, or a run of punctuation marks; or what the callable makes of a text, a
        list of str.

    vocabulary : iterable of str, default=None
        All tokens that may occur; None takes those of the text that is fitted.

    handle_unknown : {"error", "ignore"}, default="error"
        What to do with tokens that are not in the vocabulary: name them in an error; or let one token stand for all of
        them, which is neither scored nor generated.

    cell : {"rnn", "gru", "lstm"}, default="lstm"

    embedding_size : int or None, default=64
        Length of the vector that stands for each token, and is learnt. None: a 1 in its place among zeros.

    bptt_steps : int, default=64
        Tokens through which back-propagation goes; the state is carried on from one such stretch to the next.

    batch_size : int, default=64
        Streams into which the text is cut, to be read side by side. Fewer for a short text.

    dropout, init, init_scale, solver, learning_rate, learning_rate_init, learning_rate_decay, clip_norm, clip_value, \
alpha, max_iter, early_stopping, n_iter_no_change, tol, verbose, random_state
        As in RNNSequenceClassifier, with other defaults: solver="adam", learning_rate="cosine",
        learning_rate_init=0.004, max_iter=8 (passes over the text), alpha=0.

    validation_fraction : float in [0, 1), default=0.1
        Last part of the text that is held out, to record `validation_loss_curve_` or to stop early by.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        The number of each token.
    separator : str
        What joins generated tokens: "" for characters, otherwise " ".
    loss_curve_, validation_loss_curve_ : list of float
        Nats a token of each pass. On held-out text every stream starts without a past, so `score` is a little better.
    n_iter_ : int
        Passes over the text.
    weights_ : dict of str to ndarray
        As in RNNSequenceClassifier, and the embedding ``E`` (n_tokens, embedding_size).

    Examples
    --------
    >>> from sklearn_rnn import RNNTextGenerator
    >>> text = "the cat sat on the mat. " * 200
    >>> model = RNNTextGenerator(32, embedding_size=8, batch_size=8, bptt_steps=24, max_iter=30, random_state=0)
    >>> model.fit(text).generate(19, prompt="the cat sat", temperature=0)
    ' on the mat. the ca'
    >>> bool(model.perplexity(text) < 1.3)
    True
    """

    _parameter_constraints = {
        **{
            name: CONSTRAINTS[name]
            for name in (
                "hidden_layer_sizes cell dropout init init_scale solver learning_rate learning_rate_init "
                "learning_rate_decay clip_norm clip_value alpha max_iter early_stopping n_iter_no_change tol verbose "
                "random_state"
            ).split()
        },
        "solver": [StrOptions({"adam", "sgd", "adagrad", "rmsprop"})],
        "analyzer": [StrOptions({"char", "word"}), callable],
        "vocabulary": ["array-like", set, None],
        "handle_unknown": [StrOptions({"error", "ignore"})],
        "embedding_size": [Interval(Integral, 1, None, closed="left"), None],
        "bptt_steps": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (256,),
        *,
        analyzer: Literal["char", "word"] | Callable[[str], list[str]] = "char",
        vocabulary: Iterable[str] | None = None,
        handle_unknown: Literal["error", "ignore"] = "error",
        cell: str = "lstm",
        embedding_size: int | None = 64,
        bptt_steps: int = 64,
        batch_size: int = 64,
        dropout: float = 0.0,
        init: str = "orthogonal",
        init_scale: float = 0.1,
        solver: str = "adam",
        learning_rate: str = "cosine",
        learning_rate_init: float = 0.004,
        learning_rate_decay: float = 0.01,
        clip_norm: float | None = 5.0,
        clip_value: float | None = None,
        alpha: float = 0.0,
        max_iter: int = 8,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 3,
        tol: float = 0.0,
        verbose: bool | int = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.analyzer = analyzer
        self.vocabulary = vocabulary
        self.handle_unknown = handle_unknown
        self.cell = cell
        self.embedding_size = embedding_size
        self.bptt_steps = bptt_steps
        self.batch_size = batch_size
        self.dropout = dropout
        self.init = init
        self.init_scale = init_scale
        self.solver = solver
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.learning_rate_decay = learning_rate_decay
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.alpha = alpha
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state

    # -- tokens -----------------------------------------------------------------------------------------------------

    @property
    def separator(self) -> str:
        """What joins generated tokens."""
        return "" if self.analyzer == "char" else " "

    def _tokens(self, text: str | Iterable[str], name: str = "text") -> list[str]:
        if not isinstance(text, str):
            texts = list(text) if isinstance(text, Iterable) else [text]
            if not all(isinstance(part, str) for part in texts):
                raise TypeError(f"{name} must be a str or a list of str, got {type(text).__name__}.")
            text = "\n".join(texts)
        if self.analyzer == "char":
            return list(text)
        if self.analyzer == "word":
            return re.findall(r"\w+|[^\w\s]+", text)
        tokens = list(self.analyzer(text))
        if not all(isinstance(token, str) for token in tokens):
            raise TypeError(f"analyzer must return a list of str, got {tokens[:3]!r} among them.")
        return tokens

    def _find_vocabulary(self, tokens: list[str]) -> dict[str, int]:
        known = sorted(set(tokens if self.vocabulary is None else self.vocabulary) - {UNKNOWN})
        if self.handle_unknown == "ignore":
            known.append(UNKNOWN)
        if len(known) < 3:
            raise ValueError(f"There must be at least 3 different tokens to learn from, got {known}.")
        return {token: number for number, token in enumerate(known)}

    def _numbers(self, tokens: list[str], name: str = "text") -> np.ndarray:
        if self.handle_unknown == "error" or UNKNOWN not in self.vocabulary_:
            unknown = sorted(set(tokens) - self.vocabulary_.keys())
            if unknown:
                raise ValueError(
                    f"{name} holds {len(unknown)} token(s) that were not fitted: {', '.join(map(repr, unknown[:20]))}. "
                    "Leave them out, or fit with vocabulary=, or with handle_unknown='ignore'."
                )
        other = self.vocabulary_.get(UNKNOWN, -1)
        return np.array([self.vocabulary_.get(token, other) for token in tokens], dtype=np.intp)

    # -- fitting ----------------------------------------------------------------------------------------------------

    def _streams(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tokens and those that follow them, (n_streams, T, 1) and (n_streams, T); what is left over is left out."""
        n_pairs = len(numbers) - 1
        n_streams = max(1, min(self.batch_size, n_pairs // (2 * self.bptt_steps)))
        n_steps = n_pairs // n_streams
        X = numbers[: n_streams * n_steps].reshape(n_streams, n_steps, 1)
        return X.astype(np.float32), numbers[1 : n_streams * n_steps + 1].reshape(n_streams, n_steps)

    def _new_net(self) -> _NextToken:
        names = (
            "hidden_layer_sizes cell bptt_steps batch_size dropout init init_scale solver learning_rate "
            "learning_rate_init learning_rate_decay clip_norm clip_value alpha max_iter early_stopping "
            "n_iter_no_change tol verbose random_state"
        )
        net = _NextToken(mapping="many-to-many", **{name: getattr(self, name) for name in names.split()})
        net.n_tokens, net.embedding_size = len(self.vocabulary_), self.embedding_size
        if not self.early_stopping:
            net.n_iter_no_change = self.max_iter + 1  # all passes are made
        return net

    def fit(self, text: str | Iterable[str], y: object = None) -> Self:
        """Learn from a text.

        Parameters
        ----------
        text : str, or list of str
            A list is joined by newlines.
        y : ignored

        Returns
        -------
        self : object
        """
        self._validate_params()
        tokens = self._tokens(text)
        with all_or_nothing(self):
            self.vocabulary_ = self._find_vocabulary(tokens)
            numbers = self._numbers(tokens)
            n_train = len(numbers) - int(self.validation_fraction * len(numbers))
            if n_train < 2:
                raise ValueError(f"The text has {len(numbers)} token(s), too few to learn from.")
            validation = {}
            if len(numbers) - n_train >= 2:
                validation = dict(zip(("X_val", "y_val"), self._streams(numbers[n_train:])))
            elif self.early_stopping:
                raise ValueError(
                    f"early_stopping holds out the last {self.validation_fraction:.0%} of the text, which has only "
                    f"{len(numbers)} tokens. Set early_stopping=False, or a larger validation_fraction."
                )
            self._frequencies = np.bincount(numbers[:n_train], minlength=len(self.vocabulary_)) / n_train
            net = self._new_net()
            X, labels = self._streams(numbers[:n_train])
            net._declared_classes = np.arange(len(self.vocabulary_))
            with max_iter_is_no_warning():  # a language model makes as many passes as it is told to
                net.fit(X, labels, **validation)
            del net._declared_classes
            self._net = net
        return self

    def partial_fit(self, text: str | Iterable[str], y: object = None) -> Self:
        """One pass over a text, going on from where the last call ended.

        Parameters
        ----------
        text : str, or list of str
            In the first call it tells the vocabulary, unless that is given.
        y : ignored

        Returns
        -------
        self : object
        """
        self._validate_params()
        tokens = self._tokens(text)
        with all_or_nothing(self):
            if not hasattr(self, "_net"):
                self.vocabulary_ = self._find_vocabulary(tokens)
            numbers = self._numbers(tokens)
            if len(numbers) < 2:
                raise ValueError(f"The text has {len(numbers)} token(s), too few to learn from.")
            net = getattr(self, "_net", None) or self._new_net()
            net.early_stopping = False
            X, labels = self._streams(numbers)
            net.partial_fit(X, labels, classes=np.arange(len(self.vocabulary_)))
            self._frequencies = np.bincount(numbers, minlength=len(self.vocabulary_)) / len(numbers)
            self._net = net
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_net")

    @property
    def loss_curve_(self) -> list[float]:
        """Nats a token of each pass."""
        check_is_fitted(self)
        return self._net.loss_curve_

    @property
    def validation_loss_curve_(self) -> list[float] | None:
        """Nats a token on the held-out text after each pass."""
        check_is_fitted(self)
        return self._net.validation_loss_curve_

    @property
    def n_iter_(self) -> int:
        """Passes over the text."""
        check_is_fitted(self)
        return self._net.n_iter_

    @property
    def weights_(self) -> dict[str, np.ndarray]:
        """Named views of the one vector that holds all weights."""
        check_is_fitted(self)
        return self._net.weights_

    # -- scoring ----------------------------------------------------------------------------------------------------

    def score(self, text: str | Iterable[str], y: object = None) -> float:
        """Mean log-likelihood of a token, given those before it, in nats.

        A long text is scored in pieces side by side, each with some hundred tokens before it to bring about its state.

        Parameters
        ----------
        text : str, or list of str
        y : ignored

        Returns
        -------
        float
            At most 0. The first token is not scored.
        """
        check_is_fitted(self)
        numbers = self._numbers(self._tokens(text))
        if len(numbers) < 2:
            raise ValueError(f"A text of {len(numbers)} token(s) has none that follows on another; give a longer one.")
        unknown = self.vocabulary_.get(UNKNOWN)
        n_pairs = len(numbers) - 1
        starts = np.arange(0, n_pairs, _PIECE)
        steps = starts[:, None] + np.arange(-_BEFORE, _PIECE)
        exists = (steps >= 0) & (steps < n_pairs)
        at = np.where(exists, steps, 0)
        X = np.where(exists, numbers[at], np.nan).astype(np.float32)[:, :, None]
        following = numbers[1:][at]
        counted = exists & (np.arange(-_BEFORE, _PIECE) >= 0) & (following != unknown)
        if not counted.any():
            raise ValueError("No token of the text is in the vocabulary, so there is nothing to score.")
        total = 0.0
        size = max(1, _MOST_PROBABILITIES // (steps.shape[1] * len(self.vocabulary_)))
        for start in range(0, len(X), size):
            some = slice(start, start + size)
            log_proba = self._net.predict_log_proba(X[some])
            chosen = np.take_along_axis(log_proba, following[some][..., None], axis=2)[..., 0]
            total += float(chosen[counted[some]].sum(dtype=np.float64))
        return total / int(counted.sum())

    def perplexity(self, text: str | Iterable[str]) -> float:
        """Number of equally likely tokens among which the model would be as unsure: exp(-score).

        Parameters
        ----------
        text : str, or list of str

        Returns
        -------
        float
        """
        return float(np.exp(-self.score(text)))

    def predict_proba(self, prompts: Iterable[str]) -> np.ndarray:
        """Probabilities of the token that follows on each prompt.

        Parameters
        ----------
        prompts : list of str

        Returns
        -------
        ndarray of shape (n_prompts, n_tokens)
            In the order of `vocabulary_`.
        """
        check_is_fitted(self)
        if isinstance(prompts, str):
            raise TypeError("prompts must be a list of str; for one prompt, pass a list of it.")
        return np.stack([_softmax(self._read(prompt)[1].astype(np.float64)) for prompt in prompts])

    # -- generating -------------------------------------------------------------------------------------------------

    def _read(self, prompt: str):
        """What the network remembers after the prompt, and its raw outputs there."""
        numbers = self._numbers(self._tokens(prompt, "prompt"), "prompt")
        if len(numbers) == 0:
            return None, np.log(np.maximum(self._frequencies, 1e-12))
        return self._net._network().advance(self._net._theta, _as_steps(numbers), None, Arena())

    def generate(
        self,
        n_tokens: int,
        prompt: str = "",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> str:
        """Write on.

        Parameters
        ----------
        n_tokens : int
            Tokens to write.
        prompt : str, default=""
            What to go on from. Without one, the first token is drawn as often as it occurs.
        temperature : float, default=1.0
            Below 1 likely tokens become likelier still, above 1 all become more alike; 0 always takes the likeliest.
        top_k : int, default=None
            Draw from so many of the likeliest tokens only.
        top_p : float in (0, 1], default=None
            Draw from the likeliest tokens only that together have at least this probability.
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        str
            The tokens after the prompt, joined by `separator`.
        """
        check_is_fitted(self)
        _check_sampling(n_tokens, temperature, top_k, top_p)
        rng = check_random_state(random_state)
        tokens, unknown = list(self.vocabulary_), self.vocabulary_.get(UNKNOWN)
        state, outputs = self._read(prompt)
        network, arena, written = self._net._network(), Arena(), []
        for draw in rng.uniform(size=n_tokens):
            outputs = outputs.astype(np.float64)
            if unknown is not None:
                outputs[unknown] = -np.inf
            number = _sample(outputs, temperature, top_k, top_p, draw)
            written.append(tokens[number])
            state, outputs = network.advance(self._net._theta, _as_steps([number]), state, arena)
        return self.separator.join(written)


def _as_steps(numbers: Sequence[int]) -> np.ndarray:
    """Token numbers as one sequence, (T, 1, 1)."""
    return np.asarray(numbers, dtype=np.float32)[:, None, None]


def _check_sampling(n_tokens, temperature, top_k, top_p) -> None:
    for name, value in (("n_tokens", n_tokens), ("top_k", top_k)):
        if value is None and name == "top_k":
            continue
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} must be an integer of at least 1, got {value!r}.")
    if not isinstance(temperature, Real) or not 0 <= temperature < np.inf:
        raise ValueError(f"temperature must be a finite number of at least 0, got {temperature!r}.")
    if top_p is not None and (not isinstance(top_p, Real) or not 0 < top_p <= 1):
        raise ValueError(f"top_p must be in (0, 1], got {top_p!r}.")


def _softmax(outputs: np.ndarray) -> np.ndarray:
    e = np.exp(outputs - outputs.max())
    return e / e.sum()


def _sample(outputs: np.ndarray, temperature: float, top_k: int | None, top_p: float | None, draw: float) -> int:
    """The token that a number drawn uniformly from [0, 1) falls on."""
    if temperature == 0:
        return int(outputs.argmax())
    p = _softmax(outputs / temperature)
    if top_k is not None and top_k < len(p):
        p[p < np.partition(p, -top_k)[-top_k]] = 0
    if top_p is not None and top_p < 1:
        order = np.argsort(-p)
        n_kept = int(np.searchsorted(np.cumsum(p[order]), top_p * p.sum())) + 1
        p[order[n_kept:]] = 0
    cumulative = np.cumsum(p)
    return min(int(np.searchsorted(cumulative, draw * cumulative[-1], side="right")), int(np.flatnonzero(p)[-1]))
