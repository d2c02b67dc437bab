import json
import subprocess
from pathlib import Path

import pytest

from infra.manifests.branch import PublishError, publish
from infra.manifests.workload import HEADER
from infra.preview.manifests import Manifest
from infra.settings.delivery import ArgoCdSettings
from tests.infra.manifests.stack import REPOSITORY
from tests.infra.manifests.test_folder import manifest

SETTINGS = ArgoCdSettings.model_validate_json(json.dumps({"repository": REPOSITORY, "path": "ml/prod"}))


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository, which git finds at the address in the settings."""
    bare = tmp_path / "ml/manifests.git"
    bare.mkdir(parents=True)
    git(bare, "init", "--quiet", "--bare")
    settings = {
        f"url.{tmp_path}/.insteadOf": "https://git.example.com/",
        "user.name": "pipeline",
        "user.email": "pipeline@example.com",
    }
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(settings)))
    for number, (key, value) in enumerate(settings.items()):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    return bare


def files(*paths: str) -> list[Manifest]:
    return [manifest(path) for path in paths]


def test_a_branch_begins_with_the_files_and_has_no_commit_that_changes_nothing(remote: Path) -> None:
    commit = publish(files("eks/a.yaml"), SETTINGS, "First")
    again = publish(files("eks/a.yaml"), SETTINGS, "Nothing")

    assert commit == git(remote, "rev-parse", "main")
    assert again is None
    assert git(remote, "show", "main:ml/prod/eks/a.yaml").startswith(HEADER.strip())
    assert git(remote, "log", "--format=%s", "main") == "First"


def test_others_files_and_commits_are_kept_and_old_files_go(remote: Path, tmp_path: Path) -> None:
    publish(files("eks/a.yaml"), SETTINGS, "First")
    git(tmp_path, "clone", "--quiet", "--branch", "main", REPOSITORY, "theirs")
    (tmp_path / "theirs/README.md").write_text("Manifests\n")
    git(tmp_path / "theirs", "add", "--all")
    git(tmp_path / "theirs", "commit", "--quiet", "--message", "Theirs")
    git(tmp_path / "theirs", "push", "--quiet", "origin", "main")

    publish(files("eks/b.yaml"), SETTINGS, "Second")

    assert git(remote, "ls-tree", "-r", "--name-only", "main").splitlines() == ["README.md", "ml/prod/eks/b.yaml"]
    assert git(remote, "log", "--format=%s", "main").splitlines() == ["Second", "Theirs", "First"]


@pytest.mark.usefixtures("remote")
def test_what_git_says_is_what_the_user_reads() -> None:
    missing = SETTINGS.model_copy(update={"repository": REPOSITORY.replace("manifests", "absent")})

    with pytest.raises(PublishError, match=r"^git ls-remote: .*absent\.git"):
        publish(files("eks/a.yaml"), missing, "First")


def test_an_artefact_is_pushed_by_others() -> None:
    artefact = SETTINGS.model_copy(update={"repository": "oci://registry.example.com/ml/manifests"})

    with pytest.raises(PublishError, match="is no git repository: write the files with --into, and push these"):
        publish([], artefact, "First")
