"""`python -m tests check|quick|all`: run a tier part by part, then say how long each took and what was skipped."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"
WIDTH = 24
"""Of a part's name."""
APART = ("backups", "cluster", "engine", "image", "monitoring", "training")
"""Folders of tests that need more than Python packages; each has a `make` target."""
REPORTS = [BUILD / "tests.xml", *(BUILD / f"{folder}-tests.xml" for folder in APART)]
PYTEST = (
    f"-m pytest --quiet --junitxml={REPORTS[0]} --numprocesses 2 --dist loadfile "
    f"{' '.join(f'--ignore tests/{folder}' for folder in APART)}"
)


@dataclass(frozen=True)
class Part:
    """One command of a tier; `make` targets and arguments of this Python alike."""

    name: str
    command: str


LINT = Part("lint", "-m ruff check --quiet .")
FORMAT = Part("format", "-m ruff format --check --quiet .")
TYPES = Part("types", "-m pyright --warnings")
TIERS = {
    "check": [LINT, FORMAT, TYPES, Part("fast tests", f"{PYTEST} -m 'not slow'")],
    "quick": [LINT, FORMAT, TYPES, Part("tests", PYTEST)],
}
PROGRAMS = Part("programs", "make programs")
"""What the parts after it run: Go takes long to build it the first time, so it begins with the first part."""
TIERS["all"] = [
    *TIERS["quick"],
    Part("demo", "make demo"),
    PROGRAMS,
    Part("backups", "make backups-test"),
    Part("monitoring", "make monitoring-test"),
    # Clusters' tests wait more than they work.
    Part("cluster, image, training", "make --jobs 3 --output-sync=target cluster-test image-test train-check"),
    Part("engine", "make engine-test"),
]


def main(tier: str) -> int:
    """Run every part, also after one failed; return 1 if any did."""
    for report in REPORTS:
        report.unlink(missing_ok=True)
    parts = TIERS[tier]
    ahead = {PROGRAMS: started(PROGRAMS)} if PROGRAMS in parts else {}
    results = [(part, *timed(part, ahead.get(part))) for part in parts]
    print(f"\n{'Part':{WIDTH}} seconds  result")
    for part, seconds, passed in results:
        print(f"{part.name:{WIDTH}} {seconds:7.1f}  {'passed' if passed else 'FAILED'}")
    missed = skipped()
    for reason, count in sorted(missed.items()):
        print(f"skipped {count}: {reason}")
    if not missed:
        print("no test was skipped")
    return 0 if all(passed for _, _, passed in results) else 1


def timed(part: Part, ahead: subprocess.Popen[bytes] | None = None) -> tuple[float, bool]:
    """Seconds that a part took, or was waited for where it runs already, and whether it passed."""
    print(f"\n== {part.name}", flush=True)
    begun = time.perf_counter()
    status = (ahead or started(part, beside=False)).wait()
    return time.perf_counter() - begun, status == 0


def started(part: Part, *, beside: bool = True) -> subprocess.Popen[bytes]:
    """A part that runs; `beside` others it gives way to them."""
    command = part.command if part.command.startswith("make ") else f"{sys.executable} {part.command}"
    return subprocess.Popen(f"nice -n 19 {command}" if beside else command, shell=True, cwd=ROOT, env=os.environ)


def skipped() -> dict[str, int]:
    """Reasons of skipped tests in pytest's reports, with how often each was given."""
    counts: dict[str, int] = {}
    found = [ElementTree.parse(report) for report in REPORTS if report.exists()]
    for node in (node for report in found for node in report.iter("skipped")):
        reason = node.get("message", "no reason given")
        counts[reason] = counts.get(reason, 0) + 1
    return counts


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in TIERS:
        sys.exit(f"usage: python -m tests {'|'.join(TIERS)}")
    sys.exit(main(sys.argv[1]))
