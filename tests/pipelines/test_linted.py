"""The pipelines under the field's linters; each is shown a planted mistake first."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.environments import environment
from tests.pipelines.steps import ACTIONS, GITHUB, GITLAB, ROOT
from tests.programs.built import NO_GO, given, go

HERE = Path(__file__).parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def tools() -> Path:
    return environment("pipelines", HERE / "requirements.txt")


@pytest.fixture(scope="module")
def actionlint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from its Go module; seconds where Go has built it before."""
    if found := given("actionlint"):
        return found
    compiler = go()
    if compiler is None:
        pytest.skip(NO_GO.format("actionlint"))
    built = tmp_path_factory.mktemp("actionlint")
    subprocess.run([compiler, "build", "-o", f"{built}/", "tool"], cwd=HERE / "actionlint", check=True)
    return built / "actionlint"


def planted(folder: Path, path: Path, mistake: tuple[str, str]) -> Path:
    """A copy of the pipelines in which one file has a mistake."""
    shutil.copytree(ROOT / ".github", folder / ".github")
    shutil.copy(GITLAB, folder)
    copy = folder / path.relative_to(ROOT)
    text = copy.read_text(encoding="utf-8")
    assert mistake[0] in text
    copy.write_text(text.replace(*mistake), encoding="utf-8")
    return copy


def ran(*command: str | Path, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def linted(actionlint: Path, paths: list[Path]) -> subprocess.CompletedProcess[str]:
    return ran(actionlint, "-no-color", "-shellcheck=", "-pyflakes=", *paths)


def test_actionlint_finds_nothing(actionlint: Path, tmp_path: Path) -> None:
    path = planted(tmp_path, ROOT / ".github/workflows/up.yml", ("${{ inputs.stack }}", "${{ inputs.stak }}"))

    assert '"stak" is not defined' in linted(actionlint, [path]).stdout
    assert linted(actionlint, GITHUB).stdout == ""


def test_zizmor_finds_nothing(tools: Path, tmp_path: Path) -> None:
    command = [tools / "zizmor", "--offline", "--no-progress", "--persona=auditor", ".github"]
    planted(
        tmp_path, ROOT / ".github/workflows/check.yml", ("@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7")
    )

    assert "unpinned-uses" in ran(*command, folder=tmp_path).stdout
    found = ran(*command)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(
    ("schema", "paths", "mistake"),
    [
        ("vendor.github-workflows", GITHUB, ("runs-on:", "run-on:")),
        ("vendor.github-actions", ACTIONS, ("using: composite", "using: komposite")),
        ("vendor.gitlab-ci", [GITLAB], ("interruptible: true", "interruptible: perhaps")),
    ],
)
def test_each_file_is_of_its_systems_schema(
    tools: Path, tmp_path: Path, schema: str, paths: list[Path], mistake: tuple[str, str]
) -> None:
    check = [tools / "check-jsonschema", "--builtin-schema", schema]

    assert ran(*check, planted(tmp_path, paths[-1], mistake)).returncode == 1
    found = ran(*check, *paths)
    assert found.returncode == 0, found.stdout
