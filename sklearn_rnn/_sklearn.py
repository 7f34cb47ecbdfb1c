"""Every private name of scikit-learn that this package uses: one file to mend when scikit-learn moves something.

Tried on 1.7.2, 1.8.0 and 1.9.1. All of it is old and widely used by third-party estimators, but promised to nobody:

- `Interval`, `StrOptions`, `HasMethods` and `validate_parameter_constraints` (since 1.2), how estimators declare which
  values a parameter may have;
- `_safe_indexing`, some rows of an array, a frame or a list;
- `_check_feature_names_in`, names of the features that a transformer was fitted on;
- `_score_func` and `_sign` of what `make_scorer` returns, to tell which score it is;
- `_doc_link_module`, `_doc_link_template` and `_html_repr`, how an estimator looks in a notebook;
- `_init_callback_context` and the rest of the protocol of callbacks, experimental, from 1.9 on.
"""

from __future__ import annotations

import contextvars
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_parameter_constraints
from sklearn.utils.validation import _check_feature_names_in as feature_names_in

try:  # scikit-learn >= 1.9
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in where scikit-learn has no callbacks."""

    def with_callbacks(method):
        """Stands in where scikit-learn has no callbacks."""
        return method


_meta_fit: contextvars.ContextVar[Any] = contextvars.ContextVar("meta_fit", default=None)
# Where the documentation of each public class is.
DOC_LINK = "https://sklearn-rnn.readthedocs.io/en/latest/api/generated/sklearn_rnn.{estimator_name}.html"

__all__ = [
    "DOC_LINK",
    "CallbackSupportMixin",
    "EpochCallbacks",
    "HasMethods",
    "InNotebooks",
    "Interval",
    "RegisteredNames",
    "StrOptions",
    "callbacks_of_parts",
    "feature_names_in",
    "fit_as_part",
    "safe_indexing",
    "scored_by",
    "validate_parameters",
    "with_callbacks",
]


def scored_by(scorer: Any) -> tuple[Any, int]:
    """The metric of a scorer, and -1 if the scorer puts a minus before it; itself and 1, if it is none of those."""
    return getattr(scorer, "_score_func", scorer), -1 if getattr(scorer, "_sign", 1) < 0 else 1


class RegisteredNames(StrOptions):
    """The names in a registry, those that were added to it since included."""

    def __init__(self, registry: Mapping[str, object]):
        super().__init__(set(registry))
        self.registry = registry

    def is_satisfied_by(self, val: object) -> bool:
        """Is it one of them?"""
        self.options = set(self.registry)
        return super().is_satisfied_by(val)


def validate_parameters(estimator: BaseEstimator) -> None:
    """An invalid parameter is an error that says which values `_parameter_constraints` allows."""
    validate_parameter_constraints(
        estimator._parameter_constraints, estimator.get_params(deep=False), caller_name=type(estimator).__name__
    )


class InNotebooks:
    """Mixin of all estimators and transformers: what scikit-learn's HTML shows of them in a notebook.

    The diagram links to the documentation of this package, and below that of a fitted network stands what it is made
    of: the HTML of what `summary()` returns.
    """

    _doc_link_module = "sklearn_rnn"
    _doc_link_template = DOC_LINK

    def _html_repr(self) -> str:
        diagram = super()._html_repr()  # type: ignore[misc]
        summary = getattr(self, "summary", None)
        if summary is None or not self.__sklearn_is_fitted__():  # type: ignore[attr-defined]
            return diagram
        try:
            table = summary()
        except ValueError:  # no network in it, or of a part that nothing in this process has registered
            return diagram
        return f"{diagram}<details><summary>Network</summary>{table._repr_html_()}</details>"


class EpochCallbacks:
    """scikit-learn's callback protocol (>= 1.9) around the epochs of one fit; does nothing without it."""

    def __init__(self, estimator: Any, X: object, y: object, max_iter: int):
        self.given = {"estimator": estimator, "X": X, "y": y}
        self.root: Any = None
        self.current: Any = None
        if hasattr(estimator, "_init_callback_context"):
            self.root = estimator._init_callback_context(max_subtasks=max_iter)
            self.root.call_on_fit_task_begin(**self.given)

    def begin(self) -> None:
        """An epoch begins."""
        if self.root is not None and self.current is None:
            self.current = self.root.subcontext(task_name="epoch")
            self.current.call_on_fit_task_begin(**self.given)

    def end(self, theta) -> bool:
        """An epoch ended with these weights. True if a callback asks to stop."""
        if self.root is None:
            return False
        self.begin()  # L-BFGS does not announce its iterations
        current, self.current = self.current, None
        return current.call_on_fit_task_end(**self.given, reconstruction_attributes=lambda: {"_theta": theta.copy()})

    def close(self) -> None:
        """The fit ended."""
        if self.root is not None:
            if self.current is not None:
                self.current.call_on_fit_task_end(estimator=self.given["estimator"])
            self.root.call_on_fit_task_end(**self.given, reconstruction_attributes={})


@contextmanager
def callbacks_of_parts(estimator: Any, X: object, y: object) -> Iterator[None]:
    """The same protocol around the fit of an estimator that fits others, each of them by `fit_as_part`."""
    if not hasattr(estimator, "_init_callback_context"):
        yield
        return
    given = {"estimator": estimator, "X": X, "y": y}
    root = estimator._init_callback_context(max_subtasks=None)  # how many there will be depends on the data
    root.call_on_fit_task_begin(**given)
    token = _meta_fit.set((root, given))
    try:
        yield
    finally:
        _meta_fit.reset(token)
    root.call_on_fit_task_end(**given, reconstruction_attributes={})


@contextmanager
def fit_as_part(part: Any) -> Iterator[None]:
    """Callbacks of the estimator whose fit this is a part of, if there are any, see into the fit of this part."""
    if _meta_fit.get() is None:
        yield
        return
    root, given = _meta_fit.get()
    task = root.subcontext(task_name=type(part).__name__)
    task.call_on_fit_task_begin(**given)
    with task.propagate_callback_context(part):
        yield
    task.call_on_fit_task_end(**given)
