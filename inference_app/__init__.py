"""The model server: one ONNX model repository behind HTTP, batched on one execution provider."""

__version__ = "0.1.0"
