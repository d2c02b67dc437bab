"""What is written in two places says the same: a test fails where one of them is raised alone."""

import re
import tomllib
from pathlib import Path
from typing import Any, cast

import boto3  # pyright: ignore[reportMissingTypeStubs]
import pytest

from infra.clusters.aks import agent_pools
from infra.clusters.eks.node_groups import AmiType
from infra.compatibility.pins import chart_kubernetes
from infra.compatibility.table import parts, table
from infra.managed.sagemaker.spec import GPU_AMI
from infra.settings.compatibility_rules import EKS_IMAGE
from infra.settings.image import ImageSettings
from infra.settings.sagemaker_types import CPU_TYPES, GPU_TYPES
from infra.versions import kubernetes_versions, pinned

ROOT = Path(__file__).parents[3]
DOCKERFILES = ("inference_app/Dockerfile", "inference_app/training/Dockerfile")
LOCKS = {
    "onnxruntime-gpu": "inference_app/requirements-cuda.txt",
    "tensorflow": "inference_app/training/requirements-cuda.txt",
}


def locked(name: str) -> dict[str, str]:
    """The versions in a lock file, by package."""
    text = (ROOT / LOCKS[name]).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def cuda_of(versions: dict[str, str]) -> str:
    """The major version of the CUDA runtime among the wheels, whose name has it up to 12 alone."""
    [found] = [version for name, version in versions.items() if name.startswith("nvidia-cuda-runtime")]
    return found.partition(".")[0]


@pytest.mark.parametrize("package", LOCKS)
def test_the_locked_wheels_are_those_of_the_table(package: str) -> None:
    versions, row = locked(package), table().software[package]

    assert versions[package] == row.version, "read the wheel's code_for again (see its note)"
    assert cuda_of(versions) == row.cuda, "look the oldest driver up again"


def test_every_package_of_the_table_is_locked() -> None:
    assert set(table().software) == set(LOCKS)


@pytest.mark.parametrize("image", [AmiType.NVIDIA, GPU_AMI, "AKS CUDA"])
def test_the_machine_images_in_use_have_a_driver_that_is_new_enough_for_every_package(image: str) -> None:
    driver = table().drivers[image].driver

    assert driver is not None
    assert [name for name, package in table().software.items() if driver < package.driver] == []


def test_nodes_of_eks_run_the_image_that_releases_are_judged_by() -> None:
    assert EKS_IMAGE == AmiType.NVIDIA


def test_sagemaker_takes_every_type_and_image_that_is_offered() -> None:
    client = cast("Any", boto3.client("sagemaker", region_name="eu-west-1"))  # pyright: ignore[reportUnknownMemberType]
    shapes = client.meta.service_model
    types = set[str](shapes.shape_for("ProductionVariantInstanceType").enum)
    images = set[str](shapes.shape_for("ProductionVariantInferenceAmiVersion").enum)

    assert {*GPU_TYPES, *CPU_TYPES} - types == set()
    assert {name for name in table().drivers if "sagemaker" in name} == {name for name in images if "gpu" in name}
    assert GPU_AMI in images


@pytest.mark.parametrize("path", DOCKERFILES)
def test_the_dockerfiles_stand_on_the_pinned_bases(path: str) -> None:
    bases = pinned()["bases"]
    wanted = f"python:{bases['python']['version']}-slim-{bases['debian']['version']}"

    assert f"\nARG BASE_IMAGE={wanted}\n" in (ROOT / path).read_text(encoding="utf-8")
    assert ImageSettings().base == wanted


def test_the_wheels_are_locked_for_the_pythons_of_the_table() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    least, below = re.fullmatch(r">=(\S+),<(\S+)", project["requires-python"]).groups()  # pyright: ignore[reportOptionalMemberAccess]
    pythons = table().base_image.python

    assert pythons.first == least
    assert pythons.holds(pinned()["bases"]["python"]["version"])
    assert pythons.last is not None
    assert parts(pythons.last) < parts(below)
    assert not pythons.holds(below)


def test_aks_runs_the_system_that_the_pins_name() -> None:
    assert agent_pools.OS_SKU == "Ubuntu"
    assert "ubuntu" in pinned()["bases"]


@pytest.mark.parametrize(("name", "version"), chart_kubernetes())
@pytest.mark.parametrize("kubernetes", kubernetes_versions())
def test_every_chart_is_for_every_kubernetes_that_is_offered(name: str, version: str, kubernetes: str) -> None:
    assert chart_kubernetes()[name, version].holds(kubernetes)


def test_parts_of_one_release_are_pinned_together() -> None:
    charts = {name: pin["version"] for name, pin in pinned()["charts"].items()}

    assert charts["karpenter"] == charts["karpenter-crd"]
    assert len({version for name, version in charts.items() if name.startswith("kserve-")}) == 1


def test_what_is_not_verified_says_why() -> None:
    found = table()
    facts = [*found.gpus.values(), *found.software.values(), *found.drivers.values(), *found.instance_types]

    assert [fact for fact in (*facts, *chart_kubernetes().values()) if not fact.verified and not fact.note] == []
