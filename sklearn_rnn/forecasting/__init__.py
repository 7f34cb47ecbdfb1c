"""RNNForecaster and what it stands on. On top of estimators."""
