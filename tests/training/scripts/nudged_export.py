"""`export` of the run below a folder, in which one format comes out with other weights than were trained."""

import sys
from pathlib import Path

from inference_app.training import __main__, formats

write = formats.write_litert


def write_nudged(model, path):
    """One kernel a hundredth larger for as long as this format is written."""
    kernel = next(layer.kernel for layer in model.layers if hasattr(layer, "kernel"))
    trained = kernel.numpy()
    kernel.assign(trained * 1.01)
    write(model, path)
    kernel.assign(trained)


formats.write_litert = write_nudged
work = Path(sys.argv[1])
sys.exit(__main__.main(["export", "--run", str(work / "run"), "--data", str(work / "data")]))
