"""Writes a run's held-out images, as they are and after FGSM, beside each other: `attacked.py WORK OUT`."""

import sys
from pathlib import Path

import numpy as np

from inference_app.training import run as runs
from inference_app.training.dataset import examples
from inference_app.training.detector import attacks

work, out = map(Path, sys.argv[1:])
data = examples.load(work / "data")
attacker = attacks.Attacker(runs.load_model(work / "run"), attacks.pixels(data.manifest.preprocessing), 0.1)
np.save(out, np.stack([data.test.inputs, attacker.fgsm(data.test)]))
