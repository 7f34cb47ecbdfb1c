"""The order of the course, and how its scripts run while the site is built."""

import warnings
from pathlib import Path

# In the order in which they are read; scripts that are not named come last, by name.
COURSE = [
    "bptt_from_scratch",
    "noisy_sine",
    "vanishing_gradients",
    "lagged_bits",
    "long_memory",
    "classify_sequences",
    "pipeline_time_series",
    "digits_grid_search",
    "forecast_airline",
    "forecast_shops",
    "char_rnn_by_hand",
    "generate_text",
    "reading_the_code",
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
    """--quick for the scripts that know it; their pages say so."""
    source = Path(script_vars["src_file"]).read_text(encoding="utf-8")
    return ["--quick"] if "--quick" in source else []


def on_source(app, docname, content):
    """On the page of the course: the first words of a lesson, without the mark of a block that follows them."""
    if docname == "auto_examples/index":
        content[0] = content[0].replace(' ::">', '">')


def setup(app):
    """What Sphinx calls of an extension."""
    app.connect("source-read", on_source)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


_as_errors = []


def strict(gallery_conf, script, when):
    """What our code warns of while a script runs is an error of the build."""
    if when == "before":
        _as_errors.append(warnings.catch_warnings())
        _as_errors[-1].__enter__()
        for category in (UserWarning, RuntimeWarning, FutureWarning):
            warnings.simplefilter("error", category)
    else:
        _as_errors.pop().__exit__(None, None, None)
