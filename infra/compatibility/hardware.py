"""Why no image of the stack runs on an instance type."""

import re
from collections.abc import Iterable

from infra.compatibility.table import RUNTIME, InstanceTypes, table

# AWS's `g` behind the generation (https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html),
# Azure's `p` among the features (https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions), and the
# Grace processors of GB200 and GB300.
_ARM64 = re.compile(
    r"(a1|[a-z]+[0-9]+[a-z]*g[a-z]*|p6e-gb[0-9]+)\..+"
    r"|Standard_([A-Z]+[0-9]+[a-z]*p[a-z]*_.*|.*_GB[0-9]+_.*)"
)


def is_arm64(instance_type: str) -> bool:
    """Whether the processors are ARM's, by the clouds' rules for names; those of SageMaker begin with `ml.`."""
    return bool(_ARM64.fullmatch(instance_type.removeprefix("ml.")))


def why_not(instance_type: str) -> str | None:
    """What is known to be in the way of the model server's images; None where nothing is."""
    if is_arm64(instance_type):
        return f"{instance_type} has arm64 processors, and the images are for x86-64"
    name = instance_type.removeprefix("ml.")
    found = next((row for row in table().instance_types if re.fullmatch(row.pattern, name)), None)
    return f"{instance_type} has {_what_it_has(found)}" if found else None


def because(instance_types: Iterable[str]) -> str:
    """What is in the way of the first that anything is known of, as the end of a rule; empty where nothing is."""
    reason = next(filter(None, map(why_not, instance_types)), None)
    return f": {reason}" if reason else ""


def _what_it_has(row: InstanceTypes) -> str:
    if row.gpu is None:
        return row.has
    gpu, runtime = table().gpus[row.gpu], table().software[RUNTIME]
    if row.driver:
        return f"a part of an {row.gpu} with driver {table().drivers[row.driver].driver}, and {driver_needed()}"
    return (
        f"a {row.gpu} ({gpu.architecture}, compute capability {gpu.compute_capability}), and {RUNTIME} "
        f"{runtime.version} (CUDA {runtime.cuda}) has code for {', '.join(runtime.code_for)} alone"
    )


def driver_needed() -> str:
    """Which driver the model server needs, and for what."""
    runtime = table().software[RUNTIME]
    return f"{RUNTIME} {runtime.version} (CUDA {runtime.cuda}) needs {runtime.driver}"
