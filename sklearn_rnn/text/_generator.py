"""RNNTextGenerator: a language model over characters or words, which scores text and writes it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from os import PathLike
from typing import Literal, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from .._sklearn import CallbackSupportMixin, EpochCallbacks, validate_parameters, with_callbacks
from .._stored import Stored, all_or_nothing
from ..core._cores import Cores
from ..core._network import Network
from ..core._training import Training
from ..estimators._checkpoint import Checkpoint, identify
from ..estimators._hyperparameters import layer_sizes, store_parameters
from ..estimators._learning import learn, refuse_if_nothing_was_learnt, tell
from ..estimators._progress import CURVES, Announcer, curves_of, told
from ..estimators._summary import Summarized
from ..sequences._dataset import Dataset
from ._parameters import TRAINING_PARAMETERS, TextParameters
from ._reader import token_network
from ._streams import count, streams, warn_if_short
from ._tokens import find_vocabulary, to_numbers, tokenize
from ._writing import Writing


class RNNTextGenerator(Writing, Stored, Summarized, CallbackSupportMixin, TextParameters, BaseEstimator):
    __doc__ = f"""Recurrent network that reads text token by token and predicts the next one.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(256,)
        Number of hidden units of each recurrent layer; an int is one layer.

    analyzer : {{"char", "word"}} or callable, default="char"
        What a token is: a character; a word (letters, digits, underscores) or a run of other signs between blanks, the
        blanks themselves being left out; or what the callable makes of a text, a list of str. Scripts that combine
        several characters to a letter want a callable.

    vocabulary : list, set or dict of str, default=None
        All tokens that may occur. A list is in the order of their numbers, a dict gives them, a set is sorted. None
        takes the tokens of the text that is fitted, sorted.

    handle_unknown : {{"error", "ignore"}}, default="error"
        What to do with tokens that are not in the vocabulary: name them in an error; or let one token, the replacement
        character U+FFFD, stand for all of them, which is neither scored nor generated (but `predict_proba` tells its
        probability, and `loss_curve_` counts it). To learn what it means, the text must hold some: give `vocabulary`.

    cell : {{"rnn", "gru", "lstm", "mingru", "indrnn"}}, default="gru"
        Elman network, gated recurrent unit, long short-term memory; or a minimal GRU or IndRNN, which want two or more
        layers, since it takes the next layer to mix their units.

    embedding_size : int or None, default=32
        Length of the vector that stands for each token, and is learnt. None: a 1 in its place among as many zeros as
        there are tokens, for small vocabularies.

    bptt_steps : int, default=32
        Tokens through which back-propagation goes; the state is carried on from one such stretch to the next.

    batch_size : int, default=64
        Streams into which the text is cut, to be read side by side; at most so many that each has 2 * bptt_steps
        tokens. Training takes memory for several times bptt_steps * batch_size * (size of the vocabulary)
        numbers.

{TRAINING_PARAMETERS}
    Attributes
    ----------
    vocabulary_ : dict of str to int
        The number of each token.
    separator : str
        What joins generated tokens: "" for characters, otherwise " ".
    loss_curve_ : list of float
        Mean nats a token over each pass, while the weights change; with the penalty, if alpha is not 0.
    gradient_norm_curve_, clipped_curve_ : list of float
        As in RNNSequenceClassifier.
    validation_loss_curve_ : list of float, or None
        Nats a token on the held-out text after each pass of the last `fit`. Every stream starts without a past, so
        `score` is a little better. None without a held-out part.
    n_iter_ : int
        Passes over the text.
    stopped_by_ : str
        As in RNNSequenceClassifier.
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

    # a text is no metadata to be routed
    __metadata_request__fit = {"text": UNUSED}
    __metadata_request__partial_fit = {"text": UNUSED}
    __metadata_request__score = {"text": UNUSED}
    __metadata_request__predict_proba = {"prompts": UNUSED}

    vocabulary_: dict[str, int]
    loss_curve_: list[float]
    gradient_norm_curve_: list[float]
    clipped_curve_: list[float]
    validation_loss_curve_: list[float] | None
    n_iter_: int
    stopped_by_: str
    _theta: np.ndarray
    _net: dict
    _counts: np.ndarray  # of each token in what was learnt from

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (256,),
        *,
        analyzer: Literal["char", "word"] | Callable[[str], list[str]] = "char",
        vocabulary: Iterable[str] | None = None,
        handle_unknown: Literal["error", "ignore"] = "error",
        cell: str = "gru",
        embedding_size: int | None = 32,
        bptt_steps: int = 32,
        batch_size: int = 64,
        dropout: float = 0.0,
        averaging: bool = False,
        init: str = "orthogonal",
        init_scale: float = 0.1,
        solver: str = "adam",
        learning_rate: str = "cosine",
        learning_rate_init: float = 0.004,
        learning_rate_decay: float = 0.01,
        clip_norm: float | None = 5.0,
        clip_value: float | None = None,
        alpha: float = 0.0,
        max_iter: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 3,
        tol: float = 0.0,
        verbose: bool | int = False,
        random_state: int | np.random.RandomState | None = None,
        checkpoint: str | PathLike | None = None,
        checkpoint_every: int | str | timedelta = "1min",
    ) -> None:
        store_parameters(self, locals())

    # -- tokens -----------------------------------------------------------------------------------------------------

    def _check_fitted(self) -> None:
        check_is_fitted(self)
        for name, fitted in self._fitted_with.items():
            if getattr(self, name) != fitted:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r} now, but this model was fitted with {fitted!r}. Set it back, "
                    "or fit again."
                )

    def _tokens(self, text: str | Iterable[str], name: str = "text") -> list[str]:
        return tokenize(text, self.analyzer, name)

    def _find_vocabulary(self, tokens: list[str]) -> dict[str, int]:
        return find_vocabulary(tokens, self.vocabulary, self.handle_unknown == "ignore", self.analyzer)

    def _numbers(self, tokens: list[str], name: str = "text") -> np.ndarray:
        return to_numbers(tokens, self.vocabulary_, self._unknown, name)

    # -- fitting ----------------------------------------------------------------------------------------------------

    def _streams(self, numbers: np.ndarray) -> Dataset:
        return streams(numbers, self.batch_size, self.bptt_steps)

    def _describe_net(self) -> dict:
        """All that the network's shape depends on, as plain values."""
        return {
            "hidden_layer_sizes": layer_sizes(self.hidden_layer_sizes),
            "cell": self.cell,
            "embedding_size": None if self.embedding_size is None else int(self.embedding_size),
            "n_tokens": len(self.vocabulary_),
        }

    def _network(self) -> Network:
        """The network that the weights of this model belong to."""
        return token_network(self._net, self.dropout)

    def _begin(self, go_on: bool, n_streams: int, learning_rate: str) -> Training:
        """A training, from the start or from where `partial_fit` ended, and what a fitted model must know of itself."""
        self._fitted_with = {"analyzer": self.analyzer, "handle_unknown": self.handle_unknown}
        memory = getattr(self, "_training", None) if go_on else None
        if memory is not None and memory["solver"] == self.solver:
            rng = copy.deepcopy(memory["rng"])
        else:
            memory = None
            rng = np.random.default_rng(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        if go_on:
            theta, curves = self._theta.copy(), curves_of(self)
        else:
            self._net = self._describe_net()
            network, dtype = self._network(), np.dtype(np.float32)
            start = partial(network.start, rng, self.init, self.init_scale, dtype, self.bptt_steps)
            theta, curves = Cores().use(lambda cores: start()), {}
            self.validation_loss_curve_ = None
        settings = self._settings(n_streams, learning_rate)
        return Training(self._network(), settings, theta, rng, curves=curves, memory=memory)

    def _keep(self, training: Training) -> None:
        self._theta, self.n_iter_ = training.theta, training.progress.epoch
        for name, attribute in CURVES.items():
            setattr(self, attribute, getattr(training.progress, name))
        if training.validation:
            self.validation_loss_curve_ = [loss for loss, _ in training.validation[: self.n_iter_]]

    @with_callbacks
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
        KeyboardInterrupt
            If the user interrupts the training. The model is fitted then, as far as it got.

        Warns
        -----
        UserWarning
            If the text has fewer tokens than twice bptt_steps.
        """
        validate_parameters(self)
        was_fitted = hasattr(self, "_theta")
        with all_or_nothing(self):
            tokens = self._tokens(text)
            self.vocabulary_ = self._find_vocabulary(tokens)
            numbers = self._numbers(tokens)
            n_train = len(numbers) - int(self.validation_fraction * len(numbers))
            self._counts = count(numbers[:n_train], len(self.vocabulary_))
            held_out = None
            if len(numbers) - n_train >= 2:
                held_out = self._streams(numbers[n_train:])
            elif self.early_stopping:
                raise ValueError(
                    f"early_stopping=True with validation_fraction={self.validation_fraction} holds out "
                    f"{len(numbers) - n_train} of {len(numbers)} tokens; it takes at least 2. Set "
                    "early_stopping=False, or a larger validation_fraction."
                )
            warn_if_short(numbers, self.bptt_steps, text)
            data = self._streams(numbers[:n_train])
            training = self._begin(False, len(data), self.learning_rate)
            checkpoint = Checkpoint(
                self.checkpoint,
                self.checkpoint_every,
                lambda: identify(self, training.rng.bit_generator.state, numbers, list(self.vocabulary_)),
                type(self).__name__,
            )
            with checkpoint:
                checkpoint.resume(training, self.verbose)
                self.__dict__.pop("_training", None)

                epochs = EpochCallbacks(self, text, None, self.max_iter)
                announcer = Announcer(training, self.verbose)

                def work(cores):
                    of_epochs = told(training, checkpoint, epochs, announcer)
                    return training.run(data, cores, held_out=held_out, **of_epochs)

                with announcer:
                    reason = learn(self, work, lambda: self._keep(training))
                refuse_if_nothing_was_learnt(self, reason, was_fitted and not self.n_iter_)
                if reason != "interrupted":
                    epochs.close()
                    checkpoint.finished = True
        if reason != "max_iter":  # a language model makes as many passes as it is told to
            tell(reason, self, self.n_iter_, self.solver)
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
        TypeError, ValueError, KeyboardInterrupt
            As in `fit`; also if the vocabulary or the network's shape was changed since the last call.
        """
        validate_parameters(self)
        begun = hasattr(self, "_theta")
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
            net = self._describe_net()
            if begun and net != self._net:
                changed = ", ".join(name for name in net if net[name] != self._net[name])
                raise ValueError(
                    f"partial_fit goes on learning only with the same network; changed: {changed}. Set it back, or use "
                    "clone(estimator) to start anew."
                )
            numbers = self._numbers(tokens)
            self._counts = count(numbers, len(self.vocabulary_)) + (self._counts if begun else 0)
            warn_if_short(numbers, self.bptt_steps, text)
            data = self._streams(numbers)
            learning_rate = "constant" if self.learning_rate == "cosine" else self.learning_rate
            training = self._begin(begun, len(data), learning_rate)

            def keep():
                self._keep(training)
                self._training = training.memory

            with Announcer(training, self.verbose, one_pass=True) as announcer:
                reason = learn(self, partial(training.one_pass, data, on_batch_end=announcer.batch), keep)
                announcer.epoch()
        if reason != "max_iter":
            tell(reason, self, self.n_iter_, self.solver, whole_epochs=False)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_theta")

    @property
    def weights_(self) -> dict[str, np.ndarray]:
        """Named views of the one vector that holds all weights."""
        check_is_fitted(self)
        return self._network().layout.views(self._theta)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags
