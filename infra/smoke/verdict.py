"""Whether one endpoint answers as its model must."""

import math
from dataclasses import dataclass
from pathlib import Path

from infra.endpoint import EndpointKind
from infra.smoke import golden
from infra.smoke.client import Answer, Client, Say
from infra.smoke.deadline import Deadline
from infra.smoke.errors import ColdStart, Failure, InputError
from infra.smoke.golden import Golden, Mismatch
from infra.smoke.target import Target

MOST_VERSIONS = 3
"""How often an endpoint may be asked because another version answered than the one whose input was sent."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is to be said of one endpoint; `reason` is what is wrong, None where nothing is."""

    endpoint: str
    kind: EndpointKind
    address: str
    version: str | None = None
    latency_ms: float | None = None
    difference: float | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The golden inference of the version that must answer, or may, where the stack file pins none."""

    golden: Golden
    repository: Path
    pinned: bool

    def instead(self, version: str) -> Golden:
        """The one of `version`, which answered though another was expected; raises `Failure`."""
        asked = f"model {self.golden.model}"
        if self.pinned:
            advice = "the update did not arrive, was rolled back, or traffic is still split between versions"
            raise Failure(asked, f"version {version} answers, the stack file names {self.golden.version}", advice)
        try:
            return golden.read(self.repository, self.golden.model, version)
        except InputError as error:
            advice = "run this from the checkout that the image was built from"
            raise Failure(asked, f"version {version} answers, {error}", advice) from None


def expect(repository: Path, model: str, pinned: str | None) -> Expected:
    """What to expect of `model`, `pinned` to a version or else at its active one; raises `InputError`."""
    found = golden.read(repository, model, pinned or golden.active_version(repository, model))
    return Expected(golden=found, repository=repository, pinned=pinned is not None)


def judge(target: Target, client: Client, expected: Expected, deadline: Deadline, say: Say) -> Verdict:
    """Ask, and compare with the golden output of the version that answers."""
    wanted = expected.golden
    try:
        for _ in range(MOST_VERSIONS):
            answer = _warm(target, client, wanted, deadline, say)
            if answer.version in (None, wanted.version):
                return _compared(target, answer, wanted)
            wanted = expected.instead(answer.version)
        advice = "wait until traffic goes to one version"
        raise Failure(f"model {wanted.model}", "its versions answer in turn", advice)
    except Failure as failure:
        return failed(target, str(failure))


def failed(target: Target, reason: str) -> Verdict:
    """A verdict without an answer."""
    return Verdict(endpoint=target.name, kind=target.kind, address=target.address, reason=reason)


def _warm(target: Target, client: Client, wanted: Golden, deadline: Deadline, say: Say) -> Answer:
    """The answer of an endpoint that may be starting; raises `ColdStart` where the deadline does not allow more."""
    while True:
        try:
            return client.ask(wanted, deadline)
        except ColdStart as cold:
            if not deadline.allows(cold.after):
                raise
            say(f"{target.name} is not ready ({cold.came}); asking again in {cold.after:g} s")
            deadline.pause(cold.after)


def _compared(target: Target, answer: Answer, wanted: Golden) -> Verdict:
    difference, reason = None, None
    try:
        difference = wanted.difference(answer.outputs)
        reason = _objection(difference, wanted.tolerance)
    except Mismatch as mismatch:
        reason = str(mismatch)
    if reason is not None:
        asked = f"golden input of {wanted.model} version {wanted.version}"
        reason = f"{asked}: {reason}; it serves another model, or this one wrongly"
    return Verdict(
        endpoint=target.name,
        kind=target.kind,
        address=target.address,
        version=answer.version,
        latency_ms=round(answer.seconds * 1000, 1),
        difference=difference,
        reason=reason,
    )


def _objection(difference: float, tolerance: float) -> str | None:
    if math.isnan(difference):
        return "it gives NaN"
    if math.isinf(difference):
        return "it gives infinity or other texts"
    return f"its numbers are {difference:.2g} off, {tolerance:g} are allowed" if difference > tolerance else None
