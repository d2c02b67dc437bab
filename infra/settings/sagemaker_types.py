"""Which instance types SageMaker's endpoints have, and which of them carry GPUs."""

from typing import Annotated

from pydantic import AfterValidator

from infra.compatibility.hardware import because
from infra.settings.instance_types import AWS_INSTANCE_TYPES

_UP_TO_4XLARGE = ("large", "xlarge", "2xlarge", "4xlarge")
_UP_TO_24XLARGE = (*_UP_TO_4XLARGE, "8xlarge", "12xlarge", "16xlarge", "24xlarge")
_CPU_SIZES = {
    **dict.fromkeys(("m5", "m5d", "r5", "r5d"), (*_UP_TO_4XLARGE, "12xlarge", "24xlarge")),
    **dict.fromkeys(("c5", "c5d"), (*_UP_TO_4XLARGE, "9xlarge", "18xlarge")),
    **dict.fromkeys(("c6i", "m6i", "r6i"), (*_UP_TO_24XLARGE, "32xlarge")),
    **dict.fromkeys(("c7i", "m7i", "r7i"), (*_UP_TO_24XLARGE, "48xlarge")),
}
GPU_TYPES = {f"ml.{name}": found.count for name, found in AWS_INSTANCE_TYPES.items() if not name.endswith(".metal")}
"""GPUs by instance type."""
CPU_TYPES = frozenset(f"ml.{family}.{size}" for family, sizes in _CPU_SIZES.items() for size in sizes)
"""The x86-64 types without GPU (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariant.html)."""


def has_local_storage(instance_type: str) -> bool:
    """Whether its disks are its own, encrypted by their hardware, instead of volumes that a key of ours encrypts.

    https://docs.aws.amazon.com/sagemaker/latest/dg/host-instance-storage.html
    """
    return instance_type in GPU_TYPES or instance_type.split(".")[1].endswith("d")


def _offered(instance_type: str) -> str:
    if instance_type not in GPU_TYPES and instance_type not in CPU_TYPES:
        families = sorted({name.rpartition(".")[0] for name in (*GPU_TYPES, *CPU_TYPES)})
        raise ValueError(
            f"must be a known SageMaker instance type (families {', '.join(families)}){because([instance_type])}"
        )
    return instance_type


InstanceType = Annotated[str, AfterValidator(_offered)]
