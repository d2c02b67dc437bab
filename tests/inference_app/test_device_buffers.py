"""The GPU's way of running a model, on the CPU's memory: the same calls of ONNX Runtime, graphs apart."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from inference_app import device_buffers, sessions
from inference_app.device_buffers import BoundRunner, OneThread
from inference_app.repository import ModelVersion
from inference_app.settings import Settings
from inference_app.tensors import Arrays, Datatype, TensorSpec


@pytest.fixture
def session(digits: ModelVersion) -> Any:
    return sessions.session(digits.model_path, Settings())


@pytest.fixture
def runner(session: Any, digits: ModelVersion) -> BoundRunner:
    return BoundRunner(session, digits.metadata.inputs, digits.metadata.outputs, "cpu", 0)


def images(count: int, seed: int = 0) -> Arrays:
    return {"image": np.random.default_rng(seed).random((count, 8, 8, 1), np.float32)}


def expected(session: Any, inputs: Arrays) -> Any:
    return session.run(["probabilities"], inputs)[0]


@pytest.mark.parametrize("size", [1, 3, 8])
def test_bound_buffers_give_the_answers_of_a_plain_run(session: Any, runner: BoundRunner, size: int) -> None:
    np.testing.assert_array_equal(runner.run(images(size))["probabilities"], expected(session, images(size)))


def test_a_second_batch_of_a_size_replaces_the_first_in_its_buffers(session: Any, runner: BoundRunner) -> None:
    runner.run(images(2, seed=1))
    second = images(2, seed=2)
    np.testing.assert_array_equal(runner.run(second)["probabilities"], expected(session, second))


def test_an_input_that_is_no_contiguous_memory_is_bound_too(session: Any, runner: BoundRunner) -> None:
    strided = {"image": images(8)["image"][::2]}
    np.testing.assert_array_equal(runner.run(strided)["probabilities"], expected(session, strided))


def test_threads_do_not_share_buffers(session: Any, runner: BoundRunner) -> None:
    barrier = threading.Barrier(4)

    def run(seed: int) -> bool:
        barrier.wait(10)
        inputs = images(4, seed)
        outcomes = [(runner.run(inputs)["probabilities"] == expected(session, inputs)).all() for _ in range(50)]
        return all(outcomes)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(4))) == [True] * 4


def test_each_batch_size_has_a_graph_of_its_own(session: Any, digits: ModelVersion) -> None:
    graphs: list[str] = []

    class Recording:
        """A session that notes which graph each run is for."""

        def io_binding(self) -> Any:
            return session.io_binding()

        def run_with_iobinding(self, binding: Any, options: Any) -> None:
            graphs.append(options.get_run_config_entry("gpu_graph_id"))
            session.run_with_iobinding(binding, options)

    runner = BoundRunner(Recording(), digits.metadata.inputs, digits.metadata.outputs, "cpu", 0)
    for size in (1, 4, 1):
        runner.run(images(size))
    assert graphs == ["1", "4", "1"]


@pytest.mark.parametrize("datatype", [datatype for datatype in Datatype if datatype is not Datatype.BYTES])
def test_every_numeric_datatype_can_be_bound(datatype: Datatype) -> None:
    array = np.ones((2, 3), datatype.dtype)
    value = sessions.ort.OrtValue.ortvalue_from_shape_and_type([2, 3], datatype.dtype.type, "cpu", 0)
    value.update_inplace(array)
    np.testing.assert_array_equal(value.numpy(), array)


@pytest.mark.parametrize(
    ("datatype", "shape", "fixed"),
    [(Datatype.FP32, (-1, 8, 8), True), (Datatype.INT64, (-1, -1), False), (Datatype.BYTES, (-1, 1), False)],
)
def test_only_numbers_of_fixed_shape_go_into_buffers(datatype: Datatype, shape: tuple[int, ...], fixed: bool) -> None:
    assert device_buffers.has_fixed_shapes((TensorSpec(name="x", datatype=datatype, shape=shape),)) is fixed


@pytest.mark.parametrize(("rows", "size"), [(1, 1), (2, 2), (3, 4), (5, 6), (6, 6), (7, 7)])
def test_a_batch_is_filled_up_to_the_next_prepared_size(rows: int, size: int) -> None:
    sizes: list[int] = []

    def double(inputs: Arrays) -> Arrays:
        sizes.append(len(inputs["x"]))
        return {"y": inputs["x"] * 2}

    inputs: Arrays = {"x": np.arange(rows * 2, dtype=np.float32).reshape(rows, 2)}
    outputs = device_buffers.padded(double, [1, 2, 4, 6])(inputs)
    assert sizes == [size]
    np.testing.assert_array_equal(outputs["y"], inputs["x"] * 2)


def test_all_calls_run_on_one_thread_that_is_not_the_callers() -> None:
    seen: set[int] = set()

    def note(inputs: Arrays) -> Arrays:
        seen.add(threading.get_ident())
        return inputs

    one = OneThread(note)

    def call(seed: int) -> int:
        one.run(images(1, seed))
        return threading.get_ident()

    with ThreadPoolExecutor(4) as pool:
        callers = set(pool.map(call, range(20)))
    assert len(seen) == 1
    assert not seen & callers


def test_what_the_one_thread_raises_reaches_the_caller_and_the_next_call_runs() -> None:
    outcomes: list[Arrays | Exception] = [RuntimeError("out of memory"), images(1)]

    def run(_: Arrays) -> Arrays:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    one = OneThread(run)
    with pytest.raises(RuntimeError, match="out of memory"):
        one.run(images(1))
    assert one.run(images(1)).keys() == {"image"}


def test_the_one_thread_ends_with_the_model_that_it_belongs_to() -> None:
    threads: list[threading.Thread] = []

    def note(inputs: Arrays) -> Arrays:
        threads.append(threading.current_thread())
        return inputs

    OneThread(note).run(images(1))
    threads[0].join(10)
    assert not threads[0].is_alive()
