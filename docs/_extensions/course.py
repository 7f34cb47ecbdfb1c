"""The order of the course, and with which arguments its scripts run while the site is built."""

import os
from pathlib import Path

# In the order in which they are read; scripts that are not named come last, by name.
COURSE = [
    "bptt_from_scratch",
    "char_rnn_by_hand",
    "noisy_sine",
    "lagged_bits",
    "long_memory",
    "digits_grid_search",
    "pipeline_time_series",
    "forecast_airline",
    "forecast_shops",
    "generate_text",
]


class Order:
    """What sphinx-gallery sorts the scripts by."""

    def __init__(self, src_dir):
        pass

    def __call__(self, filename):
        name = Path(filename).stem
        return (COURSE.index(name) if name in COURSE else len(COURSE), name)

    def __repr__(self):  # part of the configuration by which Sphinx tells whether anything changed
        return f"<the order of the course: {COURSE}>"


def argv(gallery_conf, script_vars):
    """--quick for the scripts that know it, unless DOCS_FULL is set."""
    source = Path(script_vars["src_file"]).read_text(encoding="utf-8")
    return ["--quick"] if "--quick" in source and not os.environ.get("DOCS_FULL") else []
