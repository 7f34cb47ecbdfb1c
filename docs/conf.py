"""Configuration of the documentation site. CONTRIBUTING.md says how to build it."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # the package beside these pages, installed or not
sys.path.insert(0, str(HERE / "_extensions"))
os.environ.setdefault("MPLBACKEND", "Agg")

import sklearn_rnn  # noqa: E402

project = "sklearn_rnn"
author = "sklearn_rnn developers"
copyright = author  # the name that Sphinx wants
version = release = sklearn_rnn.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "course",
    "site_links",
    "mathml",
]
html_math_renderer = "mathml"
templates_path = ["_templates"]
exclude_patterns = ["_build", "course/index.md", "auto_examples/**/*.ipynb", "auto_examples/**/*.py"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
default_role = "literal"  # `x` in a docstring is code
smartquotes = False  # "gru" in a docstring is what a user types
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(sklearn|numpy|scipy|pandas|matplotlib)\..*")]  # the build does without the network
toc_object_entries_show_parents = "hide"
extlinks = {"doi": ("https://doi.org/%s", "doi:%s")}

# Markdown
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
# A page that includes a file of the root begins with that file's headings.
suppress_warnings = ["myst.header"]

# The reference: one page a name, from the docstrings alone. They state the types, so signatures need not.
autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "alphabetical"  # by source, what a subclass adds would stand before `fit`
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

# The course: all scripts are run, those that know --quick with it.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"\.py$",
    "ignore_pattern": r"(__init__|[/\\]_[^/\\]*)\.py$",
    "within_subsection_order": "course.Order",
    "reset_argv": "course.argv",
    "reset_modules": ("matplotlib", "course.strict"),
    "reset_modules_order": "both",
    "download_all_examples": False,
    "write_computation_times": False,
    "show_signature": False,
    "backreferences_dir": None,
    "image_srcset": ["2x"],
    "capture_repr": (),  # not what the last line of a block happens to return
    "plot_gallery": "True",
}

# The theme
html_theme = "pydata_sphinx_theme"
html_title = f"sklearn_rnn {version}"
html_short_title = "sklearn_rnn"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_favicon = "_static/favicon.svg"
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_sidebars = {"index": [], "guide": []}  # pages without others below them
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {
        "image_light": "_static/logo-light.svg",
        "image_dark": "_static/logo-dark.svg",
        "alt_text": "sklearn_rnn, to the front page",
    },
    "header_links_before_dropdown": 6,
    "navbar_end": ["theme-switcher", "version"],
    "show_prev_next": True,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
