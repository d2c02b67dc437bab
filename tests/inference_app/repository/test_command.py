"""`python -m inference_app.repository`, as its user sees it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference_app import repository
from inference_app.errors import ConfigurationError
from inference_app.repository import ModelVersion
from tests.inference_app.repository.conftest import Command
from tests.inference_app.repository.source import make_version

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def five(digits: ModelVersion, tmp_path: Path) -> Path:
    """A version to add."""
    return make_version(digits, tmp_path / "five", version="5", run="https://mlflow.example.com/runs/77")


def active(root: Path) -> str:
    return repository.find(root, "digits").metadata.version


def history(root: Path) -> list[str]:
    record = json.loads((root / "digits" / "active.json").read_text())
    return [record["version"], *record["previous"]]


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def refused(command: Command, capsys: Capture, *arguments: str, status: int = 1) -> str:
    capsys.readouterr()
    assert command(*arguments) == status
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    return told.err


def test_a_version_is_added_with_all_its_files_and_is_not_active_by_that(
    served: Path, command: Command, five: Path, capsys: Capture
) -> None:
    assert command("add", str(five)) == 0
    assert "promote it to have it served" in capsys.readouterr().out
    assert _content(served / "digits" / "5") == _content(five)
    assert active(served) == "4"


def test_a_version_can_be_active_from_the_start(served: Path, command: Command, five: Path) -> None:
    assert command("add", str(five), "--promote") == 0
    assert history(served) == ["5", "4", "3", "2", "1"]


def test_the_same_bytes_can_be_added_again(served: Path, command: Command, five: Path) -> None:
    assert command("add", str(five), "--no-check") == 0
    (served / "digits" / "5" / "tuning.notes").write_text("measured here")
    assert command("add", str(five), "--no-check", "--promote") == 0
    assert active(served) == "5"


def test_other_bytes_under_a_version_that_exists_are_refused(
    served: Path, command: Command, five: Path, capsys: Capture
) -> None:
    edit(five / "metadata.json", version="2")
    told = refused(command, capsys, "add", str(five), "--no-check")
    assert told == f"{served}/digits/2 is there with other files; add yours under another version\n"


def test_the_model_file_must_have_the_checksum_of_its_metadata(command: Command, five: Path, capsys: Capture) -> None:
    (five / "model.onnx").write_bytes(b"another")
    assert "its metadata says acc9c79e01" in refused(command, capsys, "add", str(five), "--no-check")


def test_the_golden_inference_must_be_there(command: Command, five: Path, capsys: Capture) -> None:
    (five / "golden.json").unlink()
    assert "metadata.json declares it as golden" in refused(command, capsys, "add", str(five), "--no-check")


def test_a_model_that_gives_another_golden_output_does_not_come_in(
    served: Path, command: Command, five: Path, capsys: Capture
) -> None:
    golden = json.loads((five / "golden.json").read_text())
    golden["outputs"] = {name: np.flip(np.array(rows), 1).tolist() for name, rows in golden["outputs"].items()}
    (five / "golden.json").write_text(json.dumps(golden))
    assert refused(command, capsys, "add", str(five)).startswith("golden output probabilities differs by ")
    assert not (served / "digits" / "5").exists()
    assert command("add", str(five), "--no-check") == 0


@pytest.mark.parametrize("changes", [{"version": "../5"}, {"version": ".5"}, {"name": ""}, {"name": "a/b"}])
def test_a_name_must_be_a_folders(command: Command, five: Path, capsys: Capture, changes: dict[str, str]) -> None:
    edit(five / "metadata.json", **changes)
    assert "must be a folder's name" in refused(command, capsys, "add", str(five), "--no-check")


def test_a_link_to_a_folder_is_refused_since_it_would_not_be_copied(
    command: Command, five: Path, capsys: Capture
) -> None:
    (five / "samples").symlink_to(five / "more")
    assert f"{five}/samples must be a file or a folder" in refused(command, capsys, "add", str(five), "--no-check")


def test_a_link_to_a_file_is_added_as_the_file(served: Path, command: Command, five: Path) -> None:
    (five / "golden.json").rename(five.parent / "elsewhere.json")
    (five / "golden.json").symlink_to(five.parent / "elsewhere.json")
    assert command("add", str(five), "--no-check") == 0
    assert not (served / "digits" / "5" / "golden.json").is_symlink()


def test_a_folder_that_is_no_version_is_one_clear_line(command: Command, tmp_path: Path, capsys: Capture) -> None:
    assert "metadata.json cannot be read" in refused(command, capsys, "add", str(tmp_path), status=2)


def test_a_repository_must_be_there(command: Command, served: Path, five: Path, capsys: Capture) -> None:
    shutil.rmtree(served)
    assert "must be a folder" in refused(command, capsys, "add", str(five), "--no-check", status=2)


def test_promoting_remembers_what_was_served_and_twice_is_once(served: Path, command: Command) -> None:
    assert command("promote", "digits", "2") == 0
    assert command("promote", "digits", "2") == 0
    assert history(served) == ["2", "4", "3", "2", "1"]


def test_promoting_keeps_the_version_in_service_where_the_other_is_spoilt(
    served: Path, command: Command, capsys: Capture
) -> None:
    (served / "digits" / "2" / "model.onnx").write_bytes(b"half of it")
    assert "has SHA-256" in refused(command, capsys, "promote", "digits", "2")
    assert "has SHA-256" in refused(command, capsys, "rollback", "digits", "--steps", "2")
    assert "which holds 1, 2, 3, 4" in refused(command, capsys, "promote", "digits", "7", status=2)
    assert active(served) == "4"


def test_a_rollback_goes_one_back_and_three_times_one_is_three(served: Path, command: Command, capsys: Capture) -> None:
    assert [command("rollback", "digits") for _ in range(3)] == [0, 0, 0]
    assert "digits 1 is active instead of 2, 1 back" in capsys.readouterr().out
    assert history(served) == ["1"]


def test_a_rollback_goes_three_back_at_once(served: Path, command: Command, capsys: Capture) -> None:
    assert command("rollback", "digits", "--steps", "3") == 0
    assert "digits 1 is active instead of 4, 3 back" in capsys.readouterr().out
    assert history(served) == ["1"]


def test_a_rollback_beyond_what_is_known_says_what_is(served: Path, command: Command, capsys: Capture) -> None:
    told = refused(command, capsys, "rollback", "digits", "--steps", "4")
    assert told == "digits cannot go back 4; served before, newest first: 3, 2, 1\n"
    assert active(served) == "4"


def test_a_record_without_history_is_read_and_gets_one(served: Path, command: Command, capsys: Capture) -> None:
    (served / "digits" / "active.json").write_text('{"version": "4"}')
    assert "served before, newest first: none" in refused(command, capsys, "rollback", "digits")
    assert command("promote", "digits", "1") == 0
    assert history(served) == ["1", "4"]


def test_a_removed_version_leaves_the_record(served: Path, command: Command) -> None:
    assert command("remove", "digits", "2") == 0
    assert not (served / "digits" / "2").exists()
    assert history(served) == ["4", "3", "1"]


def test_what_is_served_or_was_just_before_is_not_removed(served: Path, command: Command, capsys: Capture) -> None:
    assert "digits 4 is the active version" in refused(command, capsys, "remove", "digits", "4", "--force")
    assert "remove it with --force" in refused(command, capsys, "remove", "digits", "3")
    assert command("remove", "digits", "3", "--force") == 0
    assert history(served) == ["4", "2", "1"]
    assert "MODEL_VERSION 3 is not in" in refused(command, capsys, "remove", "digits", "3", status=2)


def test_a_broken_version_is_listed_with_its_fault_and_can_be_removed(
    served: Path, command: Command, capsys: Capture
) -> None:
    (served / "digits" / "2" / "metadata.json").write_text("{")
    capsys.readouterr()
    assert command("list") == 0
    assert "metadata.json: " in capsys.readouterr().out.splitlines()[2]
    assert command("remove", "digits", "2") == 0


def test_the_list_has_a_line_for_each_version(served: Path, command: Command, five: Path, capsys: Capture) -> None:
    command("add", str(five), "--no-check")
    (served / "digits" / ".6.draft").mkdir()
    capsys.readouterr()
    assert command("list", "digits") == 0
    heading, *lines = (line.split() for line in capsys.readouterr().out.splitlines())
    assert heading == ["MODEL", "VERSION", "STATE", "CREATED", "SHA-256", "METRICS"]
    assert [line[1] for line in lines] == ["1", "2", "3", "4", "5"]
    assert [" ".join(line[2:-4]) for line in lines] == ["3 back", "2 back", "1 back", "active", "-"]
    assert lines[4][3:5] == ["2026-11-21T10:52:13Z", "acc9c79e0165"]
    assert lines[4][5] == "held_out_accuracy=0.9944"


def test_the_list_is_there_for_programs_too(command: Command, five: Path, capsys: Capture) -> None:
    command("add", str(five), "--no-check")
    capsys.readouterr()
    assert command("list", "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["version"], line["active"], line["steps_back"]) for line in lines[3:]] == [
        ("4", True, 0),
        ("5", False, None),
    ]
    assert lines[4]["run"] == "https://mlflow.example.com/runs/77"
    assert len(lines[4]["sha256"]) == 64


def test_a_model_without_an_active_version_says_how_to_get_one(served: Path, command: Command) -> None:
    (served / "digits" / "active.json").unlink()
    assert command("list") == 0
    assert repository.names(served) == []
    with pytest.raises(ConfigurationError, match="no version is active; promote one"):
        active(served)
    assert command("promote", "digits", "3") == 0
    assert history(served) == ["3"]


def test_a_record_that_is_none_is_one_clear_line(served: Path, command: Command, capsys: Capture) -> None:
    (served / "digits" / "active.json").write_text('{"version": 4}')
    told = f'{served}/digits/active.json must be like {{"version": "2", "previous": ["1"]}}, got {{"version": 4}}'
    assert refused(command, capsys, "list", status=2) == f"{told}; write it again\n"
    assert refused(command, capsys, "promote", "digits", "1", status=2).startswith(told)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["rollback", "digits", "--steps", "0"], "above 0"), (["promote", "digits", "1", "--wait", "-1"], "0 or more")],
)
def test_numbers_that_make_no_sense_are_refused(
    command: Command, capsys: Capture, arguments: list[str], told: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command(*arguments)
    assert told in capsys.readouterr().err


def test_a_repository_that_cannot_be_written_is_one_clear_line(served: Path, command: Command, capsys: Capture) -> None:
    lock = served / "digits" / ".lock"
    lock.unlink()
    lock.mkdir()
    assert refused(command, capsys, "promote", "digits", "1") == f"{lock}: Is a directory\n"


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
