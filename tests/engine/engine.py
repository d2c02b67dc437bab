"""The real Pulumi CLI on a copy of the program's stack files, with stand-ins in the place of the clouds."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.engine.aws import aws
from tests.engine.standin.clouds import Clouds
from tests.engine.standin.servicer import PACKAGES, provider_server

ROOT = Path(__file__).parents[2]
PASSPHRASE = "correct-horse-of-the-tests"
CHANGES = frozenset({"create", "update", "delete", "replace", "create-replacement", "delete-replaced"})


class StepFailedError(Exception):
    """A command of the CLI failed that no test meant to; the text is what it said."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command of the CLI and what the engine told of it; `changed` has the URNs of each kind of change."""

    stack: str
    name: str
    status: int
    seconds: float
    output: str
    changed: Mapping[str, Sequence[str]]
    counts: Mapping[str, int]
    errors: Sequence[str]

    @property
    def urns(self) -> set[str]:
        """Everything that the step changed, or would change."""
        return {urn for urns in self.changed.values() for urn in urns}


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One stack of the program, with a state of its own in `folder`."""

    stack: str
    folder: Path
    environment: Mapping[str, str]
    clouds: Clouds
    steps: list[Step] = field(default_factory=list[Step])

    def init(self) -> None:
        """Begin with an empty state."""
        self._call("stack", "init")

    def preview(self, name: str = "preview", *options: str, may_fail: bool = False) -> Step:
        """Ask what `up` would do."""
        return self._step(name, "preview", *options, may_fail=may_fail)

    def up(self, name: str = "up", *, may_fail: bool = False) -> Step:
        """Make the stack what the program says."""
        return self._step(name, "up", "--yes", "--skip-preview", may_fail=may_fail)

    def refresh(self, name: str = "refresh") -> Step:
        """Read every resource from its cloud."""
        return self._step(name, "refresh", "--yes", "--skip-preview")

    def destroy(self, name: str = "destroy", *, may_fail: bool = False) -> Step:
        """Take the stack away, with a preview first, as `make destroy` does."""
        return self._step(name, "destroy", "--run-program", "--yes", may_fail=may_fail)

    def state(self) -> list[dict[str, Any]]:
        """The resources of the state, secrets encrypted."""
        return json.loads(self._call("stack", "export"))["deployment"].get("resources", [])

    def set(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the blocks of the stack file, under their names without the project's."""
        path = self.folder / f"Pulumi.{self.stack}.yaml"
        document = yaml.safe_load(path.read_text())
        blocks = {key.partition(":")[2]: value for key, value in document["config"].items()}
        change(blocks)
        document["config"] = {f"inference-platform:{key}": value for key, value in blocks.items()}
        path.write_text(yaml.safe_dump(document))

    def written(self) -> bytes:
        """Everything that the CLI left on disk, states and events of every step among them."""
        return b"".join(path.read_bytes() for path in sorted(self.folder.rglob("*")) if _is_own(path))

    def _step(self, name: str, operation: str, *options: str, may_fail: bool = False) -> Step:
        events = self.folder / f"events-{len(self.steps)}.jsonl"
        began = time.monotonic()
        command = [operation, "--event-log", str(events), "--parallel", "32", *options]
        done = self._run(*command)
        step = _told(self.stack, name, done, time.monotonic() - began, events)
        self.steps.append(step)
        if step.status and not may_fail:  # no later step would mean anything
            raise StepFailedError(f"{self.stack}: {name} failed\n{step.output[-4000:]}")
        return step

    def _call(self, *arguments: str) -> str:
        done = self._run(*arguments)
        if done.returncode:
            raise StepFailedError(done.stdout + done.stderr)
        return done.stdout

    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = ["pulumi", *arguments, "--stack", self.stack, "--non-interactive", "--color", "never"]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )


@contextmanager
def engine(
    stack: str, folder: Path, stood_in: Sequence[str] = PACKAGES, variables: Mapping[str, str] | None = None
) -> Generator[Engine]:
    """The shipped stack `stack` before its first `up`; `stood_in` are the providers that the stand-in plays.

    The program runs from `folder`, which leads to the repository by links: the CLI writes into stack files.
    """
    _lay_out(folder)
    clouds = Clouds()
    with provider_server(clouds) as port, aws(clouds) as url:
        environment = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_ENDPOINT_URL": url,
            "AWS_SECRET_ACCESS_KEY": "none",
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_DEBUG_COMMANDS": "true",  # without it there is no --event-log
            "PULUMI_DEBUG_PROVIDERS": ",".join(f"{package}:{port}" for package in stood_in),
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_SKIP_CHECKPOINTS": "true",  # the state is written after each command alone: twice as fast
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            **(variables or {}),
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        made = Engine(stack=stack, folder=folder, environment=environment, clouds=clouds)
        made.init()
        yield made


def _lay_out(folder: Path) -> None:
    """A project that is the repository but for the files that the CLI writes."""
    for path in ROOT.iterdir():
        if path.name.startswith("Pulumi.") and path.name != "Pulumi.yaml":
            (folder / path.name).write_text(path.read_text())
        elif path.name in ("__main__.py", "infra", "inference_app"):
            (folder / path.name).symlink_to(path)
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    project["runtime"]["options"]["virtualenv"] = sys.prefix
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    (folder / "state").mkdir()


def _is_own(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _told(stack: str, name: str, done: "subprocess.CompletedProcess[str]", seconds: float, events: Path) -> Step:
    """What a command's event log says (https://github.com/pulumi/pulumi/blob/master/sdk/go/common/apitype/events.go)."""
    lines = events.read_text().splitlines() if events.exists() else []
    told = [json.loads(line) for line in lines]
    changed: dict[str, list[str]] = {}
    for event in told:  # a refresh says afterwards what it found
        metadata = event.get("resourcePreEvent", event.get("resOutputsEvent", {})).get("metadata", {})
        urns = changed.setdefault(metadata.get("op", ""), [])
        if metadata.get("op") in CHANGES and metadata["urn"] not in urns:
            urns.append(metadata["urn"])
    summaries = [event["summaryEvent"] for event in told if "summaryEvent" in event]
    diagnostics = [event["diagnosticEvent"] for event in told if "diagnosticEvent" in event]
    return Step(
        stack=stack,
        name=name,
        status=done.returncode,
        seconds=seconds,
        output=done.stdout + done.stderr,
        changed=changed,
        counts=Counter(summaries[-1].get("resourceChanges", {})) if summaries else {},
        errors=[each["message"] for each in diagnostics if each["severity"] == "error"],
    )
