"""Writing: what a language model is used for. It scores text, tells what may follow on it, and writes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import numpy as np
from scipy.special import softmax
from sklearn.utils import check_random_state

from ..core._cores import with_numerics
from ._reader import Reader
from ._tokens import UNKNOWN, as_texts, check_sampling, sample


class Writing:
    """Mixin of RNNTextGenerator: `score`, `perplexity`, `predict_proba` and `generate`."""

    vocabulary_: dict[str, int]
    analyzer: Any
    handle_unknown: Literal["error", "ignore"]
    _theta: np.ndarray
    _counts: np.ndarray
    _check_fitted: Callable[[], None]
    _network: Callable[[], Any]
    _tokens: Callable[..., list[str]]
    _numbers: Callable[..., np.ndarray]

    @property
    def separator(self) -> str:
        """What joins generated tokens."""
        return "" if self.analyzer == "char" else " "

    @property
    def _unknown(self) -> int | None:
        """The number that stands for all tokens outside the vocabulary."""
        return self.vocabulary_[UNKNOWN] if self.handle_unknown == "ignore" else None

    # -- scoring ----------------------------------------------------------------------------------------------------

    def _reader(self) -> Reader:
        return Reader(self._network(), self._theta)

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
        NotFittedError
            If the model is not fitted.
        TypeError
            If the text is not made of str.
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
            raise ValueError("No token of the text after its first is in the vocabulary, so there is nothing to score.")
        log_likelihood = with_numerics(lambda: self._reader().log_likelihood(numbers))
        return float(log_likelihood[counted].sum() / counted.sum())

    def perplexity(self, text: str | Iterable[str]) -> float:
        """Number of equally likely tokens among which the model would be as unsure: exp(-score).

        Parameters
        ----------
        text : str, or list of str
            As in `score`.

        Returns
        -------
        float

        Raises
        ------
        NotFittedError, TypeError, ValueError
            As in `score`.
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

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        TypeError
            If prompts is one str, or holds something else than str.
        ValueError
            If a prompt holds tokens that are not in the vocabulary (unless handle_unknown="ignore"), or a parameter
            that tells tokens was changed since `fit`.
        """
        self._check_fitted()
        if isinstance(prompts, str):
            raise TypeError("prompts must be a list of str; for one prompt, pass a list of it.")
        prompts, reader = as_texts(prompts, "prompts"), self._reader()
        rows = with_numerics(lambda: [softmax(self._after(prompt, reader)[1]) for prompt in prompts])
        return np.array(rows).reshape(-1, len(self.vocabulary_))

    # -- generating -------------------------------------------------------------------------------------------------

    def _after(self, prompt: str, reader: Reader) -> tuple[list | None, np.ndarray]:
        """What the network remembers after the prompt, and its raw outputs there."""
        tokens = self._tokens(prompt, "prompt") if prompt else []
        if not tokens:
            return None, np.log(np.maximum(self._counts / self._counts.sum(), 1e-12))
        return reader.read_through(self._numbers(tokens, "prompt"))

    def generate(
        self,
        n_tokens: int,
        prompt: str | Sequence[str] = "",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> str | list[str]:
        """Write on.

        Parameters
        ----------
        n_tokens : int
            Tokens to write.
        prompt : str, or list of str, default=""
            What to go on from. Without one, the first token is drawn as often as it occurred in training. Of a list,
            each is a prompt of its own.
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
        str, or list of str if `prompt` is a list
            The tokens after the prompt, joined by `separator`.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        TypeError
            If the prompt is not made of str.
        ValueError
            If an argument is out of its range, or the prompt holds tokens that are not in the vocabulary (unless
            handle_unknown="ignore").
        """
        self._check_fitted()
        temperature, top_p = check_sampling(n_tokens, temperature, top_k, top_p)
        prompts = as_texts(prompt, "prompt")
        rng, tokens, reader = check_random_state(random_state), list(self.vocabulary_), self._reader()

        def write_on(prompt):
            written: list[str] = []
            state, outputs = self._after(prompt, reader)
            while True:
                if self._unknown is not None:
                    outputs[self._unknown] = -np.inf
                number = sample(outputs, temperature, top_k, top_p, rng.uniform())
                written.append(tokens[number])
                if len(written) == n_tokens:
                    return self.separator.join(written)
                state, (outputs,) = reader.read(np.array([number]), state)

        texts = with_numerics(lambda: [write_on(prompt) for prompt in prompts])
        return texts[0] if isinstance(prompt, str) else texts
