"""What only a GPU can show. Install inference_app/requirements-cuda.txt beside requirements-dev.txt to run these."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from inference_app import model, sessions
from inference_app.contract import ExecutionProvider
from inference_app.gpu_memory import GpuMemory
from inference_app.repository import ModelVersion
from inference_app.settings import Settings
from inference_app.tensors import Array, Arrays, rows


def has_gpu() -> bool:
    """Whether a CUDA provider is installed and a GPU answers it."""
    if ExecutionProvider.CUDA not in sessions.ort.get_available_providers():
        return False
    sessions.ort.preload_dlls(directory="")
    try:
        sessions.ort.OrtValue.ortvalue_from_numpy(np.zeros(1, np.float32), "cuda", 0)
    except Exception:  # noqa: BLE001 - whatever it is, CUDA does not work here
        return False
    return True


pytestmark = pytest.mark.skipif(not has_gpu(), reason="GPU and onnxruntime-gpu are needed")

CUDA = Settings(execution_provider=ExecutionProvider.CUDA, max_batch_size=8)
SETTINGS = {
    "bound": CUDA,
    "graphs": CUDA.model_copy(update={"cuda_graphs": True}),
    "limited": CUDA.model_copy(update={"gpu_memory_limit_mb": 256}),
}


def images(count: int, seed: int) -> Arrays:
    return {"image": np.random.default_rng(seed).random((count, 8, 8, 1), np.float32)}


@pytest.fixture(params=SETTINGS, name="settings")
def each_way_to_run(request: pytest.FixtureRequest) -> Settings:
    return SETTINGS[request.param]


@pytest.mark.parametrize("count", [1, 3, 8])
def test_the_gpu_gives_the_cpus_answers(digits: ModelVersion, settings: Settings, count: int) -> None:
    on_gpu, on_cpu = model.load(digits, settings), model.load(digits, Settings(max_batch_size=8))
    for seed in range(3):  # a graph's second and third call are replays
        inputs = images(count, seed)
        outputs, expected = on_gpu.run(inputs)["probabilities"], on_cpu.run(inputs)["probabilities"]
        np.testing.assert_allclose(outputs, expected, atol=1e-4)


def test_threads_get_their_own_answers(digits: ModelVersion, settings: Settings) -> None:
    loaded = model.load(digits, settings)

    def run(seed: int) -> Array:
        return loaded.run(images(4, seed))["probabilities"]

    alone = [run(seed) for seed in range(64)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(run, range(64)))
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_batch_beyond_the_memory_limit_fails_and_the_next_one_runs(digits: ModelVersion) -> None:
    loaded = model.load(digits, CUDA.model_copy(update={"gpu_memory_limit_mb": 256}))
    with pytest.raises(Exception, match=r"(?i)alloc|memory") as raised:
        loaded.run(images(2_000_000, 0))
    assert not sessions.poisons_device(raised.value)
    assert rows(loaded.run(images(2, 0))) == 2


def test_the_gpus_memory_is_told(digits: ModelVersion) -> None:
    loaded = model.load(digits, CUDA)
    assert rows(loaded.run(images(1, 0))) == 1
    usage = GpuMemory(0).read()
    assert usage is not None
    assert usage.device.startswith(("GPU-", "MIG-"))
    assert 0 < usage.used < usage.size
