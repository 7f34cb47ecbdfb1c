"""RNNForecaster as a forecaster of sktime. Imported only by its name, since it needs sktime."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import clone
from sktime.forecasting.base import BaseForecaster

from .._warnings import warn
from ..estimators._regressor import RNNRegressor
from ..forecasting._forecaster import RNNForecaster


class SktimeRNNForecaster(BaseForecaster):
    """RNNForecaster as a forecaster of sktime, which passes its `check_estimator`.

    The horizon of the forecaster becomes the last step of `fh`, which `fit` must be told. Where `X` has no row for a
    step between those that are asked for, that of the step before it is taken.

    `update` fits anew to all that is known until the end of `y`. With ``update_params=False`` it is
    `RNNForecaster.update`: weights stay, and the forecast goes on from the new values. Values known before may be
    passed again; should they be others, a warning says that they only count in a refit. For this the series is kept,
    whether sktime is configured to remember data or not.

    Panels are forecast one series at a time, as by any forecaster that sktime knows as one of single series;
    `RNNForecaster` itself fits one model to all.

    Parameters
    ----------
    forecaster : RNNForecaster, default=None
        With its parameters; None takes `RNNForecaster()`. It is cloned.
    random_state : int, RandomState instance or None, default=None
        Takes the place of the forecaster's own, if it is not None.

    Attributes
    ----------
    forecaster_ : RNNForecaster
        The fitted forecaster.

    Examples
    --------
    >>> from sktime.datasets import load_airline
    >>> from sklearn_rnn import RNNForecaster, RNNRegressor
    >>> from sklearn_rnn.interop.sktime import SktimeRNNForecaster
    >>> net = RNNRegressor(8, max_iter=5, random_state=0)
    >>> sktime_forecaster = SktimeRNNForecaster(RNNForecaster(net, combine=False, calibration_fraction=0))
    >>> sktime_forecaster.fit(load_airline(), fh=[1, 2, 3]).predict().shape
    (3,)
    """

    _tags = {
        "authors": "sklearn_rnn developers",
        "maintainers": "sklearn_rnn developers",
        "python_dependencies": "sklearn-rnn",
        "y_inner_mtype": ["pd.Series", "pd.DataFrame"],
        "X_inner_mtype": "pd.DataFrame",
        "capability:multivariate": True,
        "capability:exogenous": True,
        "capability:missing_values": True,
        "capability:insample": False,
        "capability:random_state": True,
        "capability:update": True,
        "requires-fh-in-fit": True,
    }

    def __init__(self, forecaster: RNNForecaster | None = None, random_state=None):
        self.forecaster = forecaster
        self.random_state = random_state
        super().__init__()

    def _fit(self, y, X, fh):
        forecaster = RNNForecaster() if self.forecaster is None else clone(self.forecaster)
        # of an `fh` in absolute times, an update may leave nothing ahead; predict says so
        forecaster.set_params(horizon=max(int(max(fh.to_relative(self.cutoff))), 1))
        if self.random_state is not None:
            forecaster.set_params(random_state=self.random_state)
        self.forecaster_ = forecaster.fit(y) if X is None else forecaster.fit(y, X)
        # what sktime remembers depends on its configuration
        self._known_y, self._known_X, self._known_until = y, X, self.cutoff
        return self

    def _update(self, y, X=None, update_params=True):
        """Refit to all that is known, or only go on from what is new, with the weights as they are."""
        try:
            y = self._laid_out_as_fitted(y)
            known_y = _joined(self._known_y, y)
            known_X = X if self._known_X is None else self._known_X if X is None else _joined(self._known_X, X)
            if update_params:
                now = self.cutoff[0]
                if now < self._known_until[0]:
                    warn(
                        f"y ends at {now}, and values until {self._known_until[0]} were known: the forecaster is "
                        f"fitted anew to those until {now}."
                    )
                return self._fit(known_y[known_y.index <= now], known_X, self._fh)
            self._check_that_it_goes_on(y)
            new = y[y.index > self._known_until[0]]
            if len(new):
                self.forecaster_.update(new) if known_X is None else self.forecaster_.update(new, known_X)
            self._known_y, self._known_X, self._known_until = known_y, known_X, self.cutoff
        except Exception:
            # sktime has moved it; dates must not go on where the forecaster did not
            self._set_cutoff(self._known_until)
            raise
        return self

    def _laid_out_as_fitted(self, y):
        """y as the Series or DataFrame that was fitted; names of a Series do not matter to sktime."""
        if isinstance(self._known_y, pd.Series):
            return (y.iloc[:, 0] if isinstance(y, pd.DataFrame) else y).rename(self._known_y.name)
        return y.to_frame().set_axis(self._known_y.columns, axis=1) if isinstance(y, pd.Series) else y

    def _check_that_it_goes_on(self, y):
        """Without a refit, the forecaster goes on from where it stands, and from nowhere else."""
        until = self._known_until[0]
        if self.cutoff[0] < until:
            raise ValueError(
                f"y ends at {self.cutoff[0]}, and the forecaster knows values until {until}: without a refit it only "
                f"goes on. Pass values after {until}; update_params=True fits it anew."
            )
        both = y.index.intersection(self._known_y.index)
        now, before = y.loc[both].to_numpy(float), self._known_y.loc[both].to_numpy(float)
        # what a transformer computes again may differ by rounding
        if not np.allclose(now, before, rtol=1e-9, atol=1e-9 * np.nanmax(np.abs(before), initial=0.0), equal_nan=True):
            warn(
                f"y holds other values than were known until {until}: without a refit the forecaster only goes on from "
                f"those after {until}. update_params=True fits it anew, to the values as they are now."
            )

    def _predict(self, fh, X):
        index, horizon = fh.to_absolute_index(self.cutoff), int(max(fh.to_relative(self.cutoff)))
        ahead = self.forecaster_.predict(horizon) if X is None else self._predict_with(X, index, horizon)
        steps = ahead.index.get_indexer(index)
        if (steps < 0).any():
            raise ValueError(
                f"The horizon has a step at {index[steps < 0][0]}, where y has no values: by its times it goes on at "
                f"{', '.join(map(str, ahead.index[:3]))} and so on. Ask for some of these, or give y an index of which "
                "sktime reads the same step, such as a PeriodIndex, or integers without gaps."
            )
        if isinstance(ahead, pd.Series):
            return pd.Series(ahead.to_numpy()[steps], index=index, name=self._known_y.name)
        return pd.DataFrame(ahead.to_numpy()[steps], index=index, columns=ahead.columns)

    def _predict_with(self, X, index, horizon):
        """sktime may give X at the steps of `fh` only: those between take the row before them."""
        if set(X.columns) <= set(self.forecaster_.past_only or []):
            return self.forecaster_.predict(horizon)
        ahead = X[X.index > self.cutoff[0]]
        lacking = index.difference(ahead.index)
        if len(lacking):
            raise ValueError(f"X has no row for {lacking[0]}, which is to be forecast ({len(lacking)} in all).")
        if self._known_X is not None:
            known = self._known_X[self._known_X.index <= self.cutoff[0]]
            ahead = pd.concat([known.iloc[[-1]], ahead])
            every = type(self._fh)(np.arange(1, horizon + 1), is_relative=True).to_absolute_index(self.cutoff)
            ahead = ahead.reindex(every, method="ffill")
        return self.forecaster_.predict(horizon, X=ahead)

    @classmethod
    def get_test_params(cls, parameter_set="default"):
        """Small ones, for sktime's own tests.

        Parameters
        ----------
        parameter_set : str
            Ignored.

        Returns
        -------
        list of dict
        """
        net = RNNRegressor(2, cell="rnn", max_iter=1)
        plain = {"combine": False, "calibration_fraction": 0, "season_length": 1, "target_transform": None}
        return [
            {"forecaster": RNNForecaster(net, window=3, normalize=None, linear_path=False, **plain), "random_state": 0},
            {"forecaster": RNNForecaster(net, window=2, **plain), "random_state": 0},
        ]


def _joined(known, new):
    """Both, in the order of time; where they overlap, the new. Columns stay in the order in which they were fitted."""
    if isinstance(known, pd.DataFrame):
        new = new[known.columns]
    return pd.concat([known[~known.index.isin(new.index)], new]).sort_index()
