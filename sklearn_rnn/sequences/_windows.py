"""Windows of a series or of a table whose rows are ordered in time."""

from __future__ import annotations

from numbers import Integral
from typing import Literal, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from .._sklearn import Interval, StrOptions, validate_parameters
from .._warnings import warn
from ._arrays import as_array, as_numbers, refuse_dask, refuse_times_and_text
from ._checks import check_rows
from ._timeindex import end_of_index, follows_on, index_in_time, warn_of_gaps
from ._transformer import SequenceTransformer


def _as_series(series: ArrayLike) -> np.ndarray:
    """A series as (n_timesteps, n_features)."""
    refuse_dask(series, "series")
    refuse_times_and_text(series, "series", "Make numbers of it, or leave it out.")
    warn_of_gaps(index_in_time(series, "series"), "series")  # says what else is wrong with it
    values = as_numbers(as_array(series, "series"), "series")
    if values.ndim not in (1, 2) or values.size == 0:
        raise ValueError(
            f"series must be (n_timesteps,) or (n_timesteps, n_features) and not empty, got shape {values.shape}."
        )
    return values[:, None] if values.ndim == 1 else values


def _check_size(value: object, name: str) -> int:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r}.")
    return int(value)


def make_windows(series: ArrayLike, window: int, horizon: int = 1, stride: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Cut a series into windows and the values that follow them, without copying.

    Parameters
    ----------
    series : array-like of shape (n_timesteps,) or (n_timesteps, n_features)
        Oldest first.
    window : int
        Time steps of each window.
    horizon : int, default=1
        Time steps after the window that are to be predicted.
    stride : int, default=1
        Time steps from the start of one window to the start of the next.

    Returns
    -------
    X : ndarray of shape (n_windows, window, n_features)
        A read-only view of `series`.
    y : ndarray of shape (n_windows,), or (n_windows, horizon) if `horizon` is above 1
        A read-only view of what follows each window. A series of several features keeps them as a last axis: choose
        what to predict, as in ``y[..., 0]``.

    Raises
    ------
    ValueError
        If the series is too short for one window and its horizon.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import make_windows
    >>> X, y = make_windows(np.arange(6), window=3)
    >>> X[:, :, 0]
    array([[0, 1, 2],
           [1, 2, 3],
           [2, 3, 4]])
    >>> y
    array([3, 4, 5])
    """
    values = _as_series(series)
    window, horizon, stride = (
        _check_size(value, name) for value, name in ((window, "window"), (horizon, "horizon"), (stride, "stride"))
    )
    if len(values) < window + horizon:
        raise ValueError(
            f"A series of {len(values)} time steps is too short for a window of {window} and a horizon of {horizon}: "
            f"it takes at least {window + horizon}."
        )
    X = sliding_window_view(values[:-horizon], window, axis=0)[::stride].transpose(0, 2, 1)
    y = sliding_window_view(values[window:], horizon, axis=0)[::stride].transpose(0, 2, 1)
    if horizon == 1:
        y = y[:, 0]
    return X, y[..., 0] if values.shape[1] == 1 else y


class SlidingWindow(SequenceTransformer):
    """Cut a table whose rows are ordered in time into windows, one that ends at each row.

    Row t of what comes out holds rows t - window + 1 ... t of what goes in, so that y stays aligned and no row is lost.
    Steps from before the series begins are NaN, which the estimators of this package take as absent.

    Parameters
    ----------
    window : int, default=24
        Time steps of each window.

    dilation : int, default=1
        Rows between the steps of a window: every dilation-th row back.

    context : {"auto", "fit", "none"}, default="auto"
        Whether the first windows of new rows reach back into the rows that the transformer was fitted on. "auto": where
        a pandas index shows that the new rows follow on directly. "fit": always; for arrays that are known to follow
        on. "none": never.

    pad : {"nan", "edge", "zero"}, default="nan"
        What stands for steps before the series begins: NaN, the first row again, or zero.

    Attributes
    ----------
    n_features_in_ : int
        Columns of the table.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where X had names that are strings.

    Notes
    -----
    What comes out is a read-only view of the table, padded in front: no window is copied. The rows of the table are
    time, so a row is transformed by what stands before it; shuffled rows, or some of them, give other windows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import SlidingWindow
    >>> SlidingWindow(3).fit_transform(np.arange(4.0)[:, None])[:, :, 0]
    array([[nan, nan,  0.],
           [nan,  0.,  1.],
           [ 0.,  1.,  2.],
           [ 1.,  2.,  3.]])
    """

    _parameter_constraints = {
        "window": [Interval(Integral, 1, None, closed="left")],
        "dilation": [Interval(Integral, 1, None, closed="left")],
        "context": [StrOptions({"auto", "fit", "none"})],
        "pad": [StrOptions({"nan", "edge", "zero"})],
    }

    def __init__(
        self,
        window: int = 24,
        *,
        dilation: int = 1,
        context: Literal["auto", "fit", "none"] = "auto",
        pad: Literal["nan", "edge", "zero"] = "nan",
    ):
        self.window = window
        self.dilation = dilation
        self.context = context
        self.pad = pad

    @property
    def _n_before(self) -> int:
        """Rows before a row that its window reaches."""
        return (int(self.window) - 1) * int(self.dilation)

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Remember the last rows of X, and their index.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Oldest first.
        y : ignored

        Returns
        -------
        self : object

        Raises
        ------
        TypeError
            If X is sparse, or a query without data (a LazyFrame).
        ValueError
            If a parameter is invalid, X is empty or no table of finite numbers, or its index is not in order of
            time or holds a time twice.
        """
        self._remember(X)
        return self

    def _remember(self, X) -> np.ndarray:
        """The rows of X as an array, of which the last are kept."""
        validate_parameters(self)
        index = index_in_time(X)
        warn_of_gaps(index, "X")
        table = check_rows(self, X, reset=True)
        self._n_before_at_fit = self._n_before
        self._tail = table[len(table) - min(self._n_before, len(table)) :].copy()
        self._index = end_of_index(index)
        return table

    def transform(self, X: ArrayLike) -> np.ndarray:
        """The windows that end at each row of X.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)

        Returns
        -------
        ndarray of shape (n_timesteps, window, n_features)
            A read-only view.

        Raises
        ------
        NotFittedError
            If the transformer is not fitted.
        TypeError
            If X is sparse, or a query without data (a LazyFrame).
        ValueError
            As in `fit`; also if X has other columns, or window or dilation were changed since.
        """
        check_is_fitted(self)
        validate_parameters(self)
        if self._n_before != self._n_before_at_fit:
            raise ValueError(
                f"window and dilation reach {self._n_before} rows back now, but {self._n_before_at_fit} when this "
                "transformer was fitted. Set them back, or fit again."
            )
        index = index_in_time(X)  # says what is wrong with it
        warn_of_gaps(index, "X")
        table = check_rows(self, X, reset=False)
        follows = {"fit": True, "none": False, "auto": None}[self.context]
        if follows is None and self._n_before:
            follows = follows_on(self._index, index)
            if follows is None:
                warn(
                    "SlidingWindow cannot know whether these rows follow on those it was fitted on, because they have "
                    "no pandas index that tells; their first windows are padded. Say context='fit' if they do follow "
                    "on, context='none' if they do not, or pass data frames (a scaler in front keeps the index with "
                    "set_output(transform='pandas'))."
                )
        return self._windows(table, self._tail if follows else table[:0])

    def fit_transform(self, X: ArrayLike, y: object = None) -> np.ndarray:
        """Fit to X, and return its windows. The first ones are padded: nothing comes before them.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
        y : ignored

        Returns
        -------
        ndarray of shape (n_timesteps, window, n_features)

        Raises
        ------
        TypeError, ValueError
            As in `fit`.
        """
        table = self._remember(X)
        return self._windows(table, table[:0])

    def _windows(self, table: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Windows ending at each row of the table, with the rows `before` in front of it."""
        n_absent = self._n_before - len(before)
        if self.pad == "edge":
            first = before[:1] if len(before) else table[:1]
        else:
            first = np.full((1, table.shape[1]), np.nan if self.pad == "nan" else 0.0, table.dtype)
        if self._n_before:
            table = np.concatenate([np.broadcast_to(first, (n_absent, table.shape[1])), before, table])
        return sliding_window_view(table, self._n_before + 1, axis=0)[:, :, :: self.dilation].transpose(0, 2, 1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
