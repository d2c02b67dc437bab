"""Trains on some of a folder's images three times; fails unless the weights tell the seeds apart, and nothing else."""

import dataclasses
import sys
from pathlib import Path

import numpy as np

from inference_app.training import network
from inference_app.training.dataset import examples
from inference_app.training.dataset.examples import Examples


def weights(data, seed, xla=False):
    """Of a network that was trained a little."""
    settings = network.TrainingSettings(seed=seed, epochs=2, patience=2, batch_size=32, learning_rate=3e-3, xla=xla)
    model, _ = network.train(data, settings)
    return np.concatenate([each.ravel() for each in model.get_weights()])


data = examples.load(Path(sys.argv[1]))
few = Examples(inputs=data.train.inputs[::8], labels=data.train.labels[::8])
data = dataclasses.replace(data, train=few, validation=few)
once, again, other = weights(data, 7), weights(data, 7), weights(data, 8, xla=True)
assert once.tobytes() == again.tobytes(), "the same seed gave other weights"
assert np.abs(once - other).max() > 1e-3, "another seed gave the same weights"
