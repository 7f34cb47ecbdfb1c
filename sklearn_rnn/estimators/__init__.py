"""RNNRegressor and RNNSequenceClassifier: parameters, validation, callbacks. On top of sequences."""
