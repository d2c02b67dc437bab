"""Import images and labels, check them, split them, and prepare them as the server does."""

import argparse
import logging
import os
import re
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from inference_app.preprocessing.declarations import ImagePreprocessing
from inference_app.training import folders
from inference_app.training.dataset import manifest
from inference_app.training.dataset.importing import Request, import_images
from inference_app.training.dataset.manifest import Manifest
from inference_app.training.dataset.reading import SCALE
from inference_app.training.dataset.sources import SCANS, open_source
from inference_app.training.dataset.split import FEWEST
from inference_app.training.errors import TrainingError
from inference_app.training.values import NAME, name

logger = logging.getLogger(__name__)

DATA = Path("build/data")
TRAINING_DATA = "TRAINING_DATA"
UNBALANCED = 10
"""The largest label's images by the smallest's, from which on it is worth a word."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Where from, where to, and how images are prepared and split."""
    add_source(parser)
    parser.add_argument("--into", type=Path, default=DATA, help=f"folder to write (default: {DATA})")
    parser.add_argument("--share", type=_share, default=0.2, help="for validation, and as much for the test (0.2)")
    parser.add_argument("--minimum", type=_minimum, default=10, help="different images that a label needs (10)")
    parser.add_argument("--seed", type=int, default=2026, help="of the split (2026)")


def add_source(parser: argparse.ArgumentParser) -> None:
    """What images there are, and how the server is to prepare them."""
    parser.add_argument(
        "--from",
        dest="source",
        default=os.environ.get(TRAINING_DATA, SCANS),
        help="folder, s3://, gs:// or az:// URL of <label>/<file>.png|jpg or of labels.csv (file,label), or "
        f"{SCANS}, what the shipped model learned from (default: {TRAINING_DATA}, else {SCANS})",
    )
    parser.add_argument("--name", type=name, help="the model's (default: the last part of --from)")
    parser.add_argument("--size", type=_size, help="of the model's input, as 96x64 (default: the images' own)")
    parser.add_argument("--mode", choices=["L", "RGB"], help="gray or colour (default: the images' own)")
    parser.add_argument("--preprocessing", type=Path, help="JSON file with all of metadata.json's `preprocessing`")
    parser.add_argument("--about", type=Path, help="Markdown on the data's origin and licence, for the model's card")
    parser.add_argument("--skip-bad", action="store_true", help="leave out what cannot be used, and say so")


def run(options: argparse.Namespace) -> int:
    """Writes the data set, or raises `TrainingError` with every file that is in the way."""
    source = open_source(options.source)
    request = Request(
        name=options.name or _name_of(options.source),
        where=options.source,
        declaration=_declaration(options),
        about=options.about.read_text(encoding="utf-8") if options.about else source.about,
        minimum=options.minimum,
        share=options.share,
        seed=options.seed,
        skip_bad=options.skip_bad,
    )
    with folders.written(options.into, manifest.FILE) as folder:
        found = import_images(source, request, folder)
    _tell(found, options.into)
    return 0


def _tell(found: Manifest, folder: Path) -> None:
    width = max(map(len, found.labels))
    logger.info("%-*s %s", width, "", "".join(f"{part:>12}" for part in found.counts))
    for label in found.labels:
        logger.info("%-*s %s", width, label, "".join(f"{counts[label]:12,}" for counts in found.counts.values()))
    totals = {label: sum(counts[label] for counts in found.counts.values()) for label in found.labels}
    largest, smallest = max(totals, key=totals.__getitem__), min(totals, key=totals.__getitem__)
    if totals[largest] > UNBALANCED * totals[smallest]:
        logger.warning(
            "%s has %.0f times as many images as %s; `train` weighs labels",
            largest,
            totals[largest] / totals[smallest],
            smallest,
        )
    copies = len(found.examples) - len({entry.sha256 for entry in found.examples})
    if copies:
        logger.info("%d images are copies of others; they are in the same part as those", copies)
    looks = ", ".join(f"{number:,} of {look}" for look, number in found.looks.items())
    logger.info("Images: %s; the model takes %s", looks, "x".join(map(str, found.preprocessing.shape)))
    logger.info("Wrote %s: %s examples for %s", folder, f"{len(found.examples):,}", found.name)


def _declaration(options: argparse.Namespace) -> ImagePreprocessing | None:
    if options.preprocessing:
        if options.size or options.mode:
            raise TrainingError("--preprocessing must come alone, got --size or --mode too; the file says both")
        return _declared_in(options.preprocessing)
    if not (options.size or options.mode):
        return None
    if not (options.size and options.mode):
        raise TrainingError("--size and --mode must come together, got one; name both")
    width, height = options.size
    return ImagePreprocessing(kind="image", width=width, height=height, mode=options.mode, scale=SCALE)


def _declared_in(file: Path) -> ImagePreprocessing:
    try:
        return ImagePreprocessing.model_validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise TrainingError(f"{file} must be like metadata.json's `preprocessing`; {where}: {first['msg']}") from None


def _name_of(source: str) -> str:
    last = PurePosixPath(source.rstrip("/").rpartition(":")[2]).name
    if not NAME.fullmatch(last):
        raise TrainingError(f"--name must say what the model is called, got none and {source!r} ends in no name")
    return last


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not found:
        raise argparse.ArgumentTypeError(f"must be width x height in pixels, as 96x64, got {text!r}")
    return int(found[1]), int(found[2])


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 0.5:
        raise argparse.ArgumentTypeError(f"must be above 0 and below 0.5, got {text}")
    return share


def _minimum(text: str) -> int:
    if not (text.isdecimal() and int(text) >= FEWEST):
        raise argparse.ArgumentTypeError(f"must be {FEWEST} or more, one for each part, got {text}")
    return int(text)
