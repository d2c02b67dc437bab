"""Candidates measured in turn, round by round, until one of them is known to be the best."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from inference_app.contract import Execution
from inference_app.errors import InferenceError
from inference_app.tuning import TunedSettings

ROUNDS = 8
SURE_ROUNDS = 2
"""Nobody is out before: one round may meet a busy moment of the machine."""
CLEARLY_WORSE = 0.10
AS_GOOD = 0.03
SHORTEST_SECONDS = 0.05
TOLERATED_LATENCY = 1.5
"""Times the limit. The P99 of a short round is uncertain: what exceeds the limit by less is measured on."""


class Measurement(NamedTuple):
    """Throughput of a busy queue, and latency of a few clients."""

    examples_per_second: float
    p50_ms: float
    p99_ms: float


class Result(NamedTuple):
    """A candidate's measurements, one per round.

    Its figures are the medians of the better half of the rounds: what else the machine does only ever slows a round.
    """

    settings: TunedSettings
    measurements: list[Measurement]

    @property
    def rates(self) -> list[float]:
        """Examples per second in each round."""
        return [each.examples_per_second for each in self.measurements]

    @property
    def examples_per_second(self) -> float:
        """With a full queue."""
        return -_better_half([-rate for rate in self.rates])

    @property
    def p50_ms(self) -> float:
        """With few clients."""
        return _better_half([each.p50_ms for each in self.measurements])

    @property
    def p99_ms(self) -> float:
        """With few clients."""
        return _better_half([each.p99_ms for each in self.measurements])

    @property
    def spread(self) -> float:
        """How far all rounds' throughputs lie apart, as a share of their median."""
        return (max(self.rates) - min(self.rates)) / statistics.median(self.rates)

    def overlaps(self, other: "Result") -> bool:
        """Whether the two differ by no more than the rounds of each among themselves."""
        return min(self.rates) <= max(other.rates) and min(other.rates) <= max(self.rates)


Measure = Callable[[TunedSettings, float], Measurement]


class Race:
    """Measures with `measure(settings, seconds)` and tells its progress line by line; times in seconds."""

    def __init__(
        self, measure: Measure, say: Callable[[str], None], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._measure = measure
        self._say = say
        self._clock = clock

    def run(self, candidates: Sequence[TunedSettings], seconds: float, limit_ms: float = math.inf) -> list[Result]:
        """Every candidate's result. Those clearly behind are not measured in all rounds, those that fail left out."""
        results = [Result(candidate, []) for candidate in candidates]
        running = results
        ends = self._clock() + seconds
        for number in range(1, ROUNDS + 1):
            left = max(0.0, ends - self._clock())
            if not running or (number > SURE_ROUNDS and (len(running) == 1 or not left)):
                break
            share = left / (ROUNDS - number + 1) / len(running)
            # There and back, so that a machine that grows slower treats the first and the last alike.
            order = running if number % 2 else running[::-1]
            failed = [result.settings for result in order if not self._try(number, result, share)]
            results = [result for result in results if result.settings not in failed]
            running = [result for result in running if result.settings not in failed]
            if number >= SURE_ROUNDS:
                running = contenders(running, limit_ms)
        return results

    def _try(self, number: int, result: Result, seconds: float) -> bool:
        try:
            measured = self._measure(result.settings, max(seconds, SHORTEST_SECONDS))
        except InferenceError as error:
            self._say(f"round {number}: {words(result.settings)}: left out, {error}")
            return False
        self._say(f"round {number}: {words(result.settings)}: {measured.examples_per_second:,.0f} examples/s")
        result.measurements.append(measured)
        return True


def contenders(results: Sequence[Result], limit_ms: float = math.inf) -> list[Result]:
    """Those that may still turn out the best within a limit of the P99.

    Clearly worse is what lies further behind than the rounds of one candidate lie apart on this machine.
    """
    tolerated = max(CLEARLY_WORSE, noise(results))
    bar = (1 - tolerated) * max((each.examples_per_second for each in _within(results, limit_ms)), default=0)
    return [each for each in results if max(each.rates) >= bar and each.p99_ms <= limit_ms * TOLERATED_LATENCY]


def noise(results: Sequence[Result]) -> float:
    """The usual spread of a candidate's rounds."""
    return statistics.median(each.spread for each in results) if results else 0


def finalists(results: Sequence[Result]) -> list[Result]:
    """Those that were measured to the end."""
    rounds = max((len(each.measurements) for each in results), default=0)
    return [each for each in results if len(each.measurements) == rounds]


def best(results: Sequence[Result], limit_ms: float = math.inf) -> Result | None:
    """The finalist with the highest throughput whose P99 is within the limit; of those as good, the simplest."""
    fitting = _within(finalists(results), limit_ms)
    bar = (1 - AS_GOOD) * max((each.examples_per_second for each in fitting), default=0)
    return min((each for each in fitting if each.examples_per_second >= bar), key=_complexity, default=None)


def words(settings: TunedSettings) -> str:
    """Settings in a few words."""
    batch = f"batch {settings.max_batch_size}"
    if settings.execution is Execution.INLINE:
        return f"inline, {batch}"
    threads = "1 thread" if settings.model_threads == 1 else f"{settings.model_threads} threads"
    return f"{threads} x {settings.intra_op_threads} intra-op, {batch}"


def _better_half(values: list[float]) -> float:
    """The median of the lower half."""
    return statistics.median(sorted(values)[: (len(values) + 1) // 2])


def _within(results: Sequence[Result], limit_ms: float) -> list[Result]:
    return [each for each in results if each.p99_ms <= limit_ms]


def _complexity(result: Result) -> tuple[bool, int, int]:
    settings = result.settings
    return settings.execution is not Execution.INLINE, settings.max_batch_size, settings.model_threads
