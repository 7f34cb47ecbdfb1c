"""Models that last: what a pickle says of itself, and calls that leave an estimator as it was when they fail."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from ._version import __version__
from ._warnings import outside
from .core._cores import insist

# Counts the ways in which fitted attributes have been stored. A change that older code could not read raises it.
FORMAT = 4


class Stored:
    """Mixin for all estimators and transformers: what is stored carries a format number and the package's version.

    scikit-learn does the same for its own classes only.
    """

    def __getstate__(self) -> dict:
        state: Any = super().__getstate__()
        return {**state, "_stored_by": {"format": FORMAT, "version": __version__}}

    def __setstate__(self, state: dict) -> None:
        state = dict(state)
        by = state.pop("_stored_by", {"format": 0, "version": "pre-0.1.0 (without a version)"})
        if not isinstance(by, dict) or not isinstance(by.get("format"), int) or by["format"] < 0 or "version" not in by:
            raise ValueError(f"This {type(self).__name__} carries no format that sklearn_rnn knows, but {by!r:.80}.")
        if by["format"] > FORMAT:
            raise ValueError(
                f"This {type(self).__name__} was stored by sklearn_rnn {by['version']} in format {by['format']}; "
                f"sklearn_rnn {__version__}, which is installed, reads formats up to {FORMAT}. Install "
                f"sklearn-rnn>={by['version']}."
            )
        if by["version"] != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=f"{type(self).__name__} (of sklearn_rnn)",
                    current_sklearn_version=__version__,
                    original_sklearn_version=by["version"],
                ),
                stacklevel=outside(),
            )
        # parameters that the release which stored it did not have yet
        for name, parameter in inspect.signature(type(self).__init__).parameters.items():
            if parameter.default is not inspect.Parameter.empty:
                state.setdefault(name, parameter.default)
        super().__setstate__(state)  # type: ignore[misc]


@contextmanager
def all_or_nothing(estimator: BaseEstimator) -> Iterator[None]:
    """A call that fails leaves the estimator as it was: nothing that was trained is lost."""
    before = dict(vars(estimator))

    def restore():
        for name in vars(estimator).keys() - before.keys():
            if not name.startswith(("_callback_", "_skl_")):  # scikit-learn clears these up itself
                vars(estimator).pop(name, None)
        vars(estimator).update(before)

    try:
        yield
    except BaseException:
        insist(restore)
        raise
