import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from inference_app import repository
from inference_app.contract import Execution, ExecutionProvider
from inference_app.tune import report
from inference_app.tune.race import Measurement, Result
from inference_app.tuning import FILE, Machine, TunedSettings, Tuning

INLINE = TunedSettings(max_batch_size=32, execution=Execution.INLINE, model_threads=0, intra_op_threads=1)
TWO = TunedSettings(max_batch_size=1, execution=Execution.THREADS, model_threads=2, intra_op_threads=1)
ONE = TunedSettings(max_batch_size=8, execution=Execution.THREADS, model_threads=1, intra_op_threads=2)


def result(settings: TunedSettings, *rates: float) -> Result:
    return Result(settings, [Measurement(rate, 1.5, 2.25) for rate in rates])


FAST, SLOW = result(TWO, 200, 210), result(ONE, 100, 100)


def tuning(settings: TunedSettings = TWO) -> Tuning:
    machine = Machine(cpu="x", cores=2, execution_provider=ExecutionProvider.CPU, onnxruntime="1")
    measured = datetime(2026, 1, 1, tzinfo=UTC)
    return Tuning(machine=machine, model_sha256="0", measured=measured, tried=(report.trial(FAST),), settings=settings)


def test_the_table_has_the_fastest_first_and_marks_the_choice() -> None:
    lines = [line.split() for line in report.table([SLOW, result(INLINE, 150), FAST], FAST).splitlines()]
    assert lines[1] == ["threads", "2", "1", "1", "210.0", "5%", "1.50", "2.25", "2", "<-", "chosen"]
    assert [line[0:4] for line in lines[2:]] == [["inline", "-", "1", "32"], ["threads", "1", "2", "8"]]


def test_the_verdict_tells_the_gain() -> None:
    text = report.verdict([FAST, SLOW], FAST, ONE)
    gain = "2.10 times the throughput without a tuning (1 thread x 2 intra-op, batch 8)"
    assert text == f"Chosen: 2 threads x 1 intra-op, batch 1, {gain}."


def test_a_choice_that_changes_nothing_is_called_so() -> None:
    text = report.verdict([FAST, SLOW], FAST, TWO)
    assert text == "Chosen: 2 threads x 1 intra-op, batch 1, as without a tuning."


@pytest.mark.parametrize("untuned", [None, INLINE])
def test_without_a_measurement_to_compare_with_no_gain_is_claimed(untuned: TunedSettings | None) -> None:
    assert report.verdict([FAST, SLOW], FAST, untuned) == "Chosen: 2 threads x 1 intra-op, batch 1."


def test_the_verdict_names_what_cannot_be_told_apart() -> None:
    text = report.verdict([FAST, result(INLINE, 190, 205), SLOW], FAST, None)
    assert "Not told apart from it, the rounds vary as much: inline, batch 32." in text


def test_rounds_that_differ_much_are_called_out() -> None:
    noisy = result(TWO, 100, 200)
    assert "Rounds of the same differ by 67%" in report.verdict([noisy], noisy, None)


def test_settings_become_the_variables_of_the_contract() -> None:
    expected = "MAX_BATCH_SIZE=1 EXECUTION=threads MODEL_THREADS=2 INTRA_OP_THREADS=1 MAX_BATCH_DELAY_MS=0"
    assert report.variables(TWO).split() == expected.split()


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    path = repository.write(tmp_path / FILE, tuning())
    assert path == tmp_path / "tuning.json"
    assert Tuning.model_validate_json(path.read_bytes()) == tuning()
    assert os.listdir(tmp_path) == ["tuning.json"]  # noqa: PTH208 - nothing else, hidden files included


def test_a_write_that_fails_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.write(tmp_path / FILE, tuning())

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, f"No space left on device for {descriptor}")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        repository.write(tmp_path / FILE, tuning(ONE))
    monkeypatch.undo()
    assert Tuning.model_validate_json((tmp_path / "tuning.json").read_bytes()) == tuning()
    assert os.listdir(tmp_path) == ["tuning.json"]  # noqa: PTH208
