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

from infra.cost.estimate import Estimate, estimate
from infra.cost.prices import PriceTable
from infra.cost.terms import terms
from infra.preview import Plan, PreviewError, Resource, stack_file

SECONDS = 600
"""How long a preview may take, far more than it does."""


class RevisionError(PreviewError):
    """A revision whose stack cannot be previewed, said in one line."""


def estimate_at(root: Path, revision: str, stack: str, table: PriceTable) -> Estimate:
    """Price the stack `stack` of another revision of the repository in `root` by `table`.

    Raises `RevisionError` for an unknown revision, one without that stack, and one whose preview fails.
    """
    with checked_out(root, revision) as folder:
        if not (folder / f"Pulumi.{stack}.yaml").is_file():
            raise RevisionError(f"{revision} has no stack {stack!r}: there is no Pulumi.{stack}.yaml in it")
        read = stack_file.load(folder, stack)
        return estimate(plan_of(_preview(folder, revision, stack), read), table, terms(read))


@contextmanager
def checked_out(root: Path, revision: str) -> Generator[Path]:
    """The files of a revision in a folder of their own, which is gone afterwards. Git's own state is left as it is."""
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


def plan_of(document: Sequence[dict[str, Any]], stack: stack_file.Stack) -> Plan:
    """The plan that a preview printed as JSON; it has no exports and knows no outputs."""
    return Plan(project=stack.project, stack=stack.name, resources=[_resource(entry) for entry in document], exports={})


def _preview(folder: Path, revision: str, stack: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "infra.preview", "--stack", stack, "--json", "--out", str(folder / "build")]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=SECONDS)
    try:
        return json.loads(run.stdout)
    except ValueError:
        told = " ".join(run.stderr.strip().splitlines()[-1:])
        raise RevisionError(f"{revision}: its preview of {stack} fails: {told}") from None


def _resource(entry: dict[str, Any]) -> Resource:
    return Resource(
        urn=entry["urn"],
        type=entry["type"],
        name=entry["name"],
        parent=entry["parent"],
        provider=entry["provider"],
        custom=not entry["type"].startswith("inference:"),
        inputs=entry["inputs"],
        outputs={},
        dependencies=entry["dependencies"],
        property_dependencies={},
    )
