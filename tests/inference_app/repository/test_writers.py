"""Several processes that change one repository at once."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from inference_app import repository
from inference_app.repository import ModelVersion, versions
from inference_app.repository.__main__ import main
from inference_app.staging.lock import FILE, locked
from tests.inference_app import killed
from tests.inference_app.repository.conftest import Command
from tests.inference_app.repository.source import make_version

WRITERS = 8


@pytest.mark.slow
def test_of_many_writers_at_once_each_adds_its_version_and_none_is_forgotten(
    digits: ModelVersion, tmp_path: Path
) -> None:
    root = tmp_path / "models"
    root.mkdir()
    wanted = {str(number) for number in range(WRITERS)}
    folders = [make_version(digits, tmp_path / version, version=version) for version in wanted]
    options = ["--no-check", "--promote", "--wait", "100", "--repository", str(root)]
    commands = [["add", str(folder), *options] for folder in folders]
    # Each is run twice: the second finds the same bytes, and may find its version active or served before.
    with ThreadPoolExecutor(2 * WRITERS) as pool:
        running = [pool.submit(killed.never, main, arguments) for arguments in (*commands, *commands)]
        codes = [each.result() for each in running]
    assert codes == [0] * 2 * WRITERS
    found = versions.active(root / "digits")
    assert found is not None
    assert {found.version, *found.previous} == wanted
    assert {path.name for path in versions.version_folders(root / "digits")} == wanted
    assert {path.name for path in (root / "digits").glob(".*")} == {FILE}


def test_the_second_writer_says_that_it_waits_and_gives_up_in_time(
    served: Path, command: Command, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    model = served / "digits"
    with locked(model):
        assert command("promote", "digits", "1", "--wait", "0.1") == 1
    assert caplog.messages == [f"another process is writing in {model}; waiting up to 0.1 seconds"]
    told = capsys.readouterr().err
    assert told == f"{model} is still being written by another process after 0.1 seconds; try later\n"
    assert repository.find(served, "digits").metadata.version == "4"


@pytest.mark.slow
def test_the_second_writer_goes_on_when_the_first_is_done(served: Path) -> None:
    arguments = ["promote", "digits", "1", "--repository", str(served)]
    with locked(served / "digits"):
        second = subprocess.Popen(
            [sys.executable, "-m", "inference_app.repository", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert second.stderr is not None
        assert second.stderr.readline().startswith("another process is writing in ")
        assert repository.find(served, "digits").metadata.version == "4"
    assert second.communicate(timeout=30)[0] == "digits 1 is active; before it: 4, 3, 2, 1\n"
    assert second.returncode == 0


def test_readers_need_no_lock(served: Path, command: Command) -> None:
    with locked(served / "digits"):
        started = time.monotonic()
        assert command("list") == 0
        assert repository.find(served, "digits").metadata.version == "4"
        assert time.monotonic() - started < 5
