"""What a run will do, in which order, and how long that takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from benchmarks.serving.cases import CONCURRENCIES, PAYLOADS, Case, ModelName, Payload
from benchmarks.serving.contenders import Contender

WARM_UP_SECONDS = 1
OVERHEAD_SECONDS = 0.3
"""Per call of wrk, for starting it and for reading memory."""

PAUSE_SECONDS = 0.5
"""Before each measurement: a server may still work for the clients of the load before."""

CEILING_SECONDS = 3


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The choices of a run; None for concurrencies takes each model's own."""

    contenders: Sequence[Contender]
    models: Sequence[ModelName]
    payloads: Sequence[Payload]
    concurrencies: Sequence[int] | None
    rounds: int
    seconds: int

    def cases(self, contender: Contender, model: ModelName) -> list[Case]:
        """What a contender is asked with a model, payload by payload; nothing where it does not serve it."""
        if model not in contender.settings:
            return []
        payloads = [each for each in PAYLOADS[model] if each in self.payloads and each in contender.dialects]
        return [Case(model, payload, at) for payload in payloads for at in self.concurrencies or CONCURRENCIES[model]]

    def order(self, number: int) -> list[Contender]:
        """The contenders of a round, each round begun by another, so that none always follows the same one."""
        start = number % len(self.contenders)
        return [*self.contenders[start:], *self.contenders[:start]]

    def estimate_seconds(self) -> float:
        """How long the run takes without installing anything."""
        each = sum(self._estimate(contender, model) for contender in self.contenders for model in self.models)
        ceilings = sum(CEILING_SECONDS for model in self.models if model is not ModelName.TINY)
        return self.rounds * (each + ceilings)

    def _estimate(self, contender: Contender, model: ModelName) -> float:
        cases = self.cases(contender, model)
        if not cases:
            return 0
        warm_ups = len(by_payload(cases)) * (WARM_UP_SECONDS + OVERHEAD_SECONDS)
        return contender.start_seconds + warm_ups + len(cases) * (PAUSE_SECONDS + self.seconds + OVERHEAD_SECONDS)


def by_payload(cases: Sequence[Case]) -> list[tuple[Payload, list[Case]]]:
    """The cases of each payload, in order."""
    return [(payload, list(group)) for payload, group in groupby(cases, key=lambda case: case.payload)]
