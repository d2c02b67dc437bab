"""A stand-in for NVML's Python bindings, with one GPU."""
# ruff: noqa: N802 - the bindings have NVML's own names

import uuid
from types import ModuleType, SimpleNamespace


class NVMLError(Exception):
    """As the bindings raise it."""


class Nvml(ModuleType):
    """The calls that the server makes; `devices` are bytes used and bytes in all by UUID."""

    NVMLError = NVMLError
    UUID = uuid.UUID("4d8f7c55-0d5b-4b6f-9c1e-8a4b6f0f2a11")
    GPU = f"GPU-{UUID}"
    USED, SIZE = 3 * 2**30, 80 * 2**30

    def __init__(self) -> None:
        super().__init__("pynvml")
        self.devices = {self.GPU: (self.USED, self.SIZE)}

    @classmethod
    def by_number(cls, number: int) -> uuid.UUID:  # noqa: ARG003 - there is one
        """As CUDA's driver tells it."""
        return cls.UUID

    def nvmlInit(self) -> None:
        """Start."""

    def nvmlDeviceGetHandleByUUID(self, name: str) -> str:
        """A device by the name that `nvidia-smi -L` gives it."""
        if name not in self.devices:
            raise NVMLError("Not Found")
        return name

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> SimpleNamespace:
        """Its memory."""
        if handle not in self.devices:
            raise NVMLError("GPU is lost")
        used, total = self.devices[handle]
        return SimpleNamespace(used=used, total=total)
