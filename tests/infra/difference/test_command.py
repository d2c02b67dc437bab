"""A repository with two revisions, compared by the real command."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.difference.__main__ import main
from tests.infra.cost.test_revision import committed

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
PROGRAM = """import pulumi, pulumi_random as random, pulumi_kubernetes as kubernetes
provider = kubernetes.Provider("eks", kubeconfig="{}", cluster_identifier="eks")
opts = pulumi.ResourceOptions(provider=provider)
random.RandomPassword("password", length=20)
"""
NAMESPACE = """metadata = {"name": "serving", "labels": {"tier": "%s"}}
kubernetes.core.v1.Namespace("serving", metadata=metadata, opts=opts)
"""


POD = """spec = {"containers": [{"name": "bare", "image": "bare"}]}
kubernetes.core.v1.Pod("bare", metadata={"name": "bare"}, spec=spec, opts=opts)
"""
PREVIEW = f"""import pathlib, sys
for name in [name for name in sys.modules if name.partition(".")[0] == "infra"]:
    del sys.modules[name]
sys.path.insert(0, {str(ROOT)!r})
from infra.preview.__main__ import main
sys.exit(main(root=pathlib.Path(__file__).parents[2]))
"""
"""This one's, on the repository that it stands in."""


@pytest.fixture
def repository(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a repository whose program is committed; so is a preview."""

    def make(program: str) -> Path:
        folder = tmp_path / "repository"
        folder.mkdir()
        (folder / "Pulumi.yaml").write_text("name: p\nruntime: python\n", encoding="utf-8")
        (folder / "Pulumi.dev.yaml").write_text("config: {}\n", encoding="utf-8")
        (folder / "__main__.py").write_text(program, encoding="utf-8")
        (folder / "infra/preview").mkdir(parents=True)
        (folder / "infra/preview/__main__.py").write_text(PREVIEW, encoding="utf-8")
        return committed(folder)

    return make


def test_a_change_is_told_resource_by_resource_and_manifest_by_manifest(
    repository: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = repository(PROGRAM + NAMESPACE % "old" + 'random.RandomPet("gone")\n')
    (root / "__main__.py").write_text(PROGRAM.replace("20", "30") + NAMESPACE % "new" + POD, encoding="utf-8")
    (root / "Pulumi.prod.yaml").write_text("config: {}\n", encoding="utf-8")

    code = main(["--against", "HEAD", "--out", str(tmp_path / "out")], root)

    told = capsys.readouterr().out
    assert code == 1, "the pod breaks a rule"
    assert "| dev | 1 | 2 |  | 1 | 2 | **yes** |  |" in told
    assert "| prod | 4 |  |  |  | 2 | **yes** |  |" in told
    assert "+ kubernetes:core/v1:Pod  bare  (create)" in told
    assert "!     length: 20 -> 30" in told
    assert "- random:index/randomPet:RandomPet  gone  (delete)" in told
    assert "-    tier: old\n+    tier: new" in told
    assert "mandatory: " in told
    assert (tmp_path / "out/whole.md").read_text(encoding="utf-8") == told
    assert (tmp_path / "out/comment.md").read_text(encoding="utf-8") == told


def test_no_change_is_a_table_of_nothing_and_git_is_as_before(
    repository: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = repository(PROGRAM)

    assert main(["--against", "HEAD", "--out", str(tmp_path / "out")], root) == 0

    status = subprocess.run(["git", "-C", root, "status", "--porcelain"], capture_output=True, text=True, check=True)
    assert status.stdout == ""
    assert "| dev |  |  |  |  |  | no |  |" in capsys.readouterr().out


def test_a_stack_that_cannot_be_made_is_told_where_the_others_are(
    repository: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = repository(PROGRAM)
    (root / "__main__.py").write_text(
        'import pulumi\nraise pulumi.RunError("serving.replicas.min must be")\n', encoding="utf-8"
    )

    assert main(["--against", "HEAD", "--out", str(tmp_path / "out")], root) == 1
    assert "```\nserving.replicas.min must be\n```" in capsys.readouterr().out


def test_a_revision_that_git_cannot_read_is_a_line(
    repository: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--against", "nowhere"], repository(PROGRAM)) == 2
    assert capsys.readouterr().err.startswith("nowhere is no revision that git can read")
