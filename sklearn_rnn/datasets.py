"""Small data that ships with the package."""

from importlib.resources import files

import pandas as pd


def load_airline() -> pd.Series:
    """Monthly totals of international airline passengers, 1949 to 1960.

    Returns
    -------
    Series of shape (144,)
        Thousands of passengers, named "Passengers", with a monthly PeriodIndex.

    References
    ----------
    Box, G. E. P., Jenkins, G. M. (1976). Time Series Analysis, Forecasting and Control. Series G.

    Examples
    --------
    >>> from sklearn_rnn.datasets import load_airline
    >>> airline = load_airline()
    >>> airline.shape, int(airline.iloc[0]), str(airline.index[-1])
    ((144,), 112, '1960-12')
    """
    with files(__package__).joinpath("data", "airline.csv").open() as file:
        table = pd.read_csv(file)
    index = pd.PeriodIndex(table["Date"], freq="M", name="Date")
    return pd.Series(table["Passengers"].to_numpy(), index=index, name="Passengers")
