import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.cost.__main__ import main
from infra.cost.prices import price_table
from infra.cost.revision import estimate_at
from infra.preview.revision import RevisionError, checked_out

pytestmark = pytest.mark.slow

PREVIEW = """
import json
provider = {"urn": "urn:aws", "type": "pulumi:providers:aws", "name": "aws", "inputs": {"region": "eu-west-1"}}
gateway = {"urn": "urn:nat", "type": "aws:ec2/natGateway:NatGateway", "name": "nat", "inputs": {}}
rest = {"parent": None, "provider": None, "dependencies": []}
print(json.dumps([provider | rest, gateway | rest]))
"""


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def committed(folder: Path) -> Path:
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "as it was")
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a repository with one stack and a preview of its own."""

    def make(code: str) -> Path:
        (tmp_path / "infra/preview").mkdir(parents=True)
        (tmp_path / "infra/preview/__main__.py").write_text(code)
        (tmp_path / "Pulumi.yaml").write_text("name: inference-platform\nruntime: python\n")
        (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
        return committed(tmp_path)

    return make


def test_a_revision_is_priced_by_its_own_preview(repository: Callable[[str], Path]) -> None:
    found = estimate_at(repository(PREVIEW), "HEAD", "dev", price_table())

    assert [row.name for row in found.rows] == ["AWS NAT gateway"]
    assert found.total.minimum == pytest.approx(0.048 * 730)


def test_gits_own_state_is_as_before_and_the_files_are_gone(repository: Callable[[str], Path]) -> None:
    root = repository(PREVIEW)
    before = sorted(root.rglob("*"))
    with checked_out(root, "HEAD") as folder:
        assert (folder / "Pulumi.dev.yaml").is_file()

    assert not folder.exists()
    assert sorted(root.rglob("*")) == before


def test_a_revision_that_cannot_be_priced_says_why(repository: Callable[[str], Path]) -> None:
    root = repository("raise SystemExit('settings: eks.gpuPools is required')")

    with pytest.raises(RevisionError, match=r"nowhere is no revision that git can read .*name a branch or a commit"):
        estimate_at(root, "nowhere", "dev", price_table())
    with pytest.raises(RevisionError, match=r"HEAD has no stack 'prod': there is no Pulumi.prod.yaml in it"):
        estimate_at(root, "HEAD", "prod", price_table())
    with pytest.raises(RevisionError, match=r"HEAD: its preview of dev fails: settings: eks.gpuPools is required"):
        estimate_at(root, "HEAD", "dev", price_table())


def test_an_option_is_no_revision(repository: Callable[[str], Path]) -> None:
    with pytest.raises(RevisionError, match="is no revision"):
        estimate_at(repository(PREVIEW), "--output=/dev/null", "dev", price_table())


def test_a_mistake_on_the_command_line_is_a_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--stack", "nowhere"]) == 2
    assert capsys.readouterr().err.startswith("no stack 'nowhere': there is no Pulumi.nowhere.yaml")
