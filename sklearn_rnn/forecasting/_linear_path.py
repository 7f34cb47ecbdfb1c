"""The linear path: a ridge regression, its penalty chosen by leave-one-out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import RidgeCV

from ._origins import mean_of_known

ALPHAS = np.logspace(-3, 3, 13)
# Ways in which outputs are missing that are fitted one by one; and how often what is missing is filled in otherwise.
MOST_PATTERNS, FILLS = 4, 5


@dataclass
class LinearPath:
    """coef (outputs, columns), intercept (outputs,)."""

    coef: np.ndarray
    intercept: np.ndarray

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(n, outputs)"""
        return X @ self.coef.T + self.intercept


def fit_linear_path(X: np.ndarray, Y: np.ndarray) -> tuple[LinearPath, float]:
    """The ridge regression of Y (n, outputs) on X (n, columns), and its mean squared leave-one-out error.

    Outputs that are missing in some rows are fitted to the others: one by one or, if they are many, together, with what
    is missing filled in by the regression and fitted anew, which converges to the same (Dempster et al., 1977).
    """
    known = np.isfinite(Y)
    coef, intercept = np.zeros((Y.shape[1], X.shape[1])), np.zeros(Y.shape[1])
    errors, weights = [], []
    patterns, group = np.unique(known, axis=1, return_inverse=True)
    if patterns.shape[1] > MOST_PATTERNS:
        filled = np.where(known, Y, mean_of_known(Y))
        for _ in range(FILLS):
            ridge = RidgeCV(ALPHAS).fit(X, filled)
            filled = np.where(known, Y, ridge.predict(X))
        return LinearPath(ridge.coef_, ridge.intercept_), float(-ridge.best_score_)
    for k in range(patterns.shape[1]):
        rows, outputs = patterns[:, k], np.flatnonzero(group.ravel() == k)
        if not rows.any():
            continue  # 0, the mean
        if rows.sum() < 3:  # too few to leave one out
            intercept[outputs] = Y[np.ix_(rows, outputs)].mean(axis=0)
            errors.append(float((Y[np.ix_(rows, outputs)] ** 2).mean()))
            weights.append(rows.sum() * len(outputs))
            continue
        ridge = RidgeCV(ALPHAS).fit(X[rows], Y[np.ix_(rows, outputs)])
        coef[outputs], intercept[outputs] = ridge.coef_, ridge.intercept_
        errors.append(-ridge.best_score_)
        weights.append(rows.sum() * len(outputs))
    return LinearPath(coef, intercept), float(np.average(errors, weights=weights))
