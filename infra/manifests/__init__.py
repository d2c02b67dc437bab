"""What serves the model, as the files that another owner makes it from."""
