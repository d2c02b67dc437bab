"""What a run measured."""

import statistics
from dataclasses import dataclass, field

from benchmarks.serving.cases import Case, ModelName, rivals
from benchmarks.serving.processes import Memory
from benchmarks.serving.wrk import Load

ByRound = dict[int, float]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One contender in one case of one round, with its memory at the end."""

    contender: str
    case: Case
    round: int
    load: Load
    memory: Memory


@dataclass(frozen=True, kw_only=True)
class Start:
    """Seconds from a server's start to its first right answer."""

    contender: str
    model: ModelName
    round: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A contender that did not start or answered wrongly; its rows of that model are void."""

    contender: str
    model: ModelName
    reason: str


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """Examples/s of ONNX Runtime called directly, the limit where the model is what costs."""

    model: ModelName
    round: int
    per_second: float


@dataclass
class Results:
    """All figures of a run."""

    measurements: list[Measurement] = field(default_factory=list[Measurement])
    starts: list[Start] = field(default_factory=list[Start])
    failures: list[Failure] = field(default_factory=list[Failure])
    ceilings: list[Ceiling] = field(default_factory=list[Ceiling])

    def cases(self) -> list[Case]:
        """Every case with a measurement, in order."""
        return sorted({each.case for each in self.measurements})

    def of(self, contender: str, case: Case) -> list[Measurement]:
        """A contender's valid measurements in a case, with the payload it speaks best; none where one had errors."""
        if any((each.contender, each.model) == (contender, case.model) for each in self.failures):
            return []
        for payload in rivals(case.payload):
            wanted = Case(case.model, payload, case.concurrency)
            found = [each for each in self.measurements if each.contender == contender and each.case == wanted]
            if found:
                return [] if any(each.load.errors for each in found) else found
        return []

    def rates(self, contender: str, case: Case) -> ByRound:
        """Requests/s by round."""
        return {each.round: each.load.per_second for each in self.of(contender, case)}

    def p99(self, contender: str, case: Case) -> float | None:
        """The median over the rounds, in milliseconds."""
        return _median([each.load.p99_ms for each in self.of(contender, case)])

    def pss(self, contender: str, model: ModelName) -> float | None:
        """The greatest proportional share of memory seen, in MiB."""
        found = [each for each in self.measurements if (each.contender, each.case.model) == (contender, model)]
        return max((each.memory.pss for each in found), default=None)

    def start_seconds(self, contender: str, model: ModelName) -> float | None:
        """The median time to the first right answer."""
        return _median([s.seconds for s in self.starts if (s.contender, s.model) == (contender, model)])

    def ceiling(self, model: ModelName) -> ByRound:
        """Examples/s of ONNX Runtime by round."""
        return {each.round: each.per_second for each in self.ceilings if each.model == model}


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None
