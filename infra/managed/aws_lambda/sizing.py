"""Memory and timeout of a function, from what its models were measured to need."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.settings import SettingsError
from infra.settings.aws_lambda import LambdaSettings
from infra.settings.monitoring import ObjectiveSettings
from infra.settings.served import ModelSettings

REPOSITORY = Path(__file__).parents[3] / "inference_app" / "model_repository"

FULL_CORE_MIB = 1769
"""Memory that comes with one core; less comes with its share of one
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html)."""
MEMORY_STEP_MIB = 64
MOST_MEMORY_MIB = 10240
MOST_SECONDS = 900
INIT_SECONDS = 10
"""A start that takes longer is broken off, and repeated at the first request's expense
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib)."""

MEMORY_MARGIN = 1.5
"""For the runtime's own code and for requests larger than the measured ones."""
TIME_MARGIN = 2
"""Lambda's cores are not the measured ones, and the first start reads the image."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Memory, a core's seconds from the process's start to ready, and those of a request with a full batch."""

    memory_mib: int
    start_seconds: float
    inference_seconds: float


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a function gets."""

    memory_mib: int
    timeout_seconds: int


def size(
    settings: LambdaSettings, model: ModelSettings, objectives: ObjectiveSettings, repository: Path = REPOSITORY
) -> Size:
    """What the settings say, and for what they leave open what the models in `repository` need.

    Raises SettingsError where something is left open and a model was not measured, or does not fit a function.
    """
    memory, timeout = settings.memory_mib, settings.timeout_seconds
    if memory and timeout:
        return Size(memory_mib=memory, timeout_seconds=timeout)
    needs = together([read(repository, name, version) for name, version in _versions(model)])
    memory = memory or memory_for(needs, objectives.p95_latency_ms / 1000)
    if memory > MOST_MEMORY_MIB:
        raise SettingsError(
            f"lambda.memoryMib must be at most {MOST_MEMORY_MIB}, and {model.name} needs {memory}; remove the lambda "
            "block or some of model.extra"
        )
    return Size(memory_mib=memory, timeout_seconds=timeout or timeout_for(needs, memory))


def memory_for(needs: Needs, objective_seconds: float) -> int:
    """MiB that hold the models, and whose share of a core lets them start and answer in time; at most one core's.

    A call runs on one core, so more of them would make no request faster.
    """
    share = TIME_MARGIN * max(needs.start_seconds / INIT_SECONDS, needs.inference_seconds / objective_seconds)
    wanted = max(MEMORY_MARGIN * needs.memory_mib, FULL_CORE_MIB * min(1, share))
    return MEMORY_STEP_MIB * max(2, math.ceil(wanted / MEMORY_STEP_MIB))


def timeout_for(needs: Needs, memory_mib: int) -> int:
    """Seconds for a cold start and a request on the share of a core that comes with the memory, with a margin."""
    share = min(1, memory_mib / FULL_CORE_MIB)
    return min(MOST_SECONDS, math.ceil(TIME_MARGIN * (needs.start_seconds + needs.inference_seconds) / share))


def together(needs: Sequence[Needs]) -> Needs:
    """What one process that serves all of them needs at most: the memory of each counts the server's own again."""
    return Needs(
        memory_mib=sum(each.memory_mib for each in needs),
        start_seconds=sum(each.start_seconds for each in needs),
        inference_seconds=max(each.inference_seconds for each in needs),
    )


def read(repository: Path, name: str, version: str | None) -> Needs:
    """A version's needs.json, of the active version where none is named.

    Raises SettingsError where there is none, or where it was measured with another model file.
    """
    model = repository / name
    try:
        version = version or str(_json(model / "active.json")["version"])
        found, metadata = _json(model / version / "needs.json"), _json(model / version / "metadata.json")
    except FileNotFoundError:
        raise _unmeasured(name, version, "was not measured") from None
    if found["model_sha256"] != metadata["sha256"]:
        raise _unmeasured(name, version, "was measured with another model file")
    return Needs(
        memory_mib=found["memory_mib"],
        start_seconds=found["start_cpu_seconds"],
        inference_seconds=found["inference_cpu_seconds"],
    )


def _versions(model: ModelSettings) -> list[tuple[str, str | None]]:
    return [(model.name, model.version), *((name, None) for name in model.extra)]


def _unmeasured(name: str, version: str | None, reason: str) -> SettingsError:
    what, chosen = (f"{name} version {version}", f" --version {version}") if version else (name, "")
    return SettingsError(
        f"lambda.memoryMib and lambda.timeoutSeconds must be set, since {what} {reason}; set both, or run "
        f"python -m inference_app.needs --model {name}{chosen}"
    )


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_bytes())
