import pytest

from infra.compatibility.hardware import because, is_arm64, why_not
from infra.compatibility.table import RUNTIME, Gpu, Software, table
from infra.settings.aks import AZURE_VM_SIZES
from infra.settings.azure_ml import GPU_INSTANCE_TYPES
from infra.settings.instance_types import AWS_INSTANCE_TYPES
from infra.settings.sagemaker_types import CPU_TYPES, GPU_TYPES

OFFERED = {**AWS_INSTANCE_TYPES, **AZURE_VM_SIZES, **GPU_INSTANCE_TYPES}


def gpu(compute_capability: str) -> Gpu:
    return Gpu(source="https://example.com", architecture="Any", compute_capability=compute_capability)


def software(*code_for: str, ptx: str | None = None) -> Software:
    return Software(source="https://example.com", version="1", cuda="13", driver=580, code_for=code_for, ptx=ptx)


@pytest.mark.parametrize("package", table().software)
@pytest.mark.parametrize("instance_type", OFFERED)
def test_every_gpu_that_is_offered_runs_every_package(instance_type: str, package: str) -> None:
    found = table()

    assert found.software[package].runs_on(found.gpus[OFFERED[instance_type].gpu])


@pytest.mark.parametrize("instance_type", [*OFFERED, *GPU_TYPES, *sorted(CPU_TYPES)])
def test_nothing_that_is_offered_is_known_not_to_work(instance_type: str) -> None:
    assert why_not(instance_type) is None


REFUSED = {row.pattern: row for row in table().instance_types}


@pytest.mark.parametrize("pattern", REFUSED)
def test_a_refused_family_has_a_reason_in_the_table(pattern: str) -> None:
    row, runtime = REFUSED[pattern], table().software[RUNTIME]
    too_old = row.driver and (table().drivers[row.driver].driver or 0) < runtime.driver
    without_code = row.gpu and not runtime.runs_on(table().gpus[row.gpu])

    assert [bool(row.has), bool(too_old), bool(without_code)].count(True) == 1


@pytest.mark.parametrize(
    ("kernels", "ptx", "capability", "runs"),
    [
        (("7.5", "8.0"), None, "7.5", True),
        (("7.5", "8.0"), None, "8.9", True),  # of the same major version, and older
        (("7.5", "8.6"), None, "8.0", False),  # newer than the GPU
        (("7.5", "9.0"), None, "10.0", False),  # of another major version
        (("12.0",), None, "10.0", False),
        (("9.0",), "9.0", "10.3", True),  # compiled for it on the spot
        (("9.0",), "9.0", "8.9", False),
    ],
)
def test_machine_code_runs_within_a_major_version_and_ptx_upwards(
    kernels: tuple[str, ...], ptx: str | None, capability: str, *, runs: bool
) -> None:
    assert software(*kernels, ptx=ptx).runs_on(gpu(capability)) is runs


@pytest.mark.parametrize(
    "name",
    [
        "a1.large", "m7g.large", "c6gn.xlarge", "im4gn.large", "is4gen.large", "x2gd.medium", "g5g.xlarge",
        "hpc7g.4xlarge", "p6e-gb200.36xlarge", "ml.m8g.large", "Standard_D4ps_v6", "Standard_D4plds_v5",
        "Standard_E2pds_v5", "Standard_B2pls_v2", "Standard_ND128isr_NDR_GB200_v6",
    ],
)  # fmt: skip
def test_arm_machines_are_known_by_name(name: str) -> None:
    assert is_arm64(name)


@pytest.mark.parametrize(
    "name",
    [
        "g4dn.xlarge", "g6e.2xlarge", "gr6.4xlarge", "m7i-flex.large", "m5zn.large", "u7i-12tb.224xlarge",
        "ml.g5.xlarge", "p6-b200.48xlarge", "Standard_D4as_v5", "Standard_DS3_v2", "Standard_NP10s",
        "Standard_M128dms_v2", "Standard_NC40ads_H100_v5",
    ],
)  # fmt: skip
def test_other_machines_are_none(name: str) -> None:
    assert not is_arm64(name)


def test_of_several_the_first_with_a_reason_is_told() -> None:
    assert because(["m7i.large", "g5g.xlarge", "p3.2xlarge"]) == f": {why_not('g5g.xlarge')}"
    assert because(["m7i.large"]) == ""
