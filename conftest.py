"""Doctests that need a package that is not installed are left out; Ctrl-C reaches the tests that press it."""

import signal
from importlib.util import find_spec

NEEDED = {"onnx": "sklearn_rnn/interop/_onnx.py", "sktime": "sklearn_rnn/interop/sktime.py"}
collect_ignore = [module for package, module in NEEDED.items() if not find_spec(package)]

# A shell starts what runs in the background (`pytest &`) with SIGINT ignored, and Python leaves that so: tests that
# interrupt a fit would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
