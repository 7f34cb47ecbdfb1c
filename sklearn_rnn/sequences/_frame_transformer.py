"""FrameToSequences: long data frames as sequences, in the way that one of them was fitted."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Literal, Self

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from .._sklearn import StrOptions, feature_names_in, validate_parameters
from .._warnings import warn
from ._columns import an_example, categories_of, codes_of, is_single, kind_of, numbers_of, refuse_column, shown
from ._frames import as_labels, check_keys, check_long_frame, ids_of_rows, order_of_rows, refuse_missing
from ._transformer import SequenceTransformer


class FrameToSequences(SequenceTransformer):
    """Turn long data frames, one row for each sequence and time step, into sequences, with categories as numbers.

    `fit` learns which columns there are and which categories they have; `transform` makes sequences of any frame that
    has these columns, with the same features in the same order. Of a column of

    - numbers or truth values comes one feature; what is missing is NaN, for a `SequenceImputer` to fill;
    - categories or text come the features that `categories` says. What is missing, and any category that was not
      fitted, is none of them.

    Parameters
    ----------
    id_col : label
        Column that says to which sequence a row belongs.

    time_col : label, default=None
        Column to sort the rows of each sequence by, numbers, times, or ISO dates as text; None keeps their order.

    columns : list of labels, default=None
        Features; None takes all other columns of the frame that is fitted. A target that stands in the frame is then
        one of them: leave it out here.

    categories : {"onehot", "ordinal"}, default="onehot"
        "onehot": a feature for each category, 1 where it is this one and 0 elsewhere, so all are 0 where it is none.
        "ordinal": one feature, the place of the category, from 0, or -1 where it is none. A column of pandas' type
        category has the categories that it declares, in their order, whether they occur or not; one of text has those
        that occur, sorted.

    static : {"repeat", "initial"}, default="repeat"
        Where columns stand that say something about the sequence as a whole. "repeat": at every step. "initial": at the
        first step only; at the others numbers are 0 and categories none. So scale such numbers before, or leave them
        near 0: a scaler that is applied to each time step would take the zeros for values.

    static_columns : list of labels, default=None
        The columns, among the features, that say something about the sequence as a whole. What is missing in some rows
        of a sequence is taken from its others; two different values in one sequence are an error. None: with
        static="initial" those which do not change within any sequence of the frame that is fitted; with
        static="repeat" none, as their rows are repeated already.

    Attributes
    ----------
    columns_ : list of labels
        Features, in the order in which they come out.
    categories_ : list of ndarray of object, or None
        Of each column; None for those of numbers. What is neither text nor a number, as an interval, is its text.
    static_columns_ : list of labels
        Those which are named in `static_columns`, or else do not change within any sequence of the frame.
    n_features_in_ : int
        Columns that are features, `len(columns_)`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where all are strings.

    Warns
    -----
    UserWarning
        In `fit`, if a column of text has very many values, as numbers that were read as text have; in `transform`, once
        for each frame, if there are categories that were not fitted.

    See Also
    --------
    frame_to_sequences : The same as a function, for numbers.
    SequenceImputer : Fills NaN inside sequences.

    Notes
    -----
    There is one sequence for each id, in the order in which the ids first appear, so that y has one target an id:
    `ids` tells their order. In a pipeline the frame goes in, and y in that order. Splits of cross-validation, however,
    cut a frame by its rows. Split the list that `transform` returns, that is, leave this transformer out of the
    pipeline that is searched over.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_rnn import FrameToSequences
    >>> df = pd.DataFrame(
    ...     {"id": ["b", "a", "b"], "t": [2, 1, 1], "price": [3.0, None, 4.0], "shop": ["web", "city", "city"]}
    ... )
    >>> frames = FrameToSequences("id", "t").fit(df)
    >>> frames.get_feature_names_out()
    array(['price', 'shop_city', 'shop_web'], dtype=object)
    >>> frames.transform(df)
    [array([[4., 1., 0.],
           [3., 0., 1.]]), array([[nan, 1., 0.]])]
    >>> y = pd.Series({"a": 0, "b": 1})
    >>> y[frames.ids(df)].tolist()
    [1, 0]
    """

    _parameter_constraints = {
        "categories": [StrOptions({"onehot", "ordinal"})],
        "static": [StrOptions({"repeat", "initial"})],
    }

    def __init__(
        self,
        id_col: Hashable,
        time_col: Hashable | None = None,
        *,
        columns: Sequence[Hashable] | None = None,
        categories: Literal["onehot", "ordinal"] = "onehot",
        static: Literal["repeat", "initial"] = "repeat",
        static_columns: Sequence[Hashable] | None = None,
    ):
        self.id_col = id_col
        self.time_col = time_col
        self.columns = columns
        self.categories = categories
        self.static = static
        self.static_columns = static_columns

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Learn the columns and their categories.

        Parameters
        ----------
        X : DataFrame
            One row for each sequence and time step.
        y : array-like, default=None
            Looked at only if it is a Series or frame with the ids as its index: then it must be in their order.

        Returns
        -------
        self : object

        Raises
        ------
        TypeError
            If X is no pandas DataFrame.
        ValueError
            If a column that is named is not there, or holds times or other objects; if an id or a time is missing, or
            a time occurs twice in a sequence; if a static column changes within a sequence.
        """
        validate_parameters(self)
        columns = check_long_frame(X, self.id_col, self.time_col, self.columns)
        categories: list[np.ndarray | None] = []
        singles = []
        for column in columns:
            kind = kind_of(X[column])
            refuse_column(X[column], column, kind)
            of_column = categories_of(X[column]) if kind == "categories" else None
            categories.append(of_column)
            if kind == "numbers":
                singles.append(is_single(X[column]))
            elif of_column is not None and not isinstance(X[column].dtype, pd.CategoricalDtype):
                _doubt_text(X[column], column, of_column)
        of_numbers = [single for single in singles if single is not None]
        order, lengths, ids = order_of_rows(X, self.id_col, self.time_col)
        _refuse_other_order(y, ids)
        static = self._find_static(X[columns].iloc[order], columns, lengths, ids)
        self.columns_, self.categories_, self.static_columns_ = columns, categories, static
        self._dtype = "float32" if of_numbers and all(of_numbers) else "float64"
        self.n_features_in_ = len(columns)
        self.__dict__.pop("feature_names_in_", None)
        if all(isinstance(column, str) for column in columns):
            self.feature_names_in_ = np.asarray(columns, dtype=object)
        return self

    def _find_static(
        self, rows: pd.DataFrame, columns: list[Hashable], lengths: np.ndarray, ids: np.ndarray
    ) -> list[Hashable]:
        """The static columns of rows that are in order."""
        if self.static_columns is None and lengths.max() == 1:
            if self.static == "initial":
                raise ValueError(
                    "With static='initial' the columns that do not change within a sequence are static, but every "
                    "sequence of this frame has one row, so that nothing could change. Name them in static_columns."
                )
            return []
        if self.static_columns is None:
            starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
            values = {column: pd.factorize(rows[column])[0] for column in columns}
            return [column for column in columns if (values[column] == values[column][starts]).all()]
        given = as_labels(self.static_columns)
        unknown = [column for column in given if column not in columns]
        if unknown:
            raise ValueError(f"static_columns names {unknown[0]!r}, which is none of the features, {columns}.")
        for column in given:
            _static_rows(rows[column], column, lengths, ids)
        return given

    def transform(self, X: pd.DataFrame) -> list[np.ndarray]:
        """The sequences of a frame.

        Parameters
        ----------
        X : DataFrame
            With the columns that were fitted, in any order; others are not looked at.

        Returns
        -------
        list of ndarray of shape (n_timesteps_i, n_features_out)
            In the order of `ids`. float32 if all numbers that were fitted were, else float64.

        Raises
        ------
        ValueError
            As `fit`; and if a column holds text where it held numbers, or the other way round.
        """
        check_is_fitted(self, "columns_")
        validate_parameters(self)
        check_keys(X, self.id_col, self.time_col)
        refuse_missing(X, self.columns_, ", which FrameToSequences was fitted on")
        order, lengths, ids = order_of_rows(X, self.id_col, self.time_col)
        rows = X[self.columns_].iloc[order]
        starts = np.cumsum(lengths) - lengths
        later = np.ones(len(rows), dtype=bool)
        later[starts] = False
        applies = self.static == "initial" or self.static_columns is not None
        static = self.static_columns_ if applies else []
        blocks, unknown = [], {}
        for column, categories in zip(self.columns_, self.categories_):
            block, none, new = self._encode(rows[column], column, categories)
            if new:
                unknown[column] = new
            if column in static:
                block = block[_static_rows(rows[column], column, lengths, ids)]
                if self.static == "initial":
                    block[later] = none
            blocks.append(block)
        if unknown:
            named = "; ".join(f"{column!r}: {_few(values)}" for column, values in unknown.items())
            warn(
                f"This frame has categories that FrameToSequences was not fitted on, which it encodes as none: {named}."
            )
        joined = np.concatenate(blocks, axis=1, dtype=np.dtype(self._dtype), casting="unsafe")
        return np.split(joined, starts[1:])

    def _encode(
        self, values: pd.Series, column: Hashable, categories: np.ndarray | None
    ) -> tuple[np.ndarray, float, list]:
        """A column as (rows, features), what stands for none of it, and the categories that are not known."""
        kind = kind_of(values)
        refuse_column(values, column, kind)
        if not values.notna().any():
            kind = "nothing"
        if categories is None:
            if kind == "categories":
                raise ValueError(
                    f"Column {column!r} held numbers, or nothing, when FrameToSequences was fitted; now it is of type "
                    f"{values.dtype}, with values such as {an_example(values)}. Convert it, numbers as text with "
                    f"pd.to_numeric(df[{column!r}]), or fit again."
                )
            return numbers_of(values)[:, None], 0.0, []
        if kind == "numbers" and all(isinstance(category, str) for category in categories):
            raise ValueError(
                f"Column {column!r} held text when FrameToSequences was fitted, such as {categories[0]!r}; now it is "
                f"of type {values.dtype}, with values such as {an_example(values)}. Convert it, as with "
                f"df[{column!r}].astype(str), or fit again."
            )
        codes, unknown = codes_of(values, categories)
        if self.categories == "ordinal":
            return codes[:, None].astype(np.float64), -1.0, unknown
        block = np.zeros((len(codes), len(categories)), dtype=np.float32)
        known = np.flatnonzero(codes >= 0)
        block[known, codes[known]] = 1.0
        return block, 0.0, unknown

    def ids(self, X: pd.DataFrame) -> np.ndarray:
        """The ids of a frame's sequences, in the order of `transform`.

        Parameters
        ----------
        X : DataFrame

        Returns
        -------
        ndarray of shape (n_sequences,)
            As in ``y = targets.loc[frames.ids(df)]`` for targets with an index of ids.

        Raises
        ------
        TypeError
            If X is no DataFrame.
        ValueError
            If it has no column `id_col`, or an id is missing.
        """
        check_keys(X, self.id_col, None)
        return ids_of_rows(X, self.id_col)[1]

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Names of the features that come out.

        Parameters
        ----------
        input_features : list of str, default=None
            Must be `feature_names_in_`, if given.

        Returns
        -------
        ndarray of str of shape (n_features_out,)
            The name of each column; with categories="onehot" that of each category after it, as in "shop_web".
        """
        check_is_fitted(self, "columns_")
        if input_features is not None:
            feature_names_in(self, input_features)
        names: list[str] = []
        for column, categories in zip(self.columns_, self.categories_):
            name = "_".join(map(str, column)) if isinstance(column, tuple) else str(column)
            if categories is None or self.categories == "ordinal":
                names.append(name)
            else:
                names.extend(f"{name}_{category}" for category in categories)
        return np.asarray(names, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def _static_rows(values: pd.Series, column: Hashable, lengths: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """For each row, the first row of its sequence in which a static column is not missing, if there is one, else the
    first. Two values in one sequence are an error."""
    codes = pd.factorize(values)[0]
    starts = np.cumsum(lengths) - lengths
    n_rows = len(codes)
    first = np.minimum.reduceat(np.where(codes >= 0, np.arange(n_rows), n_rows), starts)
    rows = np.repeat(np.where(first < n_rows, first, starts), lengths)
    differs = np.flatnonzero((codes >= 0) & (codes != codes[rows]))
    if len(differs):
        at = differs[0]
        sequence = ids[np.searchsorted(starts, at, side="right") - 1]
        raise ValueError(
            f"Column {column!r} is static, but changes within sequence {shown(sequence)}: "
            f"{shown(values.iloc[rows[at]])} and {shown(values.iloc[at])}. Name those that do not change in "
            "static_columns, or correct it."
        )
    return rows


def _doubt_text(values: pd.Series, column: Hashable, categories: np.ndarray) -> None:
    """A warning if text does not look like categories."""
    as_numbers = pd.to_numeric(pd.Series(categories, dtype=object), errors="coerce").notna().mean()
    what = ""
    are_few, is_mixed = len(categories) <= 20, len(categories) > 3 and 0.5 < as_numbers < 1  # "1", "2", "3", "n.a."
    if are_few and not is_mixed:
        return
    if are_few or as_numbers > 0.9:
        what = f"most of which are numbers. If it is one, pd.to_numeric(df[{column!r}], errors='coerce')"
    elif len(categories) > len(values) / 2:
        what = "nearly one a row. Leave it out by naming the features in columns="
    if what:
        warn(
            f"Column {column!r} is text with {len(categories)} different values, such as {an_example(values)}, {what}; "
            f"if these are categories, say so with df[{column!r}].astype('category')."
        )


def _few(values: list) -> str:
    some = ", ".join(shown(value) for value in values[:3])
    return some if len(values) <= 3 else f"{some} and {len(values) - 3} more"


def _refuse_other_order(y: object, ids: np.ndarray) -> None:
    """Targets with the ids as their index, in another order than the sequences, would be given to the wrong ones."""
    if not isinstance(y, (pd.Series, pd.DataFrame)) or len(y) != len(ids) or y.index.equals(pd.Index(ids)):
        return
    if y.index.is_unique and y.index.isin(ids).all() and not y.index.equals(pd.RangeIndex(len(y))):
        raise ValueError(
            f"The index of y holds the ids of the sequences, but in another order: y begins with {shown(y.index[0])}, "
            f"the sequences with {ids.tolist()[0]!r}. Put it in their order: y.loc[frames.ids(X)]."
        )
