"""Measurements of the platform; their results lie in `results/`."""
