"""Which endpoints a stack has: its own exports, from the Pulumi CLI or from a file."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from infra.pulumi_cli import executable
from infra.smoke.errors import InputError, one_line
from infra.smoke.target import Target

SECONDS = 60
"""For the CLI, which may ask its backend over the network."""


def from_cli(root: Path, stack: str) -> str:
    """`pulumi stack output --json` of the stack; raises `InputError` with the CLI's own first line."""
    try:
        command = [executable(), "stack", "output", "--json", "--stack", stack]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise InputError(f"`pulumi stack output` did not end within {SECONDS} s; is its backend reachable?") from None
    except Exception as error:
        raise InputError(f"there is no pulumi to ask ({error}); use --outputs with what another printed") from error
    if done.returncode:
        said = one_line(done.stderr.removeprefix("error: ")) or f"exit code {done.returncode}"
        raise InputError(f"`pulumi stack output --stack {stack}`: {said}")
    return done.stdout


def from_file(path: str) -> str:
    """The same from a file, or from stdin for `-`; raises `InputError`."""
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--outputs {path}: {error}") from None


def targets(text: str, addresses: Mapping[str, str], only: Iterable[str]) -> list[Target]:
    """The endpoints in a stack's outputs, by name; `addresses` replace the exported ones, `only` chooses.

    Raises `InputError` for outputs without endpoints, a malformed endpoint and an unknown name.
    """
    exported = _endpoints(text)
    unknown = sorted({*addresses, *only} - exported.keys())
    if unknown:
        raise InputError(f"there is no endpoint {unknown[0]}; the stack has {', '.join(sorted(exported))}")
    chosen = sorted(set(only) or exported)
    return [_target(name, exported[name], addresses.get(name)) for name in chosen]


def _endpoints(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InputError(f"the stack's outputs are no JSON: {error}; use `pulumi stack output --json`") from None
    found = cast("dict[str, Any]", document).get("endpoints") if isinstance(document, dict) else None
    if found is None:
        raise InputError("the stack's outputs lack `endpoints`; run `make up` with this program first")
    if not isinstance(found, dict):
        raise InputError(f"the stack's output `endpoints` must be a map, got {found!r}")
    if not found:
        raise InputError("the stack serves nothing: its `endpoints` are empty")
    return cast("dict[str, Any]", found)


def _target(name: str, exported: Any, address: str | None) -> Target:
    if not isinstance(exported, dict):
        raise InputError(f"endpoints.{name} must be a map, got {exported!r}")
    try:
        return Target.model_validate({**exported, **({"address": address} if address else {}), "name": name})
    except ValidationError as invalid:
        error = invalid.errors()[0]
        place = ".".join(map(str, (name, *error["loc"])))
        raise InputError(f"endpoints.{place}: {error['msg'].removeprefix('Value error, ')}") from None
