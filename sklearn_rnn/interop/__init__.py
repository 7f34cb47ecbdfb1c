"""Models in and out: ONNX graphs, PyTorch's names. Stands on fitted attributes and public methods only."""
