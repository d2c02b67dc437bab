"""A model's needs, measured in processes of their own."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from inference_app import needs, repository
from inference_app.needs import FILE, Needs
from inference_app.repository import ModelVersion


def test_the_shipped_model_was_measured_as_it_is(digits: ModelVersion) -> None:
    shipped = Needs.model_validate_json((digits.directory / FILE).read_bytes())

    assert shipped.model_sha256 == digits.metadata.sha256
    assert shipped.machine.cores == 1
    assert 0 < shipped.inference_cpu_seconds < shipped.start_cpu_seconds < 10


@pytest.mark.slow
def test_a_measurement_is_written_beside_the_model_and_changes_nothing_of_it(
    own_repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = own_repository / "digits/1" / FILE
    path.unlink()

    assert needs.main(["--model", "digits", "--repository", str(own_repository), "--seconds", "0.1"]) == 0

    measured = Needs.model_validate_json(path.read_bytes())
    assert str(path) in capsys.readouterr().out
    assert 40 < measured.memory_mib < 1000
    assert 0.1 < measured.start_cpu_seconds < 30
    assert measured.inference_cpu_seconds < measured.start_cpu_seconds
    assert repository.read(path.parent).tuning is None
    assert list(path.parent.glob(f".{FILE}*")) == []


def test_the_worst_process_counts(digits: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = iter(
        needs.Measurement(memory_mib=memory, start_cpu_seconds=start, inference_cpu_seconds=inference)
        for memory, start, inference in [(90, 1.0, 0.3), (110, 2.0, 0.1), (100, 3.0, 0.2)]
    )

    def measured(*_: object) -> needs.Measurement:
        return next(runs)

    monkeypatch.setattr(needs, "_in_a_process", measured)

    found = needs.measure(digits, digits.directory.parents[1], 1)

    assert (found.memory_mib, found.start_cpu_seconds, found.inference_cpu_seconds) == (110, 3.0, 0.3)


@pytest.mark.slow
def test_a_model_that_fails_is_not_measured_and_says_why(
    own_repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own_repository / "digits/1/model.onnx").write_bytes(b"no model")

    assert needs.main(["--repository", str(own_repository), "--seconds", "0.1"]) == 1
    told = capsys.readouterr().err
    assert "SHA-256" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("arguments", "told"), [(["--model", "cats"], "MODEL_NAME cats"), (["--version", "9"], "MODEL_VERSION 9")]
)
def test_a_model_that_is_not_there_is_named(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert needs.main(arguments) == 2
    assert told in capsys.readouterr().err


def test_a_request_holds_the_golden_example_as_often_as_asked(digits: ModelVersion) -> None:
    event = needs.event(digits, 3)
    (tensor,) = json.loads(event["body"])["inputs"]

    assert event["requestContext"]["http"] == {"method": "POST", "path": "/v2/models/digits/infer"}
    assert tensor["shape"] == [3, 8, 8, 1]
    assert tensor["data"][0] == tensor["data"][2]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux gives a process's own peak")
def test_the_peak_is_the_processs_own() -> None:
    ballast = b"x" * (300 * needs.MIB)  # in this process: a child that was forked from it must not count it

    code = "from inference_app import needs; print(needs.peak_mib())"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert int(child.stdout) < 300 <= needs.peak_mib()
    assert len(ballast) > math.ceil(299.5 * needs.MIB)
