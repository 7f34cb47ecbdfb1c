"""No network, no other processes, and a stored model that refers to nothing but what it is made of."""

import io
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RNNForecaster, RNNRegressor, RNNSequenceClassifier, RNNTextGenerator, TimestepTransformer

X = np.random.default_rng(0).normal(size=(12, 6, 2))
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_no_network_and_no_other_processes():
    """Python's audit hooks see every socket, process and library call by ctypes, whoever makes it."""
    code = """
        import sys, warnings
        warnings.simplefilter("ignore")
        import numpy as np, numpy.testing, pandas as pd, sklearn  # NumPy 2.0 asks the system for its processor
        from threadpoolctl import threadpool_info
        threadpool_info()  # looks at the libraries that are loaded, which on some systems is a call of others

        FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "urllib.", "http.")
        seen = []
        sys.addaudithook(lambda event, args: seen.append((event, args)) if event.startswith(FORBIDDEN) else None)

        import pickle
        from sklearn_rnn import RNNForecaster, RNNRegressor, RNNSequenceClassifier, RNNTextGenerator, diagnose
        X = np.random.default_rng(0).normal(size=(12, 6, 2))
        options = {"max_iter": 2, "random_state": 0}
        for kind, y in ((RNNRegressor, X[:, 0, 0]), (RNNSequenceClassifier, X[:, 0, 0] > 0)):
            model = kind(3, **options)
            model = pickle.loads(pickle.dumps(model.fit(X, y)))
            model.predict(X), model.score(X, y), model.hidden_states(X), str(model), model._repr_html_()
            diagnose(model)
        series = pd.Series(np.sin(np.arange(48.0)), pd.period_range("2020-01", periods=48, freq="M"))
        RNNForecaster(RNNRegressor(3, **options)).fit(series).predict_interval(3)
        RNNTextGenerator(3, **options, bptt_steps=8).fit("abcdefgh" * 9).generate(20, random_state=0)
        assert not seen, seen
        """
    child = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr[-2000:]


def models():
    options = {"max_iter": 2, "random_state": 0}
    series = pd.Series(np.sin(np.arange(48.0)), pd.period_range("2020-01", periods=48, freq="M"))
    yield RNNRegressor(3, **options).fit(X, X[:, 0, 0])
    yield RNNRegressor(3, **options).partial_fit(X, X[:, 0, 0])
    yield RNNSequenceClassifier(3, **options).fit(X, X[:, 0, 0] > 0)
    yield make_pipeline(TimestepTransformer(StandardScaler()), RNNRegressor(3, **options)).fit(X, X[:, 0, 0])
    yield RNNForecaster(RNNRegressor(3, **options), window=4).fit(series)
    yield RNNForecaster(RidgeCV(), window=4).fit(series.reset_index(drop=True))
    yield RNNTextGenerator(3, **options, bptt_steps=8).fit("abcdefgh" * 9)


def test_a_pickle_refers_to_data_and_classes_only():
    """What loading a model runs is what making these runs; nothing is looked up that acts."""
    found = set()

    class Watching(pickle.Unpickler):
        def find_class(self, module, name):
            found.add(f"{module}.{name}")
            return super().find_class(module, name)

    for model in models():
        Watching(io.BytesIO(pickle.dumps(model))).load()
    of_data = ("numpy.", "pandas.", "collections.OrderedDict", "copyreg._reconstructor", "builtins.")
    acting = {name for name in found if not name.startswith(of_data) and not isinstance(named(name), type)}
    assert not acting
    assert not {name for name in found if name.rpartition(".")[2] in {"eval", "exec", "getattr", "__import__", "open"}}
    assert {name.partition(".")[0] for name in found} <= {
        "sklearn_rnn", "sklearn", "numpy", "pandas", "collections", "copyreg", "builtins",
    }  # fmt: skip


def named(name):
    module, _, attribute = name.rpartition(".")
    return getattr(sys.modules[module], attribute)
