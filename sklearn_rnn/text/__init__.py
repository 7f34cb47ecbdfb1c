"""RNNTextGenerator and its tokens. On top of estimators."""
