import ctypes
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from inference_app import gpu_memory
from inference_app.gpu_memory import GpuMemory, Usage
from tests.inference_app.nvml import Nvml


def install_driver(monkeypatch: pytest.MonkeyPatch, failing: str = "") -> None:
    """A stand-in for CUDA's driver with two devices, the second of which is the stand-in's GPU."""

    def start(flags: int) -> int:
        return 100 + flags if failing == "cuInit" else 0

    def get(device: Any, number: int) -> int:
        device._obj.value = 70 + number
        return 101 if failing == "cuDeviceGet" else 0

    def get_uuid(octets: Any, device: Any) -> int:
        octets[:] = Nvml.UUID.bytes if device.value == 71 else bytes(16)
        return 0

    calls = {"cuInit": start, "cuDeviceGet": get, "cuDeviceGetUuid_v2": get_uuid}
    libraries = {"libcuda.so.1": SimpleNamespace(**calls)}
    monkeypatch.setattr(ctypes, "CDLL", libraries.__getitem__)


def test_a_gpu_is_told_by_its_uuid(nvml: Nvml) -> None:
    nvml.devices = {"GPU-another": (0, 1), **nvml.devices}
    assert GpuMemory(0).read() == Usage(Nvml.GPU, Nvml.USED, Nvml.SIZE)


def test_a_slice_of_a_gpu_has_its_own_memory(nvml: Nvml) -> None:
    nvml.devices = {f"MIG-{Nvml.UUID}": (1, 10)}
    assert GpuMemory(0).read() == Usage(f"MIG-{Nvml.UUID}", 1, 10)


def test_a_gpu_that_comes_back_is_read_again_and_its_absence_logged_once(
    nvml: Nvml, caplog: pytest.LogCaptureFixture
) -> None:
    memory, devices = GpuMemory(0), nvml.devices
    first = memory.read()
    nvml.devices = {}
    lost = [memory.read(), memory.read()]
    nvml.devices = devices
    assert lost == [None, None]
    assert first == memory.read() == Usage(Nvml.GPU, Nvml.USED, Nvml.SIZE)
    assert [record.__dict__["reason"] for record in caplog.records] == ["NVMLError: GPU is lost"]


def test_without_the_bindings_there_is_nothing_to_tell(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    memory = GpuMemory(0)
    assert [memory.read(), memory.read()] == [None, None]
    assert [record.__dict__["reason"].split(":")[0] for record in caplog.records] == ["ModuleNotFoundError"]


def test_cudas_number_leads_to_a_uuid(monkeypatch: pytest.MonkeyPatch) -> None:
    install_driver(monkeypatch)
    assert gpu_memory.cuda_uuid(1) == Nvml.UUID


@pytest.mark.parametrize(("failing", "status"), [("cuInit", 100), ("cuDeviceGet", 101)])
def test_a_device_that_cuda_does_not_know_is_an_error(
    failing: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_driver(monkeypatch, failing)
    with pytest.raises(OSError, match=f"answers {status} when asked for device 1"):
        gpu_memory.cuda_uuid(1)
