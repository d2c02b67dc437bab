"""Runs a function in a process of its own, which may be killed in the middle of its writing."""

import itertools
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable

CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.link", "os.symlink", "shutil.move"}
"""Audit events, each raised before the change is made (https://docs.python.org/3/library/audit_events.html)."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["inference_app.repository.__main__", "tests.inference_app.killed"])


def at_write(number: int, function: Callable[..., object], *arguments: object) -> int:
    """The exit code of a process killed right before its `number`th change of the disk, 0 if it made fewer.

    Opening a file for writing counts, and fsync; what `function` returns is the process's exit code otherwise.
    """
    return _exit_code(_kill_at_write, number, function, *arguments)


def never(function: Callable[..., object], *arguments: object) -> int:
    """The exit code of a process that is left alone."""
    return at_write(0, function, *arguments)


def at_byte(number: int, function: Callable[..., object], *arguments: object) -> int:
    """The exit code of a process killed when it writes more than so many bytes into a file, which has them then."""
    return _exit_code(_kill_at_byte, number, function, *arguments)


def _exit_code(*target_and_arguments: object) -> int:
    process = _processes.Process(target=_run, args=target_and_arguments)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _run(prepare: Callable[[int], None], number: int, function: Callable[..., object], *arguments: object) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    prepare(number)
    code = function(*arguments)
    os._exit(code if isinstance(code, int) else 0)


def _kill_at_write(number: int) -> None:
    counted, synced = itertools.count(1), os.fsync

    def count() -> None:
        if next(counted) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        flags = arguments[2] if event == "open" else 0
        if event in CHANGES or (isinstance(flags, int) and flags & WRITING):
            count()

    def sync(descriptor: int) -> None:
        count()
        synced(descriptor)

    os.fsync = sync
    sys.addaudithook(hear)


def _kill_at_byte(number: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (number, number))
