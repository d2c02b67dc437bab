"""Which EC2 instance types carry which GPUs."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class GpuInstanceType:
    """What one instance type offers: GPU model, number of GPUs, memory of each in GiB."""

    gpu: str
    count: int
    memory_gib: int


def vcpus(instance_type: str) -> int:
    """Virtual CPUs of one of `AWS_INSTANCE_TYPES`, by its size: 4 times what stands before `xlarge`.

    https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html
    """
    size = instance_type.partition(".")[2]
    return 96 if size == "metal" else 4 * int(size.removesuffix("xlarge") or 1)


def _family(prefix: str, gpu: str, memory_gib: int, counts: Mapping[str, int]) -> dict[str, GpuInstanceType]:
    return {f"{prefix}.{size}": GpuInstanceType(gpu, count, memory_gib) for size, count in counts.items()}


_ONE_GPU = dict.fromkeys(("xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge"), 1)
_UP_TO_EIGHT = _ONE_GPU | {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8}

# https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html without what infra/compatibility/table.yaml refuses.
AWS_INSTANCE_TYPES: Mapping[str, GpuInstanceType] = {
    **_family("g4dn", "T4", 16, _ONE_GPU | {"12xlarge": 4, "metal": 8}),
    **_family("g5", "A10G", 24, _UP_TO_EIGHT),
    **_family("g6", "L4", 24, _UP_TO_EIGHT),
    **_family("g6e", "L40S", 48, _UP_TO_EIGHT),
    **_family("p4d", "A100", 40, {"24xlarge": 8}),
    **_family("p5", "H100", 80, {"4xlarge": 1, "48xlarge": 8}),
}
