"""Texts as lists of tokens, vocabularies, and the draw of a token."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from numbers import Integral, Real
from typing import Any

import numpy as np

UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def tokenize(text: str | Iterable[str], analyzer: str | Callable[[str], Iterable[str]], name: str) -> list[str]:
    """The tokens of a text, or of several that are joined by newlines."""
    text = "\n".join(as_texts(text, name))
    if analyzer == "char":
        return list(text)
    if analyzer == "word":
        return re.findall(r"\w+|[^\w\s]+", text)
    tokens = analyzer(text)  # type: ignore[operator]
    if isinstance(tokens, str) or not isinstance(tokens, Iterable):
        raise TypeError(f"analyzer must return a list of str, got {type(tokens).__name__}.")
    tokens = list(tokens)
    for token in tokens:
        if not isinstance(token, str):
            raise TypeError(f"analyzer must return a list of str, got {token!r} in it.")
    return [str(token) for token in tokens]  # of an array they are numpy.str_


def as_texts(texts: Any, name: str) -> list[str]:
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


def check_vocabulary(vocabulary: Iterable[str]) -> list[str]:
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


def find_vocabulary(
    tokens: list[str], vocabulary: Iterable[str] | None, ignore_unknown: bool, analyzer: object
) -> dict[str, int]:
    """The number of each token, of those that are given or else of those that occur."""
    known = sorted(set(tokens)) if vocabulary is None else check_vocabulary(vocabulary)
    if ignore_unknown:
        known = [*known, UNKNOWN] if UNKNOWN not in known else known
        if not set(tokens) & set(known) - {UNKNOWN}:
            raise ValueError(
                f"None of the {len(tokens)} token(s) of the text is in vocabulary=, which starts with {known[:5]}. "
                f"Does it go with analyzer={analyzer!r}?"
            )
    if len(known) < 2:
        raise ValueError(
            f"There must be at least 2 different tokens to learn from, got {known}. Give more text, or vocabulary=."
        )
    return {token: number for number, token in enumerate(known)}


def to_numbers(tokens: list[str], vocabulary: Mapping[str, int], unknown: int | None, name: str) -> np.ndarray:
    """The numbers of tokens; `unknown` is that of tokens that are not in the vocabulary, None makes them an error."""
    if unknown is None:
        others = sorted(set(tokens) - vocabulary.keys())
        if others:
            raise ValueError(
                f"{name} holds {len(others)} token(s) that are not in the vocabulary: "
                f"{', '.join(map(repr, others[:20]))}. Leave them out, or fit with all tokens in vocabulary=, or "
                "with handle_unknown='ignore'."
            )
    return np.array([vocabulary.get(token, unknown) for token in tokens], dtype=np.intp)


def _is_a(kind: type, value: object) -> bool:
    return isinstance(value, kind) and not isinstance(value, (bool, np.bool_))


def _as_float(value: Any) -> float:
    """NaN for what is no real number."""
    try:
        return float(value) if _is_a(Real, value) else np.nan
    except OverflowError:  # of an int or a Fraction
        return np.inf


def check_sampling(n_tokens, temperature, top_k, top_p) -> tuple[float, float | None]:
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


def sample(outputs: np.ndarray, temperature: float, top_k: int | None, top_p: float | None, draw: float) -> int:
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
