"""Files on a branch of a git repository, by git itself and whatever it logs in with."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from infra.manifests.folder import write
from infra.preview.errors import PreviewError
from infra.preview.manifests import Manifest
from infra.settings.delivery import ArgoCdSettings


class PublishError(PreviewError):
    """A branch that cannot be read or written, said in one line."""


def publish(files: Sequence[Manifest], settings: ArgoCdSettings, message: str) -> str | None:
    """Commit `files` to the branch that Argo CD reads; return the commit, None where the branch has them already.

    A branch that is missing begins with them. Others' commits are kept: one that comes in between is a refusal, and so
    is an OCI artefact. Raises `PublishError`.
    """
    if settings.is_artefact:
        raise PublishError(f"{settings.repository} is no git repository: write the files with --into, and push these")
    with tempfile.TemporaryDirectory(prefix="manifests-") as name:
        clone = Path(name)
        _check_out(clone, settings)
        write(files, clone / settings.path)
        _git(clone, "add", "--all")
        if not _git(clone, "status", "--porcelain"):
            return None
        _git(clone, "commit", "--quiet", "--message", message)
        _git(clone, "push", "--quiet", "origin", f"HEAD:refs/heads/{settings.revision}")
        return _git(clone, "rev-parse", "HEAD").strip()


def _check_out(clone: Path, settings: ArgoCdSettings) -> None:
    _git(clone, "init", "--quiet", "--initial-branch", settings.revision)
    _git(clone, "remote", "add", "origin", settings.repository)
    if _git(clone, "ls-remote", "--heads", "origin", f"refs/heads/{settings.revision}"):
        _git(clone, "fetch", "--quiet", "--depth", "1", "origin", settings.revision)
        _git(clone, "reset", "--quiet", "--hard", "FETCH_HEAD")


def _git(clone: Path, *arguments: str) -> str:
    command = ["git", "-C", str(clone), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise PublishError(f"git {arguments[0]}: {said}")
    return done.stdout
