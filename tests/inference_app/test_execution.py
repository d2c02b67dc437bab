import os
from pathlib import Path
from typing import Any

import pytest

from inference_app import execution
from inference_app.contract import Execution, ExecutionProvider
from inference_app.execution import Plan
from inference_app.settings import Settings

QUICK, SLOW = 0.00002, 0.01


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "cores", lambda: 4)


def test_a_model_of_microseconds_runs_on_the_event_loop() -> None:
    assert execution.choose(QUICK, Settings()) == Plan(Execution.INLINE, 0)


def test_a_longer_one_gets_a_thread_per_core() -> None:
    assert execution.choose(SLOW, Settings()) == Plan(Execution.THREADS, 4, prepare=True)


@pytest.mark.parametrize(("intra_op", "threads"), [(1, 4), (2, 2), (3, 1), (8, 1), (0, 1)])
def test_threads_times_the_threads_of_a_call_fit_the_cores(intra_op: int, threads: int) -> None:
    assert execution.choose(SLOW, Settings(intra_op_threads=intra_op)).threads == threads


@pytest.mark.parametrize(("workers", "threads"), [(2, 2), (4, 1), (9, 1)])
def test_workers_share_the_cores(workers: int, threads: int) -> None:
    assert execution.choose(SLOW, Settings(workers=workers)).threads == threads


def test_a_gpu_never_holds_up_the_event_loop() -> None:
    settings = Settings(execution_provider=ExecutionProvider.CUDA)
    assert execution.choose(QUICK, settings) == Plan(Execution.THREADS, 1)


@pytest.mark.parametrize(
    ("given", "prepare"),
    [
        ({"workers": 2}, True),
        ({"workers": 9}, True),
        ({"model_threads": 8}, True),
        ({"model_threads": 3}, False),
        ({"intra_op_threads": 2}, False),
        ({"intra_op_threads": 0}, False),
        ({"execution_provider": ExecutionProvider.CUDA, "model_threads": 4}, False),
        ({"predictor_url": "http://predictor", "model_threads": 4}, False),
    ],
)
def test_threads_that_fill_the_cores_prepare_their_requests(given: dict[str, Any], prepare: bool) -> None:
    assert execution.choose(SLOW, Settings(**given)).prepare is prepare


def test_what_is_set_is_done() -> None:
    inline, threads = Settings(execution=Execution.INLINE), Settings(execution=Execution.THREADS, model_threads=3)
    assert execution.choose(SLOW, inline) == Plan(Execution.INLINE, 0)
    assert execution.choose(QUICK, threads) == Plan(Execution.THREADS, 3)


def test_the_number_of_threads_alone_leaves_the_choice_to_the_measurement() -> None:
    assert execution.choose(QUICK, Settings(model_threads=3)).kind is Execution.INLINE


@pytest.mark.parametrize(
    ("limit", "expected"), [("max 100000", 8), ("200000 100000", 2), ("150000 100000", 2), ("1600000 100000", 8)]
)
def test_a_containers_quota_counts_as_cores(
    limit: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()

    def eight(_: int) -> set[int]:
        return set(range(8))

    monkeypatch.setattr(os, "sched_getaffinity", eight)
    path = tmp_path / "cpu.max"
    path.write_text(limit + "\n")
    assert execution.cores(path) == expected


def test_outside_a_container_the_cores_are_those_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    assert execution.cores(tmp_path / "cpu.max") == len(os.sched_getaffinity(0))
