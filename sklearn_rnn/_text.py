"""RNNTextGenerator: a language model over characters or words, which scores text and writes it."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from numbers import Integral, Real
from typing import Literal, Self

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ._base import all_or_nothing, store_parameters
from ._classifier import RNNSequenceClassifier
from ._hyperparameters import CONSTRAINTS
from ._params import Arena
from ._solvers import warn_of

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
# Text is read in pieces of so many tokens, or of fewer where that would be more probabilities than this at once.
_PIECE, _MOST_PROBABILITIES = 1024, 1 << 22
# Parameters that are those of the network and mean what they mean in RNNSequenceClassifier.
_OF_THE_NETWORK = (
    "hidden_layer_sizes cell bptt_steps batch_size dropout init init_scale solver learning_rate learning_rate_init "
    "learning_rate_decay clip_norm clip_value alpha max_iter early_stopping n_iter_no_change tol verbose random_state"
).split()


class _NextToken(RNNSequenceClassifier):
    """A classifier of the next token at every step, of sequences of token numbers (n, T, 1)."""

    n_tokens: int
    embedding_size: int | None

    def _describe_net(self, n_inputs):
        net = super()._describe_net(n_inputs)
        size = self.embedding_size
        return {**net, "n_inputs": size or self.n_tokens, "n_tokens": self.n_tokens, "one_hot": size is None}

    def _describe_loss(self):
        return "log_loss", self.n_tokens, {}

    def _encode_targets(self, y, sequences, *, reset, name):
        """Tokens are numbered already."""
        return sequences.flatten_steps(y, name).reshape(-1, 1), None


class RNNTextGenerator(BaseEstimator):
    """Recurrent network that reads text token by token and predicts the next one.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(256,)
        Number of hidden units of each recurrent layer; an int is one layer.

    analyzer : {"char", "word"} or callable, default="char"
        What a token is: a character; a word (letters, digits, underscores) or a run of other signs between blanks, the
        blanks themselves being left out; or what the callable makes of a text, a list of str. Scripts that combine
        several characters to a letter want a callable.

    vocabulary : list, set or dict of str, default=None
        All tokens that may occur. A list is in the order of their numbers, a dict gives them, a set is sorted. None
        takes the tokens of the text that is fitted, sorted.

    handle_unknown : {"error", "ignore"}, default="error"
        What to do with tokens that are not in the vocabulary: name them in an error; or let one token, the replacement
        character U+FFFD, stand for all of them, which is neither scored nor generated (but `predict_proba` tells its
        probability, and `loss_curve_` counts it). To learn what it means, the text must hold some: give `vocabulary`.

    cell : {"rnn", "gru", "lstm"}, default="lstm"
        Elman network, gated recurrent unit, or long short-term memory.

    embedding_size : int or None, default=64
        Length of the vector that stands for each token, and is learnt. None: a 1 in its place among as many zeros as
        there are tokens, for small vocabularies.

    bptt_steps : int, default=64
        Tokens through which back-propagation goes; the state is carried on from one such stretch to the next.

    batch_size : int, default=64
        Streams into which the text is cut, to be read side by side; at most so many that each has 2 * bptt_steps
        tokens. Training takes memory for several times bptt_steps * batch_size * (size of the vocabulary)
        numbers.

    dropout, init, init_scale, solver, learning_rate, learning_rate_init, learning_rate_decay, clip_norm, clip_value, \
alpha, max_iter, early_stopping, n_iter_no_change, tol, verbose, random_state
        As in RNNSequenceClassifier, but for solver="lbfgs", which there is not, and with other defaults:
        learning_rate="cosine" (in `partial_fit`, which knows of no end, that is "constant"), learning_rate_init=0.004,
        max_iter=8 (passes over the text), alpha=0, n_iter_no_change=3, tol=0. Without early_stopping, and but for
        learning_rate="adaptive", all passes are made. In any case the weights of the best are kept: by
        the training loss, or with early_stopping by that on the held-out part.

    validation_fraction : float in [0, 1), default=0.1
        Last part of the text that is held out, to record `validation_loss_curve_` or to stop early by. Its tokens are
        in the vocabulary, too.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        The number of each token.
    separator : str
        What joins generated tokens: "" for characters, otherwise " ".
    loss_curve_ : list of float
        Mean nats a token over each pass, while the weights change; with the penalty, if alpha is not 0.
    validation_loss_curve_ : list of float, or None
        Nats a token on the held-out text after each pass of the last `fit`. Every stream starts without a past, so
        `score` is a little better. None without a held-out part.
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
        **{name: CONSTRAINTS[name] for name in _OF_THE_NETWORK},
        "solver": [StrOptions({"adam", "sgd", "adagrad", "rmsprop"})],
        "analyzer": [StrOptions({"char", "word"}), callable],
        "vocabulary": ["array-like", Set, None],
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
        store_parameters(self, locals())

    # -- tokens -----------------------------------------------------------------------------------------------------

    @property
    def separator(self) -> str:
        """What joins generated tokens."""
        return "" if self.analyzer == "char" else " "

    def _check_fitted(self) -> None:
        check_is_fitted(self)
        for name, fitted in self._fitted_with.items():
            if getattr(self, name) != fitted:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r} now, but this model was fitted with {fitted!r}. Set it back, "
                    "or fit again."
                )

    def _tokens(self, text: str | Iterable[str], name: str = "text") -> list[str]:
        text = "\n".join(_as_texts(text, name))
        if self.analyzer == "char":
            return list(text)
        if self.analyzer == "word":
            return re.findall(r"\w+|[^\w\s]+", text)
        tokens = self.analyzer(text)
        if isinstance(tokens, str) or not isinstance(tokens, Iterable):
            raise TypeError(f"analyzer must return a list of str, got {type(tokens).__name__}.")
        tokens = list(tokens)
        for token in tokens:
            if not isinstance(token, str):
                raise TypeError(f"analyzer must return a list of str, got {token!r} in it.")
        return [str(token) for token in tokens]  # of an array they are numpy.str_

    def _find_vocabulary(self, tokens: list[str]) -> dict[str, int]:
        known = sorted(set(tokens)) if self.vocabulary is None else _check_vocabulary(self.vocabulary)
        if self.handle_unknown == "ignore":
            known = [*known, UNKNOWN] if UNKNOWN not in known else known
            if not set(tokens) & set(known) - {UNKNOWN}:
                raise ValueError(
                    f"None of the {len(tokens)} token(s) of the text is in vocabulary=, which starts with {known[:5]}. "
                    f"Does it go with analyzer={self.analyzer!r}?"
                )
        if len(known) < 2:
            raise ValueError(
                f"There must be at least 2 different tokens to learn from, got {known}. Give more text, or vocabulary=."
            )
        return {token: number for number, token in enumerate(known)}

    @property
    def _unknown(self) -> int | None:
        """The number that stands for all tokens outside the vocabulary."""
        return self.vocabulary_[UNKNOWN] if self.handle_unknown == "ignore" else None

    def _numbers(self, tokens: list[str], name: str = "text") -> np.ndarray:
        if self._unknown is None:
            unknown = sorted(set(tokens) - self.vocabulary_.keys())
            if unknown:
                raise ValueError(
                    f"{name} holds {len(unknown)} token(s) that are not in the vocabulary: "
                    f"{', '.join(map(repr, unknown[:20]))}. Leave them out, or fit with all tokens in vocabulary=, or "
                    "with handle_unknown='ignore'."
                )
        other = self._unknown
        return np.array([self.vocabulary_.get(token, other) for token in tokens], dtype=np.intp)

    # -- fitting ----------------------------------------------------------------------------------------------------

    def _streams(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tokens and those that follow them, (n_streams, T, 1) and (n_streams, T); what is left over is left out."""
        n_pairs = len(numbers) - 1
        n_streams = max(1, min(self.batch_size, n_pairs // (2 * self.bptt_steps)))
        n_steps = n_pairs // n_streams
        X = numbers[: n_streams * n_steps].reshape(n_streams, n_steps, 1)
        return X.astype(np.float32), numbers[1 : n_streams * n_steps + 1].reshape(n_streams, n_steps)

    def _count(self, numbers: np.ndarray) -> np.ndarray:
        """How often each token occurs, which tells with which one to begin."""
        if len(numbers) < 2:
            raise ValueError(f"The text has {len(numbers)} token(s) to learn from; it takes at least 2.")
        return np.bincount(numbers, minlength=len(self.vocabulary_))

    def _configure(self, net: _NextToken) -> _NextToken:
        """Give the network our parameters, and remember those that decide how text is read."""
        self._fitted_with = {"analyzer": self.analyzer, "handle_unknown": self.handle_unknown}
        for name in _OF_THE_NETWORK:
            setattr(net, name, getattr(self, name))
        net.n_tokens = len(self.vocabulary_)
        net.embedding_size = None if self.embedding_size is None else int(self.embedding_size)
        if not self.early_stopping and self.learning_rate != "adaptive":
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

        Raises
        ------
        TypeError
            If the text, or what the analyzer makes of it, is not made of str.
        ValueError
            If a parameter is invalid, the text is too short, or holds tokens that are not in `vocabulary`.
        """
        self._validate_params()
        with all_or_nothing(self):
            tokens = self._tokens(text)
            self.vocabulary_ = self._find_vocabulary(tokens)
            numbers = self._numbers(tokens)
            n_train = len(numbers) - int(self.validation_fraction * len(numbers))
            self._counts = self._count(numbers[:n_train])
            validation = None, None, None
            if len(numbers) - n_train >= 2:
                validation = *self._streams(numbers[n_train:]), None
            elif self.early_stopping:
                raise ValueError(
                    f"early_stopping=True with validation_fraction={self.validation_fraction} holds out "
                    f"{len(numbers) - n_train} of {len(numbers)} tokens; it takes at least 2. Set "
                    "early_stopping=False, or a larger validation_fraction."
                )
            self._net = self._configure(_NextToken(mapping="many-to-many"))
            reason = self._net._fit(*self._streams(numbers[:n_train]), validation=validation)
        return self._warn_of(reason)

    def _warn_of(self, reason: str, whole_epochs: bool = True) -> Self:
        """Say why training ended, after all is kept, where warnings are errors."""
        # a language model makes as many passes as it is told to
        if reason != "max_iter":
            warn_of(reason, type(self).__name__, self.n_iter_, self.max_iter, whole_epochs)
        return self

    def partial_fit(self, text: str | Iterable[str], y: object = None) -> Self:
        """One pass over a text, going on from where the last call ended; after `fit`, with a solver that starts anew.

        Parameters
        ----------
        text : str, or list of str
            In the first call it tells the vocabulary, unless that is given. Nothing is held out, so that
            early_stopping has no effect.
        y : ignored

        Returns
        -------
        self : object

        Raises
        ------
        TypeError, ValueError
            As in `fit`; also if the vocabulary or the network's shape was changed since the last call.
        """
        self._validate_params()
        begun = hasattr(self, "_net")
        if begun:
            self._check_fitted()
        with all_or_nothing(self):
            tokens = self._tokens(text)
            if not begun or self.vocabulary is not None:
                vocabulary = self._find_vocabulary(tokens)
                if begun and vocabulary != self.vocabulary_:
                    raise ValueError(
                        "vocabulary= holds other tokens than those that this model was fitted with. Set it back, or "
                        "fit again."
                    )
                self.vocabulary_ = vocabulary
            numbers = self._numbers(tokens)
            self._counts = self._count(numbers) + (self._counts if begun else 0)
            self._net = self._configure(copy.copy(self._net) if begun else _NextToken(mapping="many-to-many"))
            if self.learning_rate == "cosine":
                self._net.learning_rate = "constant"
            reason = self._net._one_pass(*self._streams(numbers))
        return self._warn_of(reason, whole_epochs=False)

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

    def _reader(self) -> Callable[[np.ndarray, list | None], tuple[list, np.ndarray]]:
        """A function of token numbers and what the network remembers: it reads them, and returns what the network
        remembers then, and its raw outputs (T, n_tokens)."""
        network, arena = self._net._network(), Arena()

        def read(numbers, state):
            X = numbers[:, None, None].astype(np.float32)
            with self._net._numerics(None):
                state, outputs = network.advance(self._net._theta, X, state, arena)
            if not np.isfinite(outputs).all():
                raise ValueError(
                    "The network's outputs are not finite: its weights have become too large, or NaN. Fit again with a "
                    "smaller learning_rate_init, or clip_norm=1.0."
                )
            return state, outputs.astype(np.float64)

        return read

    def _pieces(self, n: int) -> list[slice]:
        """A text of n tokens in pieces to be read one after the other."""
        size = max(1, min(_PIECE, _MOST_PROBABILITIES // len(self.vocabulary_)))
        return [slice(start, min(start + size, n)) for start in range(0, n, size)]

    def score(self, text: str | Iterable[str], y: object = None) -> float:
        """Mean log-likelihood of a token, given all before it, in nats.

        Parameters
        ----------
        text : str, or list of str
            A list is joined by newlines.
        y : ignored

        Returns
        -------
        float
            At most 0. The first token is not scored, and neither are unknown ones.

        Raises
        ------
        ValueError
            If the text holds tokens that are not in the vocabulary (unless handle_unknown="ignore"), or has fewer
            than two tokens.
        """
        self._check_fitted()
        numbers = self._numbers(self._tokens(text))
        if len(numbers) < 2:
            raise ValueError(f"A text of {len(numbers)} token(s) has none that follows on another; give a longer one.")
        following = numbers[1:]
        counted = np.ones(len(following), bool) if self._unknown is None else following != self._unknown
        if not counted.any():
            raise ValueError("No token of the text is in the vocabulary, so there is nothing to score.")
        read, state, total = self._reader(), None, 0.0
        for steps in self._pieces(len(following)):
            state, outputs = read(numbers[steps], state)
            log_proba = np.take_along_axis(log_softmax(outputs, axis=1), following[steps, None], axis=1)[:, 0]
            total += log_proba[counted[steps]].sum()
        return float(total / counted.sum())

    def perplexity(self, text: str | Iterable[str]) -> float:
        """Number of equally likely tokens among which the model would be as unsure: exp(-score).

        Parameters
        ----------
        text : str, or list of str
            As in `score`.

        Returns
        -------
        float
        """
        with np.errstate(over="ignore"):
            return float(np.exp(-self.score(text)))

    def predict_proba(self, prompts: Iterable[str]) -> np.ndarray:
        """Probabilities of the token that follows on each prompt.

        Parameters
        ----------
        prompts : list of str
            Each a text of its own. On an empty one tokens follow as often as they occurred in training.

        Returns
        -------
        ndarray of shape (n_prompts, n_tokens)
            In the order of `vocabulary_`.
        """
        self._check_fitted()
        if isinstance(prompts, str):
            raise TypeError("prompts must be a list of str; for one prompt, pass a list of it.")
        read = self._reader()
        rows = [softmax(self._after(prompt, read)[1]) for prompt in _as_texts(prompts, "prompts")]
        return np.array(rows).reshape(-1, len(self.vocabulary_))

    # -- generating -------------------------------------------------------------------------------------------------

    def _after(self, prompt: str | Iterable[str], read: Callable) -> tuple[list | None, np.ndarray]:
        """What the network remembers after the prompt, and its raw outputs there."""
        tokens = [] if isinstance(prompt, str) and not prompt else self._tokens(prompt, "prompt")
        state, outputs = None, np.log(np.maximum(self._counts / self._counts.sum(), 1e-12))[None]
        numbers = self._numbers(tokens, "prompt")
        for steps in self._pieces(len(numbers)):
            state, outputs = read(numbers[steps], state)
        return state, outputs[-1]

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
        prompt : str, or list of str, default=""
            What to go on from. Without one, the first token is drawn as often as it occurred in training.
        temperature : float, default=1.0
            Below 1 likely tokens become likelier still, above 1 all become more alike; 0 always takes the likeliest.
        top_k : int, default=None
            Draw from so many of the likeliest tokens only.
        top_p : float in (0, 1], default=None
            Draw only from as few of the likeliest tokens (among top_k, at this temperature) as together have at least
            this probability: nucleus sampling (Holtzman et al., 2020).
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        str
            The tokens after the prompt, joined by `separator`.

        Raises
        ------
        ValueError
            If an argument is out of its range, or the prompt holds tokens that are not in the vocabulary (unless
            handle_unknown="ignore").
        """
        self._check_fitted()
        temperature, top_p = _check_sampling(n_tokens, temperature, top_k, top_p)
        rng = check_random_state(random_state)
        tokens, read, written = list(self.vocabulary_), self._reader(), []
        state, outputs = self._after(prompt, read)
        while True:
            if self._unknown is not None:
                outputs[self._unknown] = -np.inf
            number = _sample(outputs, temperature, top_k, top_p, rng.uniform())
            written.append(tokens[number])
            if len(written) == n_tokens:
                return self.separator.join(written)
            state, (outputs,) = read(np.array([number]), state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def _as_texts(texts: object, name: str) -> list[str]:
    """A str or an ordered collection of them as a list."""
    if isinstance(texts, str):
        return [texts]
    ordered = isinstance(texts, Iterable) and not isinstance(texts, (Mapping, Set)) and getattr(texts, "ndim", 1) == 1
    if not ordered or isinstance(texts, (bytes, bytearray)):
        raise TypeError(f"{name} must be a str or a list of str, got {type(texts).__name__}.")
    texts = list(texts)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"{name} must be a str or a list of str; element {i} of it is {text!r:.50}.")
    return texts


def _check_vocabulary(vocabulary: Iterable[str]) -> list[str]:
    """Tokens in the order of their numbers."""
    if getattr(vocabulary, "ndim", 1) != 1:
        raise TypeError(f"vocabulary must be a list, a set or a dict of str, got {type(vocabulary).__name__}.")
    tokens = list(vocabulary)
    for token in tokens:
        if not isinstance(token, str):
            raise TypeError(f"vocabulary must be made of str, got {token!r:.50} in it.")
    if isinstance(vocabulary, Mapping):
        numbers = vocabulary.values()
        if not all(_is_a(Integral, number) for number in numbers) or sorted(numbers) != list(range(len(tokens))):
            raise ValueError(f"A dict as vocabulary must give its {len(tokens)} tokens the numbers from 0, each once.")
        tokens.sort(key=vocabulary.__getitem__)
    elif isinstance(vocabulary, Set):
        tokens.sort()
    twice = sorted(token for token, n in Counter(tokens).items() if n > 1)
    if twice:
        raise ValueError(f"vocabulary holds tokens more than once: {', '.join(map(repr, twice[:20]))}.")
    return [str(token) for token in tokens]  # of an array they are numpy.str_


def _is_a(kind: type, value: object) -> bool:
    return isinstance(value, kind) and not isinstance(value, (bool, np.bool_))


def _as_float(value: object) -> float:
    """NaN for what is no real number."""
    try:
        return float(value) if _is_a(Real, value) else np.nan
    except OverflowError:  # of an int or a Fraction
        return np.inf


def _check_sampling(n_tokens, temperature, top_k, top_p) -> tuple[float, float | None]:
    """The last two as Python's floats, or None."""
    for name, value in (("n_tokens", n_tokens), ("top_k", 1 if top_k is None else top_k)):
        if not _is_a(Integral, value) or value < 1:
            raise ValueError(f"{name} must be an integer of at least 1, got {value!r}.")
    T, p = _as_float(temperature), _as_float(1.0 if top_p is None else top_p)
    if not 0 <= T < np.inf:
        raise ValueError(f"temperature must be a finite number of at least 0, got {temperature!r}.")
    if not 0 < p <= 1:
        raise ValueError(f"top_p must be in (0, 1], got {top_p!r}.")
    return T, None if top_p is None else p


def _sample(outputs: np.ndarray, temperature: float, top_k: int | None, top_p: float | None, draw: float) -> int:
    """The token that a number drawn uniformly from [0, 1) falls on."""
    likeliest = np.argsort(-outputs, kind="stable")[:top_k]
    if temperature == 0:
        return int(likeliest[0])
    with np.errstate(over="ignore"):  # at a temperature near 0 all but the likeliest are at -inf
        p = np.exp((outputs[likeliest] - outputs[likeliest[0]]) / temperature)
    cumulative = np.cumsum(p)
    if top_p is not None:
        cumulative = cumulative[: np.searchsorted(cumulative, top_p * cumulative[-1]) + 1]
    return int(likeliest[np.searchsorted(cumulative, draw * cumulative[-1], side="right")])
