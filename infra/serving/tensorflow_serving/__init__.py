"""TensorFlow Serving in the place of the model server."""
