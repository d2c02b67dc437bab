"""KServe in the place of the model server."""
