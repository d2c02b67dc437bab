import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from inference_app.staging.files import staged_version, write_json


def test_a_version_appears_only_once_it_is_complete(tmp_path: Path) -> None:
    with staged_version(tmp_path / "digits", "1") as folder:
        (folder / "model.onnx").write_text("new")
        seen_while_writing = (tmp_path / "digits" / "1").exists()
    assert not seen_while_writing
    assert (tmp_path / "digits" / "1" / "model.onnx").read_text() == "new"


def test_a_version_replaces_the_whole_of_its_predecessor(tmp_path: Path) -> None:
    old = tmp_path / "1"
    old.mkdir()
    (old / "samples").mkdir()
    (old / "model.onnx").write_text("old")
    with staged_version(tmp_path, "1") as folder:
        (folder / "model.onnx").write_text("new")
    assert _tree(tmp_path) == {"1": None, "1/model.onnx": "new"}


def test_a_failure_leaves_the_version_before_it_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "model.onnx").write_text("old")
    with pytest.raises(RuntimeError, match="refused"):
        _write_half_a_version(tmp_path)
    assert _tree(tmp_path) == {"1": None, "1/model.onnx": "old"}


def test_a_value_that_json_cannot_hold_leaves_the_file_before_it(tmp_path: Path) -> None:
    write_json(tmp_path / "active.json", {"version": "1"})
    with pytest.raises(TypeError):
        write_json(tmp_path / "active.json", {"version": object()})
    assert json.loads((tmp_path / "active.json").read_text()) == {"version": "1"}
    assert set(_tree(tmp_path)) == {"active.json"}


def _write_half_a_version(model_folder: Path) -> None:
    with staged_version(model_folder, "1") as folder:
        (folder / "model.onnx").write_text("half of the new one")
        raise RuntimeError("refused")


def _tree(folder: Path) -> dict[str, str | None]:
    """Every path below `folder`, with its text where it is a file."""
    return {
        path.relative_to(folder).as_posix(): path.read_text() if path.is_file() else None for path in folder.rglob("*")
    }


def test_a_file_is_on_the_disk_before_it_gets_its_name_and_its_folder_after(
    tmp_path: Path, synced: list[tuple[str, bool]]
) -> None:
    write_json(tmp_path / "active.json", {"version": "1"})
    assert synced == [(".active.json.draft", False), (tmp_path.name, True)]


def test_a_version_is_on_the_disk_before_it_gets_its_name_and_its_folder_after(
    tmp_path: Path, synced: list[tuple[str, bool]]
) -> None:
    with staged_version(tmp_path, "active.json") as folder:
        (folder / "samples").mkdir()
        (folder / "samples" / "0.png").write_text("gray")
    *before, after = synced
    assert sorted(before) == [(".active.json.draft", False), ("0.png", False), ("samples", False)]
    assert after == (tmp_path.name, True)


@pytest.fixture
def synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """What was synchronised: its name, and whether active.json was there by then."""
    found: list[tuple[str, bool]] = []

    def fsync(descriptor: int) -> None:
        found.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, (tmp_path / "active.json").exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    return found


def test_nothing_but_python_is_needed() -> None:
    modules = "from inference_app.staging import files, lock, record"
    subprocess.run([sys.executable, "-S", "-c", modules], cwd=Path(__file__).parents[3], check=True)
