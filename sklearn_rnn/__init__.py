"""Recurrent networks for scikit-learn, in plain NumPy."""

from . import datasets
from ._classifier import RNNSequenceClassifier
from ._regressor import RNNRegressor

__version__ = "0.1.0"

__all__ = ["RNNRegressor", "RNNSequenceClassifier", "datasets"]
