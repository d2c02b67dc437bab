"""How much memory the process may still take, and giving back what it no longer needs."""

import ctypes
from pathlib import Path

from inference_app.errors import InsufficientMemory


def require_room(directory: Path) -> None:
    """Raise `InsufficientMemory` unless the files of a version's model fit into what is left.

    A model takes at least that much, and the kernel would end the process where ONNX Runtime runs out.
    """
    size = sum(path.stat().st_size for path in directory.glob("model.onnx*"))  # weights may lie in a file of their own
    left = available()
    if left is not None and size > left:
        raise InsufficientMemory(f"the model has {size} bytes, the server may take {left} more")


def trim() -> None:
    """Give freed memory back to the system, where the C library can; a few milliseconds, so best on a thread.

    Loading a model frees a good part of what it took, and glibc holds on to that
    (https://man7.org/linux/man-pages/man3/malloc_trim.3.html).
    """
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(0)


def available(root: Path = Path("/")) -> int | None:
    """Bytes left under the container's limit or on the machine, whichever is less; None where neither is known.

    `root` is where /proc and /sys lie (https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files).
    """
    known = [
        left for left in (_under_limit(root / "sys/fs/cgroup"), _on_machine(root / "proc/meminfo")) if left is not None
    ]
    return min(known, default=None)


def _under_limit(group: Path) -> int | None:
    limit, used = _number(group / "memory.max"), _number(group / "memory.current")
    return None if limit is None or used is None else max(0, limit - max(0, used - _cached(group / "memory.stat")))


def _cached(path: Path) -> int:
    """Bytes of files kept in memory, model files that were read among them: they count as used, and give way."""
    try:
        counts = dict(line.split() for line in path.read_text().splitlines())
    except (OSError, ValueError):
        return 0
    return int(counts.get("active_file", 0)) + int(counts.get("inactive_file", 0))


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # absent without a cgroup of version 2; "max" without a limit
        return None


def _on_machine(path: Path) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    free = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    return None if free is None else int(free) * 1024
