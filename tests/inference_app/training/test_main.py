"""The command line: what it takes, and that it says so before TensorFlow loads."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from inference_app.training import commands
from inference_app.training.__main__ import main

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("seconds", ["yesterday", "1.5", "9" * 30])
def test_a_time_that_is_no_number_of_seconds_is_one_clear_line(
    seconds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert usage("optimise", "--created", seconds) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.endswith(f"must be whole seconds since 1970, got '{seconds}'")


def test_the_time_may_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert usage("pipeline") == 2
    assert "SOURCE_DATE_EPOCH" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["data", "--size", "28"], "must be width x height in pixels, as 96x64, got '28'"),
        (["data", "--name", "../up"], "must be of letters, digits, dots, dashes and underscores, got '../up'"),
        (["data", "--share", "0.5"], "must be above 0 and below 0.5, got 0.5"),
        (["data", "--minimum", "2"], "must be 3 or more, one for each part, got 2"),
        (["train", "--epochs", "0"], "must be a whole number above 0, got 0"),
        (["train", "--learning-rate", "nan"], "must be a number above 0, got nan"),
        (["optimise", "--max-accuracy-drop", "2"], "must be from 0 to 1, got 2"),
        (["optimise", "--version", "../1"], "must be of letters, digits, dots, dashes and underscores, got '../1'"),
        (["optimise", "--choose", "litert"], "invalid choice: 'litert'"),
    ],
)
def test_a_wrong_value_is_told_with_its_rule(words: list[str], rule: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert usage(*words) == 2
    assert rule in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["data", "--from", "nowhere"], "images must come from a folder, an object store's URL or sklearn:digits"),
        (["train", "--data", "nowhere"], "nowhere must be a folder that `data` wrote, got one without data.json"),
        (["export", "--run", "nowhere"], "nowhere must be a folder that `train` wrote, got one without run.json"),
        (["data", "--from", "tests", "--size", "8x8"], "--size and --mode must come together, got one; name both"),
    ],
)
def test_what_is_missing_is_one_clear_line(words: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line


def test_every_command_has_its_help_and_needs_no_tensorflow_for_it() -> None:
    without = "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None; "
    code = f"{without}from inference_app.training.__main__ import main; main(['--help'])"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    modules = {path.stem for path in Path(commands.__file__).parent.glob("[a-z]*.py")}
    assert modules == set(commands.NAMES)
    assert re.findall(r"^ {4}(\w+)", shown, re.MULTILINE) == list(commands.NAMES)


def usage(*words: str) -> int | str | None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    return stopped.value.code
