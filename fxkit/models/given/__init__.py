"""Models made elsewhere: ONNX files, models in timm's format, and Python functions."""
