import ctypes
import os
from pathlib import Path

import pytest

from inference_app import memory
from tests.processes import resident

MIB = 1024 * 1024


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with 100 MiB left and a container limit of 64 MiB, 16 of them taken."""
    group, proc = tmp_path / "sys/fs/cgroup", tmp_path / "proc"
    group.mkdir(parents=True)
    proc.mkdir()
    (group / "memory.max").write_text(f"{64 * MIB}\n")
    (group / "memory.current").write_text(f"{16 * MIB}\n")
    (proc / "meminfo").write_text(f"MemTotal:  999999 kB\nMemAvailable:   {100 * 1024} kB\n")
    return tmp_path


def test_a_containers_limit_counts_where_it_is_the_tighter_one(root: Path) -> None:
    assert memory.available(root) == 48 * MIB


@pytest.mark.parametrize("limit", ["max\n", f"{999 * MIB}\n"])
def test_the_machine_counts_where_it_has_less(root: Path, limit: str) -> None:
    (root / "sys/fs/cgroup/memory.max").write_text(limit)
    assert memory.available(root) == 100 * MIB


def test_files_that_the_kernel_keeps_in_memory_give_way(root: Path) -> None:
    (root / "sys/fs/cgroup/memory.current").write_text(f"{60 * MIB}\n")
    (root / "sys/fs/cgroup/memory.stat").write_text(f"anon {8 * MIB}\nactive_file {20 * MIB}\ninactive_file {30 * MIB}")
    assert memory.available(root) == 54 * MIB


def test_more_than_the_limit_leaves_nothing(root: Path) -> None:
    (root / "sys/fs/cgroup/memory.current").write_text(f"{65 * MIB}\n")
    assert memory.available(root) == 0


def test_a_system_that_says_nothing_is_not_guessed_at(tmp_path: Path) -> None:
    assert memory.available(tmp_path) is None


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="/proc/meminfo is Linux's")
def test_this_machine_says_something() -> None:
    assert memory.available()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="malloc_trim is glibc's")
def test_what_was_freed_between_what_is_kept_goes_back_to_the_system() -> None:
    blocks = [b"x" * (MIB // 16) for _ in range(1600)]
    kept = blocks[::16]
    del blocks
    held = resident(os.getpid())
    memory.trim()
    assert held - resident(os.getpid()) > 64 * MIB
    assert len(kept) == 100
