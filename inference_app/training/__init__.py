"""From images and labels to a version in a model repository: a small convolutional network for any such data set."""

import os

# Read when keras and tensorflow are first imported. Level 3 hides an error that TensorFlow 2.21 logs of sound input.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# ONNX Runtime would report sessions and model hashes to its vendor; set before it loads, as in the server.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
