"""Recurrent networks for scikit-learn, in plain NumPy."""

from . import datasets
from ._version import __version__
from .estimators._classifier import RNNSequenceClassifier
from .estimators._regressor import RNNRegressor
from .forecasting._forecaster import RNNForecaster
from .inspection._diagnosis import diagnose
from .inspection._forecast import ForecastDisplay
from .inspection._gradient_flow import GradientFlowDisplay
from .inspection._hidden_states import HiddenStateDisplay
from .inspection._importance import sequence_importance
from .inspection._importance_display import SequenceImportanceDisplay
from .inspection._loss_curve import LossCurveDisplay
from .inspection._steps import flatten_steps
from .interop._onnx import to_onnx
from .interop._torch_names import from_torch_state_dict, to_torch_state_dict
from .sequences._frame_transformer import FrameToSequences
from .sequences._frames import frame_to_sequences
from .sequences._imputer import SequenceImputer
from .sequences._lags import LagsToSequence
from .sequences._patches import PatchSequence
from .sequences._timesteps import TimestepTransformer
from .sequences._windows import SlidingWindow, make_windows
from .text._generator import RNNTextGenerator

__all__ = [
    "ForecastDisplay",
    "FrameToSequences",
    "GradientFlowDisplay",
    "HiddenStateDisplay",
    "LagsToSequence",
    "LossCurveDisplay",
    "PatchSequence",
    "RNNForecaster",
    "RNNRegressor",
    "RNNSequenceClassifier",
    "RNNTextGenerator",
    "SequenceImportanceDisplay",
    "SequenceImputer",
    "SlidingWindow",
    "TimestepTransformer",
    "__version__",
    "datasets",
    "diagnose",
    "flatten_steps",
    "frame_to_sequences",
    "from_torch_state_dict",
    "make_windows",
    "sequence_importance",
    "to_onnx",
    "to_torch_state_dict",
]
