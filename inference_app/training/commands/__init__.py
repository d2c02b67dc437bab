"""The commands of `python -m inference_app.training`, a module each.

The first line of a module's docstring is the command's help. `arguments(parser)` declares what it takes; `run(options)`
does it and returns the exit status. A module imports TensorFlow only when it runs: help and errors come at once.
"""

NAMES = ("data", "train", "export", "optimise", "detector", "register", "sagemaker", "pipeline")
"""In the order of a model's life."""
