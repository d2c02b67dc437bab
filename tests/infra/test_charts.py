from typing import Any

import pulumi

from infra.charts import release
from infra.preview import run


def released(chart: str, mirror: str | None) -> Any:
    def program() -> None:
        release("it", chart, namespace="apps", values={"a": 1}, mirror=mirror, opts=pulumi.ResourceOptions())

    return run(program, {}).one("kubernetes:helm.sh/v3:Release").inputs


def test_a_chart_comes_from_its_own_repository_at_its_pinned_version() -> None:
    found = released("gpu-operator", None)

    assert found["chart"] == "gpu-operator"
    assert found["repositoryOpts"] == {"repo": "https://helm.ngc.nvidia.com/nvidia"}
    assert found["version"].startswith("v26.")


def test_a_chart_of_an_oci_registry_is_named_by_its_address() -> None:
    found = released("karpenter", None)

    assert found["chart"] == "oci://public.ecr.aws/karpenter/karpenter"
    assert "repositoryOpts" not in found


def test_a_mirror_takes_the_place_of_every_repository() -> None:
    found = {chart: released(chart, "oci://charts.example.com/all") for chart in ("gpu-operator", "karpenter")}

    for chart, inputs in found.items():
        assert inputs["chart"] == f"oci://charts.example.com/all/{chart}"
        assert "repositoryOpts" not in inputs


def test_a_failed_installation_is_rolled_back_and_names_can_be_relied_on() -> None:
    found = released("gpu-operator", None)

    assert found["name"] == "gpu-operator"
    assert found["namespace"] == "apps"
    assert found["values"] == {"a": 1}
    assert found["atomic"] is True
    assert found["cleanupOnFail"] is True
