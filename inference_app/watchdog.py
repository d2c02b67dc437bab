"""Notices a model that hangs or fails while it serves, and brings it back where that is possible."""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from inference_app.errors import DeadlineExceeded, InferenceError, ModelFailed, ModelUnusable, QueueFull
from inference_app.health import Health, State
from inference_app.sessions import poisons_device
from inference_app.tensors import Arrays

logger = logging.getLogger(__name__)

T = TypeVar("T")
Clock = Callable[[], float]


class Calls:
    """The calls of one model: how many have returned, and for how long the oldest has been running."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._running: dict[int, float] = {}
        self.returned = 0

    def watch(self, run: Callable[[Arrays], T]) -> Callable[[Arrays], T]:
        """`run`, with its calls noted here; any thread may call it."""
        running, clock, thread_id = self._running, self._clock, threading.get_ident

        def watched(inputs: Arrays) -> T:
            thread = thread_id()
            running[thread] = clock()
            try:
                return run(inputs)
            finally:
                del running[thread]
                self.returned += 1

        return watched

    def longest(self) -> float:
        """Seconds since the oldest running call began; 0 when none runs."""
        begun = list(self._running.values())
        return self._clock() - min(begun) if begun else 0


@dataclass(frozen=True, kw_only=True)
class WatchdogLimits:
    """How often to look (0: only after an error), how long a call and a reload may take, how often and after what
    pause (doubled each time) to reload; times in seconds."""

    interval: float = 10
    timeout: float = 30
    reload_timeout: float = 300
    reloads: int = 3
    backoff: float = 1


class Watchdog:
    """Probes a model that is silent or has raised, and reloads one that fails; owns its `Health` while it serves."""

    def __init__(
        self,
        health: Health,
        calls: Calls,
        probe: Callable[[], Awaitable[None]],
        reload: Callable[[], Awaitable[None]],
        limits: WatchdogLimits,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`probe` runs the golden inference through the model's queue; it raises `ModelUnusable` on a wrong answer and
        otherwise what the queue raises. `reload` replaces the model and its queue, or raises.
        """
        self._health = health
        self._calls = calls
        self._probe = probe
        self._reload = reload
        self._limits = limits
        self._clock = clock
        self._sleep = sleep
        self._error: Exception | None = None
        self._reported = asyncio.Event()
        self._returned = calls.returned
        self._answered_at = clock()

    def report(self, error: Exception) -> None:
        """A model call raised `error`. Returns at once; whether the model is to blame is found out in `run`'s task."""
        if self._error is None or poisons_device(error):
            self._error = error
        self._reported.set()

    async def run(self) -> None:
        """Watch until the model stops, breaks, or the task is cancelled; begin once the model is ready."""
        self._answered_at = self._clock()
        while self._health.state in (State.READY, State.HUNG, State.FAILING):
            await self._pause()
            await self.check()

    async def check(self) -> None:
        """One look at the model."""
        self._reported.clear()
        error, self._error = self._error, None
        if error is not None and poisons_device(error):
            await self._recover(error)
        elif (seconds := self._calls.longest()) >= self._limits.timeout:
            self._health.become(State.HUNG, f"a model call has been running for {seconds:.0f} s")
        elif error is None and self._has_answered():
            self._health.become(State.READY)
        else:
            await self._ask()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._limits.interval or None):
                await self._reported.wait()
        except TimeoutError:
            return

    def _has_answered(self) -> bool:
        if self._calls.returned == self._returned:
            return False
        self._returned = self._calls.returned
        self._answered_at = self._clock()
        return True

    async def _ask(self) -> None:
        """Run the golden inference and act on what comes of it."""
        try:
            await self._ask_in_time()
        except (QueueFull, DeadlineExceeded, TimeoutError):
            self._doubt()
        except (ModelFailed, ModelUnusable) as error:
            await self._recover(self._cause(error))
        except InferenceError as error:
            logger.info("no verdict on the model", extra={"reason": str(error)})  # its queue closes, for one
        else:
            self._health.become(State.READY)

    async def _ask_in_time(self) -> None:
        async with asyncio.timeout(self._limits.timeout):
            await self._probe()
        self._has_answered()

    def _doubt(self) -> None:
        """No answer to the probe: a busy model has answered others meanwhile, a stuck one nobody."""
        silent = self._clock() - self._answered_at
        if not self._has_answered() and silent >= self._limits.timeout:
            self._health.become(State.HUNG, f"the model has not answered for {silent:.0f} s")

    async def _recover(self, error: Exception) -> None:
        """Reload until the golden inference is right again, at most `reloads` times, waiting longer each time."""
        for attempt in range(self._limits.reloads):
            if poisons_device(error):
                break
            if not self._health.become(State.FAILING, f"the model fails and is being reloaded: {_words(error)}"):
                return
            await self._sleep(self._limits.backoff * 2**attempt)
            try:
                await self._reload_in_time()
                await self._ask_in_time()
            except Exception as failure:
                logger.exception("reloading the model did not help")
                error = self._cause(failure)
            else:
                self._health.become(State.READY)
                return
        self._health.become(State.BROKEN, f"the model fails and no reload helps: {_words(error)}")

    async def _reload_in_time(self) -> None:
        async with asyncio.timeout(self._limits.reload_timeout):
            await self._reload()
        self._error = None  # the old model's

    def _cause(self, failure: Exception) -> Exception:
        """What the model raised, where the queue reported it; the request that failed is told less."""
        error, self._error = self._error, None
        return error or failure


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
