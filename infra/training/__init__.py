"""The Job that trains the model, and the MLflow server that keeps the record."""
