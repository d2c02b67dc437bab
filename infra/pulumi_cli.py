"""`python -m infra.pulumi_cli up|preview|drift|destroy --stack dev`: the real Pulumi CLI, found or installed."""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pulumi.automation import PulumiCommand

from infra import handover, held_data, stack_state
from infra.preview import StackFileError, stack_file

ROOT = Path(__file__).parents[1]

PACK = "infra/policy/pack"
ENVIRONMENT = ROOT / ".venv-policy"
"""The policy pack's. Where it is missing the engine waits for the pack for ever."""

# `--run-program`: without it `destroy` skips delete hooks and reads no settings.
ARGUMENTS = {
    "preview": ["--diff", "--policy-pack", PACK],
    "up": ["--policy-pack", PACK],
    "destroy": ["--run-program"],
    "drift": ["--refresh", "--expect-no-changes", "--diff"],
}

COMMANDS = {"drift": "preview"}
"""Pulumi's own name of an operation where it has another."""

EXISTING = frozenset({"destroy", "drift"})
"""A stack that is not there has nothing of that, and to make it would write into the stack file."""

PARTIAL = frozenset({"--target", "-t", "--exclude", "--exclude-protected"})
"""Options with which `destroy` leaves a part of the stack alone, which is for the engine to judge."""

TOKENS = "the cluster's kubeconfig asks it for tokens"
PROGRAMS = {
    "eks": {"aws": TOKENS},
    "aks": {"az": "kubelogin asks it for tokens", "kubelogin": TOKENS},
    "local": {"docker": "the stack's containers run there"},
}
"""What must be on PATH for a block of the stack file, and why."""


def main(arguments: list[str] | None = None) -> int:
    """Run the CLI on one stack; return its exit code, or 2 when it or its stack file cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m infra.pulumi_cli", description=__doc__)
    parser.add_argument("operation", choices=ARGUMENTS)
    parser.add_argument("--stack", required=True)
    options, more = parser.parse_known_args(arguments)
    try:
        stack = stack_file.load(ROOT, options.stack)
    except StackFileError as error:
        return _refuse(str(error))
    lacking = list(missing(key.rpartition(":")[2] for key in stack.config))
    if lacking:
        return _refuse("; ".join(lacking))
    if PACK in ARGUMENTS[options.operation] and not (ENVIRONMENT / "bin/python").exists():
        return _refuse(f"the policy pack has no environment: run `make {ENVIRONMENT.name}/installed`")
    try:
        pulumi = executable()
    except Exception as error:  # noqa: BLE001 the installer raises whatever its shell script meets
        return _refuse(
            f"there is no pulumi on PATH and it could not be installed ({error}); see https://www.pulumi.com/docs/install"
        )
    if options.operation == "up" and (reason := _against_handing_over(pulumi, stack)):
        return _refuse(reason)
    return _call(pulumi, options.operation, options.stack, more)


def _call(pulumi: str, operation: str, stack: str, more: Sequence[str]) -> int:
    create = [] if operation in EXISTING else ["--create"]
    if code := subprocess.call([pulumi, "stack", "select", *create, stack], cwd=ROOT):
        return code
    whole = PARTIAL.isdisjoint(argument.partition("=")[0] for argument in more)
    if operation == "destroy" and whole and (reason := _against_destroying(pulumi, stack)):
        return _refuse(reason)
    return subprocess.call(
        [pulumi, COMMANDS.get(operation, operation), "--stack", stack, *ARGUMENTS[operation], *more], cwd=ROOT
    )


def _against_destroying(pulumi: str, stack: str) -> str | None:
    """Why not to begin; where nothing speaks against it, say what data goes."""
    try:
        resources = stack_state.read(pulumi, ROOT, stack)
    except stack_state.StateError as error:
        return str(error)
    if reason := held_data.refusal(stack, resources):
        return reason
    for line in held_data.warning(stack, resources):
        print(line, file=sys.stderr, flush=True)
    return None


def _against_handing_over(pulumi: str, stack: stack_file.Stack) -> str | None:
    """Why not to begin where the stack file leaves to another owner what this stack still runs."""
    if not handover.is_elsewhere(stack.config.get(f"{stack.project}:delivery")):
        return None
    try:
        return handover.refusal(stack.name, stack_state.read(pulumi, ROOT, stack.name))
    except stack_state.NoStackError:
        return None
    except stack_state.StateError as error:
        return str(error)


def missing(blocks: Iterable[str]) -> Iterator[str]:
    """What a stack with `blocks` needs on this machine and cannot have, one sentence each."""
    for block in sorted(PROGRAMS.keys() & set(blocks)):
        for name, why in PROGRAMS[block].items():
            program = shutil.which(name)
            if program is None:
                yield f"{block} needs {name} on PATH: {why}"
            elif name == "docker" and not _daemon_answers(program):
                yield f"{block} needs a Docker daemon, and `docker version` reaches none: start it, or set DOCKER_HOST"


def _daemon_answers(docker: str) -> bool:
    """Whether the client at `docker` reaches one; without, `up` would fail half way."""
    return subprocess.run([docker, "version"], capture_output=True, check=False).returncode == 0


def executable() -> str:
    """Path of the CLI: the one on PATH, else the SDK's own version under ~/.pulumi."""
    found = shutil.which("pulumi")
    if found:
        return found
    print("Installing the Pulumi CLI", file=sys.stderr, flush=True)
    return PulumiCommand.install().command


def _refuse(reason: str) -> int:
    print(f"error: {reason}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
