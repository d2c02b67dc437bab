"""Writes a run's results: all figures as JSON, named after day and processor, and the tables as Markdown."""

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.serving import table
from benchmarks.serving.comparison import compare, shortfalls
from benchmarks.serving.contenders import Contender
from benchmarks.serving.results import Results


def write(folder: Path, results: Results, contenders: Sequence[Contender], plan: Mapping[str, object]) -> list[Path]:
    """Write both files into `folder`; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    day, processor = datetime.now(UTC).date().isoformat(), _processor()
    figures, page = folder / f"{day}-{slug(processor)}.json", folder / "serving.md"
    document = {
        "date": day,
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "plan": plan,
        "void": shortfalls(results, contenders),
        "rows": [asdict(compare(results, case)) for case in results.cases()],
        **asdict(results),
    }
    figures.write_text(json.dumps(document, indent=1) + "\n")
    page.write_text(table.render(results, contenders, f"{day}, {processor}, {document['cores']} cores."))
    return [figures, page]


def slug(name: str) -> str:
    """A name as part of a file's name: lower case, dashes."""
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
