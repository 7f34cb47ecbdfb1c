"""The network, on NumPy and SciPy (and threadpoolctl) alone: nothing here knows of scikit-learn, pandas, or estimators.

From the bottom up: memory (ParamLayout, Arena), cores and blas, batch, cells, pooling, losses, network; optimizers,
loops and training.
"""
