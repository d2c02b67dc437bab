"""The model server against its peers and the limit of the machine: `python -m benchmarks.serving`."""
