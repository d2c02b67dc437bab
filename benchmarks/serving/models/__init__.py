"""The models that are measured, built from published weights with `onnx` alone, in the server's repository format."""
