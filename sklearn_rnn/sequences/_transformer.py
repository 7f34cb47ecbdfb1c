"""What the transformers of this package share."""

from __future__ import annotations

from typing import Self

from sklearn.base import BaseEstimator, TransformerMixin

from .._sklearn import InNotebooks
from .._stored import Stored


class SequenceTransformer(Stored, InNotebooks, TransformerMixin, BaseEstimator):
    """What comes out has three axes, or is a list: pandas and polars have no container for it."""

    def __init_subclass__(cls, **options) -> None:
        # otherwise a transformer that names its features would have its output put into data frames
        super().__init_subclass__(auto_wrap_output_keys=None, **options)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Does nothing: sequences stay NumPy arrays, in a pipeline whose other steps return data frames too.

        Parameters
        ----------
        transform : ignored

        Returns
        -------
        self : object
        """
        return self
