"""Recurrent networks for scikit-learn, in plain NumPy."""

from . import datasets
from ._classifier import RNNSequenceClassifier
from ._forecasting import RNNForecaster
from ._regressor import RNNRegressor
from ._text import RNNTextGenerator
from ._timesteps import PatchSequence, TimestepTransformer
from ._windows import LagsToSequence, SlidingWindow, frame_to_sequences, make_windows

__version__ = "0.1.0"

__all__ = [
    "LagsToSequence",
    "PatchSequence",
    "RNNForecaster",
    "RNNRegressor",
    "RNNSequenceClassifier",
    "RNNTextGenerator",
    "SlidingWindow",
    "TimestepTransformer",
    "datasets",
    "frame_to_sequences",
    "make_windows",
]
