"""Pairs that are known not to work, and what a user reads."""

from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings import rules
from infra.settings.compatibility_rules import RULES
from infra.settings.messages import line
from infra.settings.stack import StackSettings
from tests.infra.samples import AKS, AZURE, DIGEST, REMOVED, T4, settings

AWS_GPUS = "must be known GPU instance types (families g4dn, g5, g6, g6e, p4d, p5)"
RUNTIME = "onnxruntime-gpu 1.31.1 (CUDA 13)"
NO_CODE = f"{RUNTIME} has code for 7.5, 8.0, 8.6, 8.9, 9.0, 12.0 alone"
NOT_NVIDIA = "GPUs of AMD, and CUDA needs NVIDIA's"
ARM64 = "it has arm64 processors, and the images are for x86-64"
IN_AZURE = {"azure": AZURE, "aks": AKS}
SYSTEM_POOL = {"nodes": 2}
TENSORFLOW = f"tensorflow/serving:2.20.0@{DIGEST}"
TENSORFLOW_SERVING: dict[str, Any] = {
    "serving.runtime": "tensorflow-serving",
    "serving.tensorFlowServing": {"image": TENSORFLOW},
    "model.source": {"url": "s3://models/saved"},
}
RELEASE = "1.36.3-20251022"

VALUES: list[tuple[dict[str, Any], str]] = [
    ({"eks.gpuPools.spot.instanceTypes": ["g6.xlarge", "p3.2xlarge"]},
     f"eks.gpuPools.spot.instanceTypes {AWS_GPUS}: p3.2xlarge has a V100 (Volta, compute capability 7.0), and "
     f'{NO_CODE}, got ["g6.xlarge", "p3.2xlarge"]'),
    ({"eks.gpuPools.spot.instanceTypes": ["p2.xlarge"]},
     f"eks.gpuPools.spot.instanceTypes {AWS_GPUS}: p2.xlarge has a K80 (Kepler, compute capability 3.7), and "
     f'{NO_CODE}, got ["p2.xlarge"]'),
    ({"eks.gpuPools.spot.instanceTypes": ["p6-b200.48xlarge"]},
     f"eks.gpuPools.spot.instanceTypes {AWS_GPUS}: p6-b200.48xlarge has a B200 (Blackwell, compute capability 10.0), "
     f'and {NO_CODE}, got ["p6-b200.48xlarge"]'),
    ({"eks.gpuPools.spot.instanceTypes": ["g5g.xlarge"]},
     f"eks.gpuPools.spot.instanceTypes {AWS_GPUS}: g5g.xlarge has arm64 processors, and the images are for x86-64, "
     'got ["g5g.xlarge"]'),
    ({"eks.gpuPools.spot.instanceTypes": ["g4ad.xlarge"]},
     f'eks.gpuPools.spot.instanceTypes {AWS_GPUS}: g4ad.xlarge has {NOT_NVIDIA}, got ["g4ad.xlarge"]'),
    ({"eks.gpuPools.spot.instanceTypes": ["m7i.large"]},
     f'eks.gpuPools.spot.instanceTypes {AWS_GPUS}, got ["m7i.large"]'),
    ({"eks.kubernetesVersion": "1.35"},
     "eks.kubernetesVersion must be one of 1.36, which the checks know: 1.35 is outside what these charts are for: "
     "external-secrets 2.9.0 (1.36), got 1.35"),
    ({"eks.kubernetesVersion": "1.37"},
     "eks.kubernetesVersion must be one of 1.36, which the checks know: 1.37 is outside what these charts are for: "
     "argo-cd 10.9.1 (1.33 to 1.36), cert-manager v1.21.2 (1.33 to 1.36), external-secrets 2.9.0 (1.36) and 5 "
     "more, got 1.37"),
]  # fmt: skip

ENDS_OF_VALUES: list[tuple[dict[str, Any], str]] = [
    ({**IN_AZURE, "aks": {**AKS, "gpuPools": {"old": {**T4, "vmSize": "Standard_NC6s_v3"}}}},
     f": Standard_NC6s_v3 has a V100 (Volta, compute capability 7.0), and {NO_CODE}, got Standard_NC6s_v3"),
    ({**IN_AZURE, "aks": {**AKS, "gpuPools": {"part": {**T4, "vmSize": "Standard_NV36ads_A10_v5"}}}},
     f": Standard_NV36ads_A10_v5 has a part of an A10 with driver 550, and {RUNTIME} needs 580, got "
     "Standard_NV36ads_A10_v5"),
    ({"azure": AZURE, "azureMl": {"instanceType": "Standard_ND40rs_v2"}},
     f": Standard_ND40rs_v2 has a V100 (Volta, compute capability 7.0), and {NO_CODE}, got Standard_ND40rs_v2"),
    ({"azure": AZURE, "azureMl": {"instanceType": "Standard_ND96isr_MI300X_v5"}},
     f": Standard_ND96isr_MI300X_v5 has {NOT_NVIDIA}, got Standard_ND96isr_MI300X_v5"),
    ({"sagemaker": {"realTime": {"instanceType": "ml.p3.2xlarge"}}},
     f": ml.p3.2xlarge has a V100 (Volta, compute capability 7.0), and {NO_CODE}, got ml.p3.2xlarge"),
    ({"sagemaker": {"realTime": {"instanceType": "ml.c7g.large"}}},
     ": ml.c7g.large has arm64 processors, and the images are for x86-64, got ml.c7g.large"),
    ({"sagemaker": {"asynchronous": {"instanceType": "ml.inf2.xlarge"}}},
     ": ml.inf2.xlarge has AWS Neuron devices, and CUDA needs NVIDIA's GPUs, got ml.inf2.xlarge"),
]  # fmt: skip

PAIRS: list[tuple[str, dict[str, Any], str]] = [
    ("machines_are_x86", {"eks.systemPool": {"instanceTypes": ["m7i.large", "m7g.large"]}},
     f"eks.systemPool.instanceTypes must be x86-64, got m7g.large: {ARM64}; take m7i.large"),
    ("machines_are_x86", {**IN_AZURE, "aks": {**AKS, "systemPool": {"vmSize": "Standard_D4pds_v6"}}},
     f"aks.systemPool.vmSize must be x86-64, got Standard_D4pds_v6: {ARM64}; take Standard_D4as_v5"),
    ("machines_are_x86", {"azure": AZURE, "azureMl": {"instanceType": "Standard_D4ps_v5"}},
     f"azureMl.instanceType must be x86-64, got Standard_D4ps_v5: {ARM64}; take Standard_DS3_v2"),
    ("node_images_have_the_driver", {"eks.amiRelease": RELEASE},
     f"eks.amiRelease must be of 20251023 or later, got {RELEASE}: since then AL2023_x86_64_NVIDIA has driver 580, and "
     f"{RUNTIME} needs 580; name a later release, or latest"),
    ("base_images_fit_the_wheels", {"image.base": "python:3.14-slim-trixie"},
     "image.base must have Python 3.11 to 3.13, got python:3.14-slim-trixie: the locked wheels are for these; take "
     "python:3.13-slim-trixie"),
    ("base_images_fit_the_wheels", {"image.base": f"mirror.example.com:5000/library/python:3.9.19@{DIGEST}"},
     f"image.base must have Python 3.11 to 3.13, got mirror.example.com:5000/library/python:3.9.19@{DIGEST}: the "
     "locked wheels are for these; take python:3.13-slim-trixie"),
    ("base_images_fit_the_wheels", {"image.base": "python:3.13-alpine3.22"},
     "image.base must have glibc, got python:3.13-alpine3.22: ONNX Runtime has no wheels for Alpine's musl; take "
     "python:3.13-slim-trixie"),
    ("tensorflow_serving_uses_its_gpu", TENSORFLOW_SERVING,
     f"serving.tensorFlowServing.image must be one with CUDA where serving.gpus is 1, got {TENSORFLOW}: it runs on CPU "
     "and would keep GPUs idle; take the tag 2.20.0-gpu, or set serving.gpus to 0"),
    ("models_fit_the_smallest_gpu", {"serving.gpuMemoryLimitMib": 20000},
     "serving.gpuMemoryLimitMib must fit every GPU of eks.gpuPools, got 20000: the T4 of g4dn.xlarge has 16384 MiB; "
     "lower it, or take larger GPUs"),
    ("models_fit_the_smallest_gpu", {"serving.gpuMemoryLimitMib": 9000, "eks.gpuTimeSlices": 2},
     "serving.gpuMemoryLimitMib must fit every GPU of eks.gpuPools, got 9000: the T4 of g4dn.xlarge has 16384 MiB, "
     "8192 for each of the 2 pods that share it; lower it, or take larger GPUs"),
    ("models_fit_the_smallest_gpu", {**IN_AZURE, "aws": REMOVED, "eks": REMOVED, "serving.gpuMemoryLimitMib": 20000},
     "serving.gpuMemoryLimitMib must fit every GPU of aks.gpuPools, got 20000: the T4 of Standard_NC4as_T4_v3 has "
     "16384 MiB; lower it, or take larger GPUs"),
]  # fmt: skip

FITS: list[dict[str, Any]] = [
    {},
    IN_AZURE,
    {"eks.systemPool": {"instanceTypes": ["m7i.large", "g4dn.xlarge", "r7iz.large", "m7i-flex.large"]}},
    {**IN_AZURE, "aks": {**AKS, "systemPool": {"vmSize": "Standard_E4ads_v5"}}},
    {"azure": AZURE, "azureMl": {"instanceType": "Standard_DS3_v2"}},
    {"eks.amiRelease": "1.36.3-20251023"},
    {"image.base": "python:3.11-slim-trixie"},
    {"image.base": "registry.example.com/team/base:7"},
    {"image.base": "python:3.14-alpine", "image.digest": DIGEST},
    {**TENSORFLOW_SERVING, "serving.gpus": 0},
    {**TENSORFLOW_SERVING, "serving.tensorFlowServing": {"image": f"tensorflow/serving:2.20.0-gpu@{DIGEST}"}},
    {**TENSORFLOW_SERVING, "serving.tensorFlowServing": {"image": f"registry.example.com/team/tfs:7@{DIGEST}"}},
    {"serving.gpuMemoryLimitMib": 8192, "eks.gpuTimeSlices": 2},
]


def told(changes: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        settings(changes)
    return [line(error, StackSettings) for error in caught.value.errors()]


def broken(changes: dict[str, Any]) -> list[tuple[str, str]]:
    stack = settings(changes)
    return [(rule.__name__, found) for rule in RULES if (found := rule(stack))]


@pytest.mark.parametrize(("changes", "expected"), VALUES)
def test_a_value_that_fits_nothing_is_refused_with_what_is_in_the_way(changes: dict[str, Any], expected: str) -> None:
    assert told(changes) == [expected]


@pytest.mark.parametrize(("changes", "end"), ENDS_OF_VALUES)
def test_a_long_refusal_ends_with_what_is_in_the_way(changes: dict[str, Any], end: str) -> None:
    [found] = told(changes)

    assert found.endswith(end)


@pytest.mark.parametrize(("rule", "changes", "expected"), PAIRS)
def test_a_pair_that_does_not_fit_is_refused_with_both_sides(
    rule: str, changes: dict[str, Any], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "RULES", ())

    assert broken(changes) == [(rule, expected)]


@pytest.mark.parametrize("changes", FITS)
def test_what_fits_is_taken(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "RULES", ())

    assert broken(changes) == []


def test_every_rule_has_a_case() -> None:
    assert {rule for rule, _, _ in PAIRS} == {rule.__name__ for rule in RULES}


def test_a_stack_file_is_asked_all_of_it() -> None:
    assert set(RULES) <= set(rules.RULES)
