"""What Pulumi's state says that a stack has."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 60
"""For the CLI, which may ask its backend over the network."""


class StateError(Exception):
    """The state could not be read; the text says why, in one line."""


class NoStackError(StateError):
    """The backend knows no stack of that name."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One resource; `names` are the ID and, where it has one, the ARN. What is `retained` no `up` deletes."""

    urn: str
    type: str
    name: str
    protect: bool
    names: frozenset[str]
    retained: bool = False


def read(pulumi: str, root: Path, stack: str) -> list[Recorded]:
    """What `pulumi stack export` shows of the resources that a cloud or a cluster has, without the default providers.

    `pulumi` is the CLI, `root` the program's folder. Raises `StateError`.
    """
    command = [pulumi, "stack", "export", "--stack", stack]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise StateError(f"`pulumi stack export` did not end within {SECONDS} s; is its backend reachable?") from None
    except OSError as error:
        raise StateError(f"there is no pulumi to ask: {error}") from None
    if done.returncode:
        said = " ".join(done.stderr.removeprefix("error: ").split()) or f"exit code {done.returncode}"
        raise (NoStackError if "no stack named" in said else StateError)(f"`{' '.join(command[1:])}`: {said}")
    return list(recorded(done.stdout))


def recorded(text: str) -> Iterator[Recorded]:
    """The resources in an exported state. Raises `StateError` for anything else."""
    try:
        deployment: Any = json.loads(text)["deployment"]
        resources: list[dict[str, Any]] = deployment.get("resources") or []
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StateError("what `pulumi stack export` printed is no state") from None
    for each in resources:
        if each.get("custom") and not each["type"].startswith("pulumi:"):
            yield _resource(each)


def _resource(each: dict[str, Any]) -> Recorded:
    found = (each.get("id"), each.get("outputs", {}).get("arn"))
    names = frozenset(name for name in found if isinstance(name, str) and name)
    name = each["urn"].split("::", 3)[3]
    return Recorded(
        urn=each["urn"],
        type=each["type"],
        name=name,
        protect=bool(each.get("protect")),
        names=names,
        retained=bool(each.get("retainOnDelete")),
    )
