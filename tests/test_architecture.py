"""What keeps the house in order and no import contract can say: sizes, private names, types of what is public."""

import ast
import inspect
from pathlib import Path

import pytest

import sklearn_rnn

PACKAGE = Path(sklearn_rnn.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def _without_docstrings(node):
    """Lines of a class, its docstrings and those of its methods left out."""
    lines = node.end_lineno - node.lineno + 1
    for inner in ast.walk(node):
        if isinstance(inner, (ast.ClassDef, ast.FunctionDef)) and inner.body:
            first = inner.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, (ast.Constant, ast.JoinedStr)):
                lines -= first.end_lineno - first.lineno + 1
    return lines


def test_files_and_classes_are_of_readable_size():
    for path, tree in TREES.items():
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 530, path
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                assert _without_docstrings(node) <= 350, (path, node.name)


def test_one_file_holds_the_private_names_of_scikit_learn():
    """Imports of them, and methods of BaseEstimator that begin with an underscore."""
    methods = {"_validate_params", "_validate_data", "_check_n_features", "_check_feature_names", "_get_tags"}
    for path, tree in TREES.items():
        if path.name == "_sklearn.py":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sklearn":
                parts = [*node.module.split("."), *(alias.name for alias in node.names)]
                assert not [part for part in parts if part.startswith("_")], (path, parts)
            if isinstance(node, ast.Attribute):
                assert node.attr not in methods, (path, node.attr)
                assert node.attr != "_init_callback_context", path


@pytest.mark.parametrize("name", sklearn_rnn.__all__)
def test_public_signatures_have_types(name):
    thing = getattr(sklearn_rnn, name)
    if inspect.isclass(thing):
        functions = [
            value
            for key, value in inspect.getmembers(thing, inspect.isfunction)
            if (not key.startswith("_") or key == "__init__") and value.__module__.startswith("sklearn_rnn")
        ]
        assert functions
    elif inspect.ismodule(thing):
        functions = [
            value for _, value in inspect.getmembers(thing, inspect.isfunction) if value.__module__ == thing.__name__
        ]
    else:
        functions = [thing] if callable(thing) else []
    for function in functions:
        signature = inspect.signature(function)
        for parameter in list(signature.parameters.values()):
            if parameter.name != "self" and parameter.kind is not parameter.VAR_KEYWORD:
                assert parameter.annotation is not parameter.empty, (name, function.__name__, parameter.name)
        if function.__name__ != "__init__":
            assert signature.return_annotation is not signature.empty, (name, function.__name__)


def test_only_what_is_public_has_no_underscore():
    for path in FILES:
        if path.name not in ("__init__.py", "datasets.py", "sktime.py"):  # the last is imported by its name
            assert path.name.startswith("_"), path
