"""A stack as another revision of the repository has it: that revision's own preview, run beside this one."""

import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.preview.errors import PreviewError
from infra.preview.plan import Plan, Resource
from infra.preview.stack_file import load

SECONDS = 600
"""How long a preview may take, far more than it does."""

_ENTRY = ("urn", "type", "name", "parent", "provider", "inputs", "dependencies")
"""What a plan's entry always has; the rest are options."""


class RevisionError(PreviewError):
    """A revision whose stack cannot be previewed, said in one line."""


@contextmanager
def checked_out(root: Path, revision: str) -> Generator[Path]:
    """The files of a revision in a folder of their own, which is gone afterwards. Git's own state is left as it is.

    Raises `RevisionError` for what git cannot read.
    """
    command = ["git", "-C", str(root), "archive", "--format=tar", revision, "--"]
    archive = subprocess.run(command, capture_output=True, check=False)
    if archive.returncode:
        told = archive.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise RevisionError(
            f"{revision} is no revision that git can read ({' '.join(told)}); name a branch or a commit"
        )
    with tempfile.TemporaryDirectory(prefix="revision-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)


def plan_at(folder: Path, revision: str, stack: str) -> Plan:
    """What the revision in `folder` plans for a stack; its manifests are in `rendered(folder)` then.

    Raises `RevisionError` where there is no such stack, and where its preview fails.
    """
    if not (folder / f"Pulumi.{stack}.yaml").is_file():
        raise RevisionError(f"{revision} has no stack {stack!r}: there is no Pulumi.{stack}.yaml in it")
    entries = _preview(folder, revision, stack)
    return Plan(
        project=load(folder, stack).project,
        stack=stack,
        resources=[_resource(entry) for entry in entries],
        exports={},
    )


def rendered(folder: Path, stack: str) -> Path:
    """Where `plan_at` leaves the manifests of a stack."""
    return folder / "build" / stack / "manifests"


def _preview(folder: Path, revision: str, stack: str) -> Sequence[dict[str, Any]]:
    out = rendered(folder, stack).parent
    command = [sys.executable, "-m", "infra.preview", "--stack", stack, "--json", "--out", str(out)]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=SECONDS)
    try:
        return json.loads(run.stdout)
    except ValueError:
        told = " ".join(run.stderr.strip().splitlines()[-1:])
        raise RevisionError(f"{revision}: its preview of {stack} fails: {told}") from None


def _resource(entry: dict[str, Any]) -> Resource:
    """A resource as a plan in JSON has it: no outputs, and what depends on what for the whole only."""
    return Resource(
        **{key: entry[key] for key in _ENTRY},
        custom=not entry["type"].startswith("inference:"),
        outputs={},
        property_dependencies={},
        options={key: value for key, value in entry.items() if key not in _ENTRY},
    )
