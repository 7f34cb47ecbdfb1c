"""What the docstrings say of parameters is what the signatures say, and each method tells what it raises."""

import inspect
import re

import pytest

import sklearn_rnn

CLASSES = [name for name in sklearn_rnn.__all__ if inspect.isclass(getattr(sklearn_rnn, name))]
# What cannot fail, or only where what it calls does.
RAISE_NOTHING = {"set_output", "get_feature_names_out"}


def section(text, name):
    """What stands below the heading of a numpydoc section."""
    found = re.search(rf"^{name}\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", inspect.cleandoc(text), re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


@pytest.mark.parametrize("name", CLASSES)
def test_each_parameter_is_documented_with_its_type_and_default(name):
    cls = getattr(sklearn_rnn, name)
    headings = re.findall(r"^(\S[^\n]*?) : ([^\n]+)$", section(cls.__doc__, "Parameters"), re.MULTILINE)
    documented = {}
    for names, kind in headings:
        names, default = names.split(", "), re.search(r"default=(.*)$", kind)
        # "beta_1, beta_2 : float, default=0.9, 0.999"
        defaults = default[1].split(", ") if default and len(names) > 1 else [default and default[1]]
        documented |= dict(zip(names, defaults if len(defaults) == len(names) else defaults * len(names)))
    parameters = inspect.signature(cls).parameters
    assert set(documented) == set(parameters)
    for parameter in parameters.values():
        told = documented[parameter.name]
        if parameter.default is parameter.empty:
            assert told is None, parameter.name
        else:
            assert told is not None, parameter.name
            assert eval(told) == parameter.default, parameter.name


@pytest.mark.parametrize("name", CLASSES)
def test_each_method_tells_what_it_raises(name):
    methods = inspect.getmembers(getattr(sklearn_rnn, name), callable)
    ours = [m for key, m in methods if not key.startswith("_") and m.__module__.startswith("sklearn_rnn")]
    silent = [m.__name__ for m in ours if not section(m.__doc__, "Raises")]
    assert set(silent) <= RAISE_NOTHING
