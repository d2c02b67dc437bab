"""Several processes on one port: the parent holds the port, starts them, and replaces those that die."""

import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import NoReturn

from inference_app import logs, siblings
from inference_app.http import server
from inference_app.repository import ModelVersion
from inference_app.scoreboard import Scoreboard
from inference_app.settings import Settings
from inference_app.siblings import Siblings

logger = logging.getLogger(__name__)

SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGALRM}

SHORT_LIFE_SECONDS = 10
SHORT_LIVES = 5
"""One after another in one place; then the server gives up."""
FIRST_PAUSE_SECONDS = 0.1
"""Before a worker that died young is replaced; doubled each time."""
MARGIN_SECONDS = 1
"""After the grace period, before workers that are still there are killed."""


@dataclass
class Place:
    """Where one worker runs, and after its death the next."""

    slot: int
    pid: int = 0
    started_at: float = 0
    due_at: float = 0
    short_lives: int = 0
    has_died: bool = False

    @property
    def number(self) -> int:
        """For people, from 1."""
        return self.slot + 1


def prepare(versions: list[ModelVersion], settings: Settings) -> Callable[[], int]:
    """Take the ports, and return what serves on them until a signal stops it and returns the exit status.

    Raises `ConfigurationError` where a port cannot be had.
    """
    import_module("inference_app.exposition")  # what the parent has imported, its workers share
    held = [_hold(settings)]
    wanted = {"port": held[0].getsockname()[1]}
    if settings.grpc_port is not None:
        import_module("inference_app.grpc.server")
        held.append(_hold(settings.model_copy(update={"port": settings.grpc_port})))
        wanted["grpc_port"] = held[1].getsockname()[1]
    resolved = settings.model_copy(update=wanted)

    def serve(colleagues: Siblings) -> None:
        server.run(versions, resolved, _bind(resolved), colleagues)

    return Supervisor(serve, settings.workers, settings.grace_seconds + MARGIN_SECONDS, held).run


def _hold(settings: Settings) -> socket.socket:
    """A socket that keeps the port for processes of ours and never listens; PORT=0 becomes a port here."""
    with server.listen(settings) as alone:  # fails where another server listens, even one that would share
        port = alone.getsockname()[1]
    return _bind(settings.model_copy(update={"port": port}))


def _bind(settings: Settings) -> socket.socket:
    """A socket on a port that several share: the kernel spreads connections over those that listen."""
    bound = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((settings.host, settings.port))
    return bound


class Supervisor:
    """The parent: it waits for signals and does nothing else, so that it can fork at any time."""

    def __init__(
        self, serve: Callable[[Siblings], None], workers: int, patience: float, held: list[socket.socket]
    ) -> None:
        """`patience` is how many seconds after a signal workers that have not ended are killed."""
        self._serve = serve
        self._patience = patience
        self._held = held
        self._board = Scoreboard(workers)
        self._places = [Place(slot) for slot in range(workers)]
        self._is_stopping = False
        self._status = 0
        self._life, self._parents_end = os.pipe()

    def run(self) -> int:
        """Returns the exit status when all workers have ended: 0 after a signal, 1 where they keep dying."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        gc.collect()
        gc.freeze()  # else each worker's first collection would copy the pages it shares
        for place in self._places:
            siblings.vacate(self._board, place.slot, "is starting")
        for place in self._places:
            self._start(place)
        while not self._is_stopping or any(place.pid for place in self._places):
            self._handle(signal.sigwait(SIGNALS))
        return self._status

    def _handle(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._reap()
        elif number != signal.SIGALRM:
            self._stop(number)
        elif self._is_stopping:
            self._kill()
        else:
            self._replace()

    def _start(self, place: Place) -> None:
        place.started_at = time.monotonic()
        place.pid = os.fork()
        if not place.pid:
            self._work(place)

    def _work(self, place: Place) -> NoReturn:
        """The worker's own life."""
        status = 1
        try:
            os.setpgid(0, 0)  # a terminal's SIGINT comes from the parent, and only once
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            os.close(self._parents_end)
            threading.Thread(target=self._end_with_parent, daemon=True).start()
            logs.name_worker(place.number)
            self._serve(Siblings(self._board, place.slot, replaces=place.has_died))
            status = 0
        except Exception:
            logger.exception("the worker failed")
        finally:
            sys.stdout.flush()
            os._exit(status)

    def _end_with_parent(self) -> None:
        os.read(self._life, 1)  # nothing is ever written: it returns when the parent is gone
        os.kill(os.getpid(), signal.SIGTERM)

    def _reap(self) -> None:
        """See who has died; one signal may stand for several."""
        while ended := _ended():
            pid, status = ended
            for place in self._places:
                if place.pid == pid:  # a container's first process also gets orphans that it never started
                    self._bury(place, status)

    def _bury(self, place: Place, status: int) -> None:
        place.pid = 0
        if self._is_stopping:
            return
        lived = time.monotonic() - place.started_at
        place.short_lives = place.short_lives + 1 if lived < SHORT_LIFE_SECONDS else 0
        pause = FIRST_PAUSE_SECONDS * 2 ** (place.short_lives - 1) if place.short_lives else 0
        place.due_at = time.monotonic() + pause
        place.has_died = True
        siblings.vacate(self._board, place.slot, "has died and is being replaced")
        seconds = round(lived, 1)
        logger.error("worker died", extra={"worker": place.number, "status": status, "duration_seconds": seconds})
        if place.short_lives < SHORT_LIVES:
            self._replace()
            return
        logger.critical("workers keep dying", extra={"worker": place.number, "times": SHORT_LIVES})
        self._status = 1
        self._stop(signal.SIGTERM)

    def _replace(self) -> None:
        """Start those whose time has come, and come back for the next."""
        now = time.monotonic()
        gone = [place for place in self._places if not place.pid]
        for place in gone:
            if place.due_at <= now:
                self._start(place)
        pauses = [place.due_at - now for place in gone if not place.pid]
        if pauses:
            signal.setitimer(signal.ITIMER_REAL, min(pauses))

    def _stop(self, number: int) -> None:
        """Pass a signal on; a second one as well, which hurries."""
        self._is_stopping = True
        signal.setitimer(signal.ITIMER_REAL, self._patience)
        for held in self._held:
            held.close()
        self._signal(number)

    def _kill(self) -> None:
        logger.error("workers do not end and are killed")
        self._status = 1
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        for place in self._places:
            if place.pid:
                os.kill(place.pid, number)


def _ended() -> tuple[int, int] | None:
    """Process id and exit code (negative: the signal) of a child that has ended; None where there is no further one."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, os.waitstatus_to_exitcode(status)) if pid else None
