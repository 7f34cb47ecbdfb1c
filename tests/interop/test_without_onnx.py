"""What is said where the package onnx is not installed."""

import subprocess
import sys

import numpy as np
import pytest

from sklearn_rnn import RNNRegressor, to_onnx


def test_without_onnx_the_extra_is_named(monkeypatch):
    X = np.random.default_rng(0).normal(size=(4, 3, 1))
    model = RNNRegressor(2, random_state=0).partial_fit(X, X[:, 0, 0])
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"to_onnx needs the package onnx.*install onnx \(or .*sklearn-rnn\[onnx\]"):
        to_onnx(model)


def test_neither_onnx_nor_torch_is_imported_with_the_package():
    code = "import sys, sklearn_rnn; print(sorted({'onnx', 'onnxruntime', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
