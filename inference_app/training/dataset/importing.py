"""From a source to a data set on disk, or to the list of what is wrong with it."""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from inference_app.preprocessing.declarations import ImagePreprocessing
from inference_app.training.dataset import manifest
from inference_app.training.dataset.listing import Item, Problem, list_items
from inference_app.training.dataset.manifest import Entry, Manifest, Sample
from inference_app.training.dataset.reading import Reading, declared_by_first, read_all
from inference_app.training.dataset.sources import Source
from inference_app.training.dataset.split import Part, split
from inference_app.training.errors import TrainingError

logger = logging.getLogger(__name__)

DRAFT_ROWS = "draft.npy"
MOST_SAMPLES = 32
EXTRA_SAMPLES = 2


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to make of a source: `declaration` is how the server prepares images, None for as they are."""

    name: str
    where: str
    declaration: ImagePreprocessing | None = None
    about: str = ""
    minimum: int = 10
    """Fewest different images of a label."""
    share: float = 0.2
    """Of each label's images, for validation, and as much again for the test."""
    seed: int = 0
    skip_bad: bool = False


def import_images(source: Source, request: Request, folder: Path) -> Manifest:
    """Fill an empty folder with arrays, samples and data.json; raises `TrainingError` with every problem there is."""
    listing = list_items(source)
    if listing.others:
        logger.info("%d other files are left alone: %s", len(listing.others), _few(listing.others))
    declaration = request.declaration or declared_by_first(source, listing.items)
    reading = read_all(source, listing.items, declaration, folder / DRAFT_ROWS)
    if request.declaration is None:
        _check_alike(reading)
    problems = [*listing.problems, *reading.problems, *conflicts(reading)]
    _check_problems(problems, skip=request.skip_bad)
    kept = _kept(reading, problems)
    _check_labels([reading.items[row] for row in kept], [reading.digests[row] for row in kept], request.minimum)
    entries = _entries(reading, kept, request)
    _write_rows(folder, kept)
    found = Manifest(
        name=request.name,
        source=request.where,
        seed=request.seed,
        share=request.share,
        labels=tuple(sorted({entry.label for entry in entries})),
        preprocessing=declaration,
        about=request.about,
        sha256=_digest(entries),
        counts=manifest.count(entries),
        looks={str(look): number for look, number in reading.looks.most_common()},
        left_out=tuple(map(str, problems)),
        samples=_samples(source, entries, folder),
        examples=tuple(entries),
    )
    (folder / manifest.FILE).write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return found


def conflicts(reading: Reading) -> list[Problem]:
    """Files that show the model the same image under different labels, each with the others."""
    same: dict[str, list[Item]] = defaultdict(list)
    for item, digest in zip(reading.items, reading.digests, strict=True):
        same[digest].append(item)
    torn = [items for items in same.values() if len({item.label for item in items}) > 1]
    return [
        Problem(file=item.file, reason=f"is the same image as {_others(item, items)}; keep the right one")
        for items in torn
        for item in items
    ]


def _others(item: Item, items: Sequence[Item]) -> str:
    return _few([f"{each.file} ({each.label})" for each in items if each.label != item.label])


def _few(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _check_alike(reading: Reading) -> None:
    if len(reading.looks) > 1:
        found = _few([f"{number} of {look}" for look, number in reading.looks.most_common()])
        raise TrainingError(
            f"images must have one size and be all gray or all in colour, got {found}; say what the model takes with "
            "--size and --mode, and the server will prepare images the same way"
        )


def _check_problems(problems: Sequence[Problem], *, skip: bool) -> None:
    told = "".join(f"\n  {problem}" for problem in problems)
    if problems and not skip:
        raise TrainingError(
            f"{len(problems)} files must be mended or left out, nothing was written; --skip-bad leaves them out:{told}"
        )
    if problems:
        logger.warning("%d files are left out:%s", len(problems), told)


def _kept(reading: Reading, problems: Collection[Problem]) -> list[int]:
    bad = {problem.file for problem in problems}
    return [row for row, item in enumerate(reading.items) if item.file not in bad]


def _check_labels(items: Sequence[Item], digests: Sequence[str], minimum: int) -> None:
    different: dict[str, set[str]] = defaultdict(set)
    for item, digest in zip(items, digests, strict=True):
        different[item.label].add(digest)
    if len(different) < 2:
        raise TrainingError(f"images must have at least 2 labels, got {_few(sorted(different)) or 'none'}")
    small = {label: len(found) for label, found in sorted(different.items()) if len(found) < minimum}
    if small:
        told = _few([f"{label} has {number}" for label, number in small.items()], most=20)
        raise TrainingError(
            f"a label must have at least {minimum} different images, got {told}; add some, leave the label out, or "
            "lower --minimum"
        )


def _entries(reading: Reading, kept: Sequence[int], request: Request) -> list[Entry]:
    items, digests = [reading.items[row] for row in kept], [reading.digests[row] for row in kept]
    parts = split([item.label for item in items], digests, request.share, request.seed)
    return [
        Entry(file=item.file, label=item.label, part=part, sha256=digest)
        for item, part, digest in zip(items, parts, digests, strict=True)
    ]


def _write_rows(folder: Path, kept: Sequence[int]) -> None:
    draft = np.load(folder / DRAFT_ROWS, mmap_mode="r")
    rows = np.lib.format.open_memmap(folder / manifest.INPUTS, "w+", draft.dtype, (len(kept), *draft.shape[1:]))
    for row, before in enumerate(kept):
        rows[row] = draft[before]
    rows.flush()
    (folder / DRAFT_ROWS).unlink()


def _samples(source: Source, entries: Sequence[Entry], folder: Path) -> tuple[Sample, ...]:
    """The first held-out image of each label and the next `EXTRA_SAMPLES`, by digest: before any is predicted."""
    (folder / manifest.SAMPLES).mkdir()
    held_out = sorted((entry.sha256, row) for row, entry in enumerate(entries) if entry.part is Part.TEST)
    order = [row for _, row in held_out]
    first = {entries[row].label: row for row in reversed(order)}
    others = [row for row in order if row not in first.values()][:EXTRA_SAMPLES]
    chosen = sorted({*list(first.values())[:MOST_SAMPLES], *others}, key=order.index)
    return tuple(_copy(source, entries[row], row, number, folder) for number, row in enumerate(chosen))


def _copy(source: Source, entry: Entry, row: int, number: int, folder: Path) -> Sample:
    file = f"{manifest.SAMPLES}/{number:02}{PurePosixPath(entry.file).suffix.lower()}"
    (folder / file).write_bytes(source.read(entry.file))
    return Sample(file=file, label=entry.label, row=row)


def _digest(entries: Sequence[Entry]) -> str:
    lines = sorted(f"{entry.sha256} {entry.part} {entry.label}\n" for entry in entries)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
