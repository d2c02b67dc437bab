"""Images into what the model is fed, by the server's own code, and into problems where that cannot be."""

import hashlib
import logging
import math
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference_app.errors import InferenceError
from inference_app.preprocessing.declarations import ImagePreprocessing
from inference_app.preprocessing.images import ImageReader, open_image
from inference_app.tensors import Datatype, TensorSpec
from inference_app.training.dataset.listing import Item, Problem
from inference_app.training.dataset.sources import Source
from inference_app.training.errors import TrainingError

logger = logging.getLogger(__name__)

INPUT = "image"
SCALE = 1 / 255
CHUNK = 256
PROGRESS_SECONDS = 5
GIB = 1024**3
GRAY_MODES = ("1", "L", "LA", "I", "I;16", "F")
"""Pillow's (https://pillow.readthedocs.io/en/stable/handbook/concepts.html#modes)."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """The size and the mode that an image has itself, before anything is done to it."""

    width: int
    height: int
    mode: str

    def __str__(self) -> str:
        return f"{self.width}x{self.height} {self.mode}"


@dataclass(kw_only=True)
class Reading:
    """What was read: `rows` of the array hold `items`, whose content `digests` tell apart."""

    items: list[Item] = field(default_factory=list[Item])
    digests: list[str] = field(default_factory=list[str])
    problems: list[Problem] = field(default_factory=list[Problem])
    looks: Counter[Look] = field(default_factory=Counter[Look])


def input_spec(declaration: ImagePreprocessing) -> TensorSpec:
    """The model's input, FP32 `[-1, height, width, channels]`."""
    return TensorSpec(name=INPUT, datatype=Datatype.FP32, shape=(-1, *declaration.shape))


def declared_by_first(source: Source, items: Sequence[Item]) -> ImagePreprocessing:
    """The declaration that takes the first readable image as it is, pixels from 0 to 1; raises `TrainingError`."""
    for item in items:
        try:
            look = _look(source.read(item.file))
        except (TrainingError, InferenceError):
            continue  # told when all are read
        return ImagePreprocessing(kind="image", width=look.width, height=look.height, mode=_mode(look), scale=SCALE)
    raise TrainingError(f"images must be PNG or JPEG, got {len(items)} files and none that can be read")


def read_all(source: Source, items: Sequence[Item], declaration: ImagePreprocessing, rows: Path) -> Reading:
    """Fill a `.npy` file with a float32 row for each image that can be read, in order; tells its progress.

    The digest is that of what the model sees, so that a copy in another format is known for one.
    """
    _check_room(len(items), declaration.shape, rows.parent)
    reader, reading = ImageReader(declaration, input_spec(declaration)), Reading()
    array = np.lib.format.open_memmap(rows, "w+", np.float32, (len(items), *declaration.shape))
    told = time.monotonic()

    def example(item: Item) -> tuple[Look, NDArray[np.float32]] | Problem:
        try:
            body = source.read(item.file)
            return _look(body), reader.read([body])[INPUT][0]
        except (TrainingError, InferenceError) as error:
            return Problem(file=item.file, reason=str(error))

    with ThreadPoolExecutor() as pool:
        for done, chunk in _chunks(items):
            for item, found in zip(chunk, pool.map(example, chunk), strict=True):
                _take(reading, array, item, found)
            if time.monotonic() - told > PROGRESS_SECONDS:
                logger.info("Read %s of %s images", f"{done:,}", f"{len(items):,}")
                told = time.monotonic()
    array.flush()
    return reading


def _check_room(count: int, shape: tuple[int, ...], folder: Path) -> None:
    """Raise `TrainingError` unless the rows fit on the disk twice, as they are read and as they are kept."""
    needed, free = 2 * count * math.prod(shape) * np.dtype(np.float32).itemsize, shutil.disk_usage(folder).free
    if needed > free:
        size = "x".join(map(str, shape))
        raise TrainingError(
            f"{count:,} images of {size} must fit on the disk, got {free / GIB:.1f} GiB for {needed / GIB:.1f}; choose "
            "a smaller --size, or a larger disk for --into"
        )


def _chunks(items: Sequence[Item]) -> Iterator[tuple[int, Sequence[Item]]]:
    for start in range(0, len(items), CHUNK):
        chunk = items[start : start + CHUNK]
        yield start + len(chunk), chunk


def _take(
    reading: Reading, array: NDArray[np.float32], item: Item, found: tuple[Look, NDArray[np.float32]] | Problem
) -> None:
    if isinstance(found, Problem):
        reading.problems.append(found)
        return
    look, example = found
    array[len(reading.items)] = example
    reading.items.append(item)
    reading.digests.append(hashlib.sha256(example.tobytes()).hexdigest())
    reading.looks[look] += 1


def _look(body: bytes) -> Look:
    with open_image(body) as image:
        return Look(width=image.width, height=image.height, mode=_shown(image))


def _shown(image: Image.Image) -> str:
    return "gray" if image.mode in GRAY_MODES else "colour"


def _mode(look: Look) -> str:
    return "L" if look.mode == "gray" else "RGB"
