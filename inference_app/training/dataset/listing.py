"""Which file has which label: `labels.csv` where there is one, else a folder for each label."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field

from inference_app.training.dataset.sources import Source
from inference_app.training.errors import TrainingError

LABELS_FILE = "labels.csv"
COLUMNS = ["file", "label"]
SUFFIXES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True, kw_only=True)
class Item:
    """An image's file and its label."""

    file: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A file that cannot be learned from, and why; `str` is a line for a person."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


@dataclass(kw_only=True)
class Listing:
    """The images that were found, those that cannot be used, and the files that are something else."""

    items: list[Item] = field(default_factory=list[Item])
    problems: list[Problem] = field(default_factory=list[Problem])
    others: list[str] = field(default_factory=list[str])


def list_items(source: Source) -> Listing:
    """Every labelled image of a source, in the order of their files; raises `TrainingError` where there is none."""
    files = source.files()
    listing = _by_table(source, files) if LABELS_FILE in files else _by_folder(files)
    if not listing.items:
        raise TrainingError(
            f"images must lie in <label>/<file>.png|jpg or be listed in {LABELS_FILE} ({','.join(COLUMNS)}), got "
            f"{len(files)} files and no such image"
        )
    return listing


def _by_folder(files: Iterable[str]) -> Listing:
    listing = Listing()
    for file in files:
        label, slash, _ = file.partition("/")
        if not file.lower().endswith(SUFFIXES):
            listing.others.append(file)
        elif slash:
            listing.items.append(Item(file=file, label=label))
        else:
            listing.problems.append(Problem(file=file, reason="lies in no label's folder; move it into one"))
    return listing


def _by_table(source: Source, files: list[str]) -> Listing:
    there, listing, labels = set(files), Listing(), dict[str, str]()
    for line, row in _rows(source):
        file, label = (cell.strip() for cell in row)
        where = f"{LABELS_FILE} line {line}"
        if not file or not label:
            listing.problems.append(Problem(file=where, reason="must name a file and a label; fill both in"))
        elif labels.setdefault(file, label) != label:
            reason = f"{where} says {label}, an earlier line {labels[file]}; keep one"
            listing.problems.append(Problem(file=file, reason=reason))
        elif file not in there:
            listing.problems.append(Problem(file=file, reason=f"{where} names it, it is missing"))
    # Under two labels neither is known to be right.
    wrong = {problem.file for problem in listing.problems}
    listing.items = [Item(file=file, label=labels[file]) for file in sorted(labels) if file not in wrong]
    listing.others = [file for file in files if file not in labels and file != LABELS_FILE]
    return listing


def _rows(source: Source) -> list[tuple[int, list[str]]]:
    """The lines of the table with their numbers, the heading and empty ones left out."""
    try:
        # Spreadsheets put a byte order mark first.
        text = source.read(LABELS_FILE).decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        rows = [(reader.line_num, row) for row in reader if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{LABELS_FILE} must be comma-separated text in UTF-8: {error}") from None
    if not rows or [cell.strip() for cell in rows[0][1]] != COLUMNS:
        raise TrainingError(f"{LABELS_FILE} must begin with the line {','.join(COLUMNS)}, got {rows[:1]}")
    for line, row in rows:
        if len(row) != len(COLUMNS):
            raise TrainingError(f"{LABELS_FILE} line {line} must have {len(COLUMNS)} cells, got {len(row)}")
    return rows[1:]
