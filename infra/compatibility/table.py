"""`table.yaml`, read and typed."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

RUNTIME = "onnxruntime-gpu"
"""The package that runs models on GPUs in the model server's image."""


class Fact(BaseModel):
    """Something read at `source`; not `verified` where it is not written there as it stands, as the note says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(pattern=r"^https://")
    note: str = ""
    verified: bool = True


class Span(BaseModel):
    """Versions `major.minor` from one to another, both included; an end that is absent is open."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: str | None = Field(default=None, alias="from")
    last: str | None = Field(default=None, alias="to")

    def holds(self, version: str) -> bool:
        """Whether `version`, as `1.36`, is within."""
        after_first = self.first is None or parts(version) >= parts(self.first)
        return after_first and (self.last is None or parts(version) <= parts(self.last))

    def __str__(self) -> str:
        if self.last is None:
            return f"{self.first} and later" if self.first else "any"
        return self.last if self.first == self.last else f"{self.first or 'any'} to {self.last}"


class Gpu(Fact):
    """A GPU model."""

    architecture: str
    compute_capability: str


class Driver(Fact):
    """The NVIDIA driver of a machine image: its branch, None where nobody says, and the day, as `20251023`, of the
    first release with it."""

    driver: int | None = None
    since: str = ""


class Software(Fact):
    """What has machine code for GPUs of some compute capabilities, and PTX, if any, of one.

    `driver` is the oldest branch that CUDA's own libraries run on.
    """

    version: str
    cuda: str
    driver: int
    code_for: tuple[str, ...]
    ptx: str | None = None

    def runs_on(self, gpu: Gpu) -> bool:
        """Whether a GPU finds code: machine code of its own major version, no newer than itself, or older PTX.

        https://docs.nvidia.com/cuda/cuda-c-programming-guide/#binary-compatibility
        """
        wanted = parts(gpu.compute_capability)
        binary = any(parts(each)[0] == wanted[0] and parts(each) <= wanted for each in self.code_for)
        return binary or (self.ptx is not None and parts(self.ptx) <= wanted)


class InstanceTypes(Fact):
    """Instance types that no stack may have, and what they have: a GPU, with a driver where it is special, or else."""

    pattern: str
    gpu: str | None = None
    driver: str | None = None
    has: str = ""


class BaseImage(Fact):
    """The versions of Python that the locked wheels are for."""

    python: Span


class Table(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gpus: Mapping[str, Gpu]
    software: Mapping[str, Software]
    drivers: Mapping[str, Driver]
    instance_types: tuple[InstanceTypes, ...]
    base_image: BaseImage


@cache
def table() -> Table:
    """The content of `table.yaml`."""
    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    return Table.model_validate(yaml.load(text, Loader=yaml.CSafeLoader))


def parts(version: str) -> tuple[int, ...]:
    """The numbers of a version, for comparing: `1.36` is (1, 36)."""
    return tuple(int(number) for number in re.findall(r"\d+", version))
