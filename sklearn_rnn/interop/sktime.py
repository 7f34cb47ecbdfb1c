"""RNNForecaster as a forecaster of sktime. Imported only by its name, since it needs sktime."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import clone
from sktime.forecasting.base import BaseForecaster

from ..estimators._regressor import RNNRegressor
from ..forecasting._forecaster import RNNForecaster


class SktimeRNNForecaster(BaseForecaster):
    """RNNForecaster as a forecaster of sktime, which passes its `check_estimator`.

    The horizon of the forecaster becomes the last step of `fh`, which `fit` must be told. Where `X` has no row for a
    step before one that is asked for, that of the step before it is taken. Panels are forecast one series at a time, as
    by any forecaster that sktime knows as one of single series; `RNNForecaster` itself fits one model to all.

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
        "requires-fh-in-fit": True,
    }

    def __init__(self, forecaster: RNNForecaster | None = None, random_state=None):
        self.forecaster = forecaster
        self.random_state = random_state
        super().__init__()

    def _fit(self, y, X, fh):
        forecaster = RNNForecaster() if self.forecaster is None else clone(self.forecaster)
        forecaster.set_params(horizon=int(max(fh.to_relative(self.cutoff))))
        if self.random_state is not None:
            forecaster.set_params(random_state=self.random_state)
        self._newest_X = None if X is None else X.iloc[[-1]]
        self.forecaster_ = forecaster.fit(y) if X is None else forecaster.fit(y, X)
        return self

    def _predict(self, fh, X):
        steps = np.asarray(fh.to_relative(self.cutoff), dtype=int)
        ahead = self.forecaster_.predict(int(steps.max())) if X is None else self._predict_with(X, int(steps.max()))
        index, values = fh.to_absolute_index(self.cutoff), ahead.to_numpy()[steps - 1]
        if isinstance(ahead, pd.Series):
            return pd.Series(values, index=index, name=self._y.name)
        return pd.DataFrame(values, index=index, columns=ahead.columns)

    def _predict_with(self, X, horizon):
        """sktime may give X from the first step of `fh` on, where that is not the next one."""
        every = type(self._fh)(np.arange(1, horizon + 1), is_relative=True).to_absolute_index(self.cutoff)
        ahead = X[X.index > self._newest_X.index[0]]
        return self.forecaster_.predict(horizon, X=pd.concat([self._newest_X, ahead]).reindex(every, method="ffill"))

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
