import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("seconds", ["yesterday", "1.5", "9" * 30])
def test_a_time_that_is_no_number_of_seconds_is_one_clear_line(seconds: str) -> None:
    run = _train("--created", seconds)
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1].endswith(f"must be whole seconds since 1970, got '{seconds}'")
    assert "Traceback" not in run.stderr


def test_the_time_may_come_from_the_environment() -> None:
    run = _train(SOURCE_DATE_EPOCH="yesterday")
    assert run.returncode == 2
    assert "SOURCE_DATE_EPOCH" in run.stderr.splitlines()[-1]


def test_a_repository_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run = _train("--repository", str(tmp_path / "file"))
    assert run.returncode == 2
    assert "must be a folder to write into" in run.stderr.splitlines()[-1]


def _train(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inference_app.training", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=60
    )
