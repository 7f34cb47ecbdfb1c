"""Doctests that need a package that is not installed are left out."""

from importlib.util import find_spec

NEEDED = {"onnx": "sklearn_rnn/interop/_onnx.py", "sktime": "sklearn_rnn/interop/sktime.py"}
collect_ignore = [module for package, module in NEEDED.items() if not find_spec(package)]
