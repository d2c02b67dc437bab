from collections.abc import Generator

import pytest

from inference_app import execution
from inference_app.contract import Execution, ExecutionProvider
from inference_app.repository import ModelVersion
from inference_app.settings import Settings
from inference_app.tune.bench import Bench, thread_counts
from inference_app.tuning import TunedSettings

GPU = Settings(execution_provider=ExecutionProvider.CUDA)


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "cores", lambda: 2)


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def bench(digits: ModelVersion, lines: list[str]) -> Generator[Bench]:
    with Bench(digits, Settings(), lines.append) as bench:
        yield bench


def kinds(candidates: list[TunedSettings]) -> set[tuple[Execution, int, int]]:
    return {(each.execution, each.model_threads, each.intra_op_threads) for each in candidates}


@pytest.mark.parametrize(
    ("cores", "expected"),
    [
        (1, [(1, 1)]),
        (2, [(2, 1), (1, 2)]),
        (4, [(4, 1), (1, 4)]),
        (8, [(8, 1), (2, 4), (1, 8)]),
        (12, [(12, 1), (3, 4), (1, 12)]),
        (64, [(64, 1), (8, 8), (1, 64)]),
    ],
)
def test_on_the_cpu_calls_share_the_cores(cores: int, expected: list[tuple[int, int]]) -> None:
    assert thread_counts(cores, Settings()) == expected


def test_on_a_gpu_a_second_call_may_overlap_the_first_but_for_cuda_graphs() -> None:
    assert thread_counts(16, GPU) == [(1, 1), (2, 1)]
    assert thread_counts(16, GPU.model_copy(update={"cuda_graphs": True})) == [(1, 1)]


def test_a_quick_model_is_tried_inline_and_on_threads(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "INLINE_SECONDS", 10)
    candidates = bench.candidates(4, longest_call=10)
    assert kinds(candidates) == {(Execution.INLINE, 0, 1), (Execution.THREADS, 2, 1), (Execution.THREADS, 1, 2)}
    assert sorted(each.max_batch_size for each in candidates) == sorted([1, 2, 4] * 3)


def test_a_slow_model_is_tried_on_threads_only(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "INLINE_SECONDS", 0)
    assert kinds(bench.candidates(1, longest_call=10)) == {(Execution.THREADS, 2, 1), (Execution.THREADS, 1, 2)}


def test_batches_that_take_too_long_are_left_out_and_named(bench: Bench, lines: list[str]) -> None:
    candidates = bench.candidates(8, longest_call=0)
    assert {each.max_batch_size for each in candidates} == {1}
    assert lines[0].startswith("batches of 2 and more take over 0 s with 1 intra-op: left out")


def test_what_a_server_does_without_a_tuning_is_one_of_the_candidates(bench: Bench) -> None:
    candidates = bench.candidates(Settings().max_batch_size, longest_call=10)
    assert bench.untuned() in candidates


def test_without_its_batch_size_there_is_nothing_to_compare_with(bench: Bench) -> None:
    bench.candidates(4, longest_call=10)
    assert bench.untuned() is None


@pytest.mark.parametrize("kind", [Execution.INLINE, Execution.THREADS])
def test_a_measurement_has_figures_of_the_real_model(bench: Bench, kind: Execution) -> None:
    bench.candidates(2, longest_call=10)
    threads = 0 if kind is Execution.INLINE else 2
    candidate = TunedSettings(max_batch_size=2, execution=kind, model_threads=threads, intra_op_threads=1)
    measured = bench.measure(candidate, 0.05)
    assert measured.examples_per_second > 1
    assert 0 < measured.p50_ms <= measured.p99_ms
