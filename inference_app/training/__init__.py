"""Trains the model that the repository ships: a small convolutional network on scikit-learn's handwritten digits."""

import os

# Read when keras and tensorflow are first imported. Level 3 hides an error that TensorFlow 2.21 logs of sound input.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# ONNX Runtime would report sessions and model hashes to its vendor; set before it loads, as in the server.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
