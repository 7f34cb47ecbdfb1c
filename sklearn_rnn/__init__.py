"""Recurrent networks for scikit-learn, in plain NumPy."""

from . import datasets
from ._classifier import RNNSequenceClassifier
from ._regressor import RNNRegressor
from ._timesteps import PatchSequence, TimestepTransformer
from ._windows import LagsToSequence, SlidingWindow, frame_to_sequences, make_windows

__version__ = "0.1.0"

__all__ = [
    "LagsToSequence",
    "PatchSequence",
    "RNNRegressor",
    "RNNSequenceClassifier",
    "SlidingWindow",
    "TimestepTransformer",
    "datasets",
    "frame_to_sequences",
    "make_windows",
]
