"""Memory of the GPU that the models run on, as NVML tells it."""

import ctypes
import importlib
import logging
from typing import Any, NamedTuple
from uuid import UUID

logger = logging.getLogger(__name__)


class Usage(NamedTuple):
    """Bytes in use, by all processes, of all that the device has; `device` is its UUID as `nvidia-smi -L` writes it."""

    device: str
    used: int
    size: int


class GpuMemory:
    """Reads one GPU, which CUDA and NVML may number differently, by its UUID.

    CUDA counts the devices that `CUDA_VISIBLE_DEVICES` leaves it, and a MIG slice as one; NVML counts what the
    container was given. A slice's UUID leads to the slice's own memory. GPUs that are shared by time or by MPS have one
    memory, whose use is that of everybody.
    """

    def __init__(self, number: int) -> None:
        """`number` is CUDA's."""
        self._number = number
        self._nvml: Any = None
        self._device = ""
        self._handle: Any = None
        self._has_failed = False

    def read(self) -> Usage | None:
        """What it says now; None where it says nothing, with the first reason logged. CUDA should be running."""
        try:
            if self._handle is None:
                self._open()
            memory = self._nvml.nvmlDeviceGetMemoryInfo(self._handle)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the other metrics are not
            self._handle = None
            if not self._has_failed:
                logger.warning("the GPU's memory cannot be read", extra={"reason": f"{type(error).__name__}: {error}"})
            self._has_failed = True
            return None
        return Usage(self._device, memory.used, memory.total)

    def _open(self) -> None:
        self._nvml = nvml = importlib.import_module("pynvml")
        nvml.nvmlInit()
        uuid = cuda_uuid(self._number)
        try:
            self._device = f"GPU-{uuid}"
            self._handle = nvml.nvmlDeviceGetHandleByUUID(self._device)
        except nvml.NVMLError:
            self._device = f"MIG-{uuid}"
            self._handle = nvml.nvmlDeviceGetHandleByUUID(self._device)


def cuda_uuid(number: int) -> UUID:
    """The UUID of a device by CUDA's number, of the slice where it is a MIG slice; raises `OSError`.

    https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__DEVICE.html
    """
    driver = ctypes.CDLL("libcuda.so.1")
    device, octets = ctypes.c_int(), (ctypes.c_ubyte * 16)()
    status = (
        driver.cuInit(0)
        or driver.cuDeviceGet(ctypes.byref(device), number)
        or driver.cuDeviceGetUuid_v2(octets, device)
    )
    if status:
        raise OSError(f"CUDA's driver answers {status} when asked for device {number}")
    return UUID(bytes=bytes(octets))
