"""One machine with all that the story needs: a copy of the sources, MLflow, a registry and a Docker daemon."""

import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.image.base import base
from tests.image.docker import absent, daemon
from tests.mlflow.server import mlflow_server
from tests.registry import PROGRAM, registry
from tests.story.page import ROOT, Edit

ENVIRONMENTS = (".venv", ".venv-training")
AUTHOR = {"GIT_AUTHOR_NAME": "reader", "GIT_AUTHOR_EMAIL": "reader@example.com"}
COMMITTER = {"GIT_COMMITTER_NAME": "reader", "GIT_COMMITTER_EMAIL": "reader@example.com"}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The folder where commands are typed, and what they find in their environment."""

    folder: Path
    environment: dict[str, str]

    def write(self, edit: Edit) -> None:
        """Do as the reader of an edit does."""
        path = self.folder / edit.file
        before: dict[str, Any] = yaml.safe_load(path.read_text()) if path.exists() else {}
        path.write_text(yaml.safe_dump(edit.applied(before), sort_keys=False))

    def run(self, line: str) -> tuple[int, str]:
        """A command's exit status and what it printed, which is shown as it comes."""
        command = ["bash", "-c", line]
        typed = subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert typed.stdout is not None
        printed: list[str] = []
        for each in typed.stdout:
            sys.stdout.write(each)
            sys.stdout.flush()
            printed.append(each)
        return typed.wait(), "".join(printed)


def missing() -> str | None:
    """What the story lacks here, and how to get it."""
    if not all((ROOT / name / "installed").exists() for name in ENVIRONMENTS):
        return f"environments needed: make {' '.join(f'{name}/installed' for name in ENVIRONMENTS)}"
    if shutil.which(PROGRAM) is None:
        return f"{PROGRAM} needed: install Debian's package of that name"
    return absent()


@contextmanager
def machine(folder: Path) -> Generator[Machine]:
    """A machine whose files are in `folder`."""
    sources = folder / "sources"
    _copy(sources)
    (folder / "mlflow").mkdir()
    with daemon() as docker, registry(folder / "registry") as images, mlflow_server(folder / "mlflow") as tracking:
        environment = {
            **docker.environment,
            **AUTHOR,
            **COMMITTER,
            "BASE_IMAGE": base(docker),
            "BUILD_OPTIONS": "--network=host",
            "DOCKER": docker.client,
            "MLFLOW_TRACKING_URI": tracking,
            "REGISTRY": f"{images.address}/ml",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        yield Machine(folder=sources, environment=environment)


def _copy(folder: Path) -> None:
    """The sources as they are now, in a repository of their own; environments are this one's."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(os.path.exists, listed.stdout.splitlines()):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    for name in ENVIRONMENTS:
        (folder / name).symlink_to(ROOT / name)
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "Begin"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True, env={**os.environ, **AUTHOR, **COMMITTER})
