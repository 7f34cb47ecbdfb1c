"""Everything that is measured, in one run: a training step beside PyTorch and JAX, whole jobs beside skorch, serving.

    pip install torch==2.13.0 jax skorch onnx onnxruntime
    python tests/benchmarks/run.py [--quick]

It takes about half an hour, and wants a machine on which nothing else runs: threads that wait for each other by
spinning, as PyTorch's do, are held up by whatever shares their core.
"""

import subprocess
import sys
from pathlib import Path

for script in ("step_speed.py", "whole_jobs.py", "serving.py"):
    finished = subprocess.run([sys.executable, Path(__file__).parent / script, *sys.argv[1:]])
    if finished.returncode:
        sys.exit(finished.returncode)
