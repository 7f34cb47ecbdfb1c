"""Grid search over a recurrent classifier, as over any scikit-learn estimator.

Each image of scikit-learn's digits is read from top to bottom: a sequence of 8 rows (time steps) of 8 pixels
(features). A Pipeline turns the flat table into such sequences; GridSearchCV looks for the cell, the width and the
learning rate by cross-validation in the training part, and the test part is used once, at the end.

    python examples/digits_grid_search.py
"""

from time import perf_counter

import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_rnn import RNNSequenceClassifier


# A function of a module, not a lambda: worker processes and pickles must be able to find it.
def rows_of_pixels(X):
    """(n, 64) numbers from 0 to 16 -> (n, 8 rows, 8 pixels) from 0 to 1."""
    return X.reshape(len(X), 8, 8) / 16


def main():
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)

    model = Pipeline(
        [
            ("rows", FunctionTransformer(rows_of_pixels)),
            # Early stopping ends each fit on its own held-out tenth, so that fast and slow learners get a fair hearing.
            (
                "net",
                RNNSequenceClassifier(
                    batch_size=64, max_iter=200, early_stopping=True, n_iter_no_change=5, random_state=0
                ),
            ),
        ]
    )
    grid = {
        "net__cell": ["rnn", "gru", "lstm"],
        "net__hidden_layer_sizes": [16, 64],
        "net__learning_rate_init": [0.003, 0.01],
    }
    search = GridSearchCV(model, grid, cv=3, n_jobs=2)

    start = perf_counter()
    search.fit(X_train, y_train)
    seconds = perf_counter() - start

    table = pd.DataFrame(search.cv_results_)
    table = table.sort_values("rank_test_score")
    table = table[[f"param_{name}" for name in grid] + ["mean_test_score", "std_test_score", "mean_fit_time"]]
    table.columns = ["cell", "width", "learning rate", "accuracy", "std", "seconds a fit"]
    print(table.to_string(index=False, float_format="{:.3f}".format))
    n_fits = len(table) * search.n_splits_ + 1
    print(f"\n{n_fits} fits in {seconds:.0f} s")
    print(f"best: { ({name.removeprefix('net__'): value for name, value in search.best_params_.items()}) }")
    print(f"accuracy on {len(y_test)} held-out images: {search.score(X_test, y_test):.3f}")


if __name__ == "__main__":
    main()
