"""A kill at any write leaves the old state or the new, and nothing that keeps the next writer from its work."""

import shutil
import signal
from pathlib import Path
from typing import NamedTuple

import pytest

from inference_app import repository
from inference_app.repository import ModelVersion, listing
from inference_app.repository.__main__ import main
from inference_app.repository.versions import check_digest
from inference_app.staging.files import staged_version
from inference_app.staging.lock import locked
from tests.inference_app import killed
from tests.inference_app.repository.source import make_version

pytestmark = pytest.mark.slow


MOST_WRITES = 100


class State(NamedTuple):
    """What a server or `list` finds."""

    active: str
    versions: str


def state(root: Path) -> State:
    """Every version that is found is whole."""
    versions = [entry.version for entry in listing.entries(root) if entry.error is None]
    for version in versions:
        check_digest(repository.find(root, "digits", version))
    assert main(["list", "--repository", str(root)]) == 0
    return State(repository.find(root, "digits").metadata.version, "".join(versions))


COMMANDS = [
    (["add", "given/5", "--no-check", "--promote"], {State("4", "12345"), State("5", "12345")}, 15),
    (["promote", "digits", "2"], {State("2", "1234")}, 5),
    (["rollback", "digits"], {State("3", "1234"), State("2", "1234")}, 5),
    (["remove", "digits", "3", "--force"], {State("4", "124")}, 10),
]


@pytest.mark.parametrize(("arguments", "after", "fewest_writes"), COMMANDS)
def test_a_kill_before_any_write_leaves_the_old_state_or_the_new(
    served: Path, digits: ModelVersion, arguments: list[str], after: set[State], fewest_writes: int
) -> None:
    make_version(digits, served.parent / "given" / "5", version="5")
    before = State("4", "1234")
    for write in range(1, MOST_WRITES):
        root = Path(shutil.copytree(served, served.parent / str(write)))
        full = _placed(arguments, root)
        code = killed.at_write(write, main, full)
        assert state(root) in {before, *after}
        if code == 0:
            assert write > fewest_writes
            return
        assert code == -signal.SIGKILL
        assert main(full) == 0
        assert state(root) in after
        assert _hidden(root) == {".lock"}
        shutil.rmtree(root)
    pytest.fail(f"still writing after {MOST_WRITES}")


ADD = ["add", "given/5", "--no-check", "--promote"]
PROMOTE = ["promote", "digits", "5"]


@pytest.mark.parametrize(
    ("arguments", "bytes_written"), [*((ADD, count) for count in (0, 1000, 100_000)), (PROMOTE, 0), (PROMOTE, 30)]
)
def test_a_kill_in_the_middle_of_a_file_leaves_the_old_state(
    served: Path, digits: ModelVersion, arguments: list[str], bytes_written: int
) -> None:
    given = make_version(digits, served.parent / "given" / "5", version="5")
    if arguments is PROMOTE:
        shutil.copytree(given, served / "digits" / "5")
    before = state(served)
    full = _placed(arguments, served)
    assert killed.at_byte(bytes_written, main, full) == -signal.SIGXFSZ
    assert state(served) == before
    assert main(full) == 0
    assert state(served) == State("5", "12345")


def test_a_version_that_is_trained_again_is_the_old_or_the_new_one_for_the_next_writer(tmp_path: Path) -> None:
    for write in range(1, MOST_WRITES):
        root = tmp_path / str(write)
        (root / "1").mkdir(parents=True)
        (root / "1" / "model.onnx").write_text("old")
        code = killed.at_write(write, _train, root)
        with locked(root):
            assert (root / "1" / "model.onnx").read_text() in ({"new"} if code == 0 else {"old", "new"})
        assert _hidden(tmp_path) == {".lock"}
        if code == 0:
            assert write > 8
            return
    pytest.fail(f"still writing after {MOST_WRITES}")


def _train(root: Path) -> None:
    with locked(root), staged_version(root, "1") as draft:
        (draft / "model.onnx").write_text("new")


def _placed(arguments: list[str], root: Path) -> list[str]:
    paths = [str(root.parent / each) if each.startswith("given/") else each for each in arguments]
    return [*paths, "--repository", str(root), "--wait", "0"]


def _hidden(root: Path) -> set[str]:
    return {path.name for path in root.rglob(".*")}
