"""All processes of a server, found by a mark in their environment: some servers start daemons that leave their tree."""

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
MARK = "BENCHMARK_SERVER"
MIB = 1024 * 1024


@dataclass(frozen=True)
class Memory:
    """In MiB: resident memory, and its proportional share, in which a page of two processes counts half for each."""

    rss: float
    pss: float


def marked(mark: str) -> list[int]:
    """Process ids whose environment holds the mark."""
    wanted = f"{MARK}={mark}".encode()
    return [int(folder.name) for folder in PROC.glob("[0-9]*") if wanted in _read(folder / "environ").split(b"\0")]


def memory(mark: str) -> Memory:
    """Memory of all marked processes together (`smaps_rollup` of https://docs.kernel.org/filesystems/proc.html)."""
    rollups = [_read(PROC / str(pid) / "smaps_rollup").decode() for pid in marked(mark)]
    return Memory(*(sum(_kibibytes(rollup, name) for rollup in rollups) * 1024 / MIB for name in ("Rss", "Pss")))


def cpu_seconds(mark: str) -> float:
    """Processor time that all marked processes have taken so far (`stat` of the same page, fields 14 and 15)."""
    fields = (_read(PROC / str(pid) / "stat").rpartition(b")")[2].split() for pid in marked(mark))
    return sum(int(each[11]) + int(each[12]) for each in fields if each) / os.sysconf("SC_CLK_TCK")


def end(mark: str) -> None:
    """Kill all marked processes."""
    while pids := marked(mark):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _kibibytes(rollup: str, name: str) -> int:
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith(f"{name}:"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # the process has ended
        return b""
