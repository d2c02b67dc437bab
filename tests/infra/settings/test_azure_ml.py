import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings.azure_ml import GPU_INSTANCE_TYPES, AzureMlSettings
from infra.settings.messages import line

CPU_TYPE = "Standard_F4s_v2"


def refusal(block: Mapping[str, Any]) -> str:
    return mistakes({"instanceType": CPU_TYPE, **block})


def mistakes(block: Mapping[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        AzureMlSettings.model_validate_json(json.dumps(block))
    return "\n".join(line(error, AzureMlSettings) for error in caught.value.errors())


def test_an_instance_type_alone_makes_one_deployment_that_scales_from_two_to_ten_around_70_percent() -> None:
    settings = AzureMlSettings.model_validate({"instanceType": "Standard_NC4as_T4_v3"})

    assert {name: each.percent for name, each in settings.deployments.items()} == {"blue": 100}
    assert (settings.instances.min, settings.instances.max, settings.target_utilisation) == (2, 10, 70)


@pytest.mark.parametrize("name", GPU_INSTANCE_TYPES)
def test_gpu_types_have_a_gpu(name: str) -> None:
    assert AzureMlSettings.model_validate({"instanceType": name}).has_gpu


def test_cpu_types_have_none() -> None:
    assert not AzureMlSettings.model_validate({"instanceType": CPU_TYPE}).has_gpu


@pytest.mark.parametrize("name", ["Standard_NC6s_v3", "Standard_ND40rs_v2", "Standard_NV36ads_A10_v5"])
def test_gpus_that_the_image_cannot_use_are_refused(name: str) -> None:
    told = refusal({"instanceType": name})

    assert told.startswith("instanceType must be a CPU type or one of Standard_NC4as_T4_v3, ")
    assert told.endswith(f", got {name}")


@pytest.mark.parametrize(
    ("percents", "told"),
    [
        ({"blue": 90}, "deployments.*.percent must add up to 100, got 90 = 90"),
        ({"blue": 90, "green": 20}, "deployments.*.percent must add up to 100, got 90 + 20 = 110"),
    ],
)
def test_shares_that_do_not_add_up_are_refused_with_their_sum(percents: dict[str, int], told: str) -> None:
    assert refusal({"deployments": {name: {"percent": percent} for name, percent in percents.items()}}) == told


def test_a_deployment_without_traffic_may_stand_beside_one_with_all_of_it() -> None:
    block = {"instanceType": CPU_TYPE, "deployments": {"blue": {"percent": 100}, "green": {"percent": 0}}}

    assert list(AzureMlSettings.model_validate(block).deployments) == ["blue", "green"]


@pytest.mark.parametrize("name", ["b", "1st", "blue-", "a" * 33])
def test_names_that_azure_refuses_are_refused(name: str) -> None:
    assert refusal({"deployments": {name: {"percent": 100}}}).startswith(f"deployments.{name} must match ")


def test_no_schedule_is_promised_that_azure_monitor_cannot_keep() -> None:
    told = refusal({"instances": {"minOutsideOfficeHours": 1}})

    assert told.startswith("instances.minOutsideOfficeHours must be absent here: ")
    assert told.endswith("got 1; remove it")


def test_bounds_out_of_order_are_refused() -> None:
    assert refusal({"instances": {"min": 3, "max": 2}}) == "instances.max must be at least min, 3, got 2"


def test_managed_machines_are_named_and_a_clusters_are_not() -> None:
    on_cluster = AzureMlSettings.model_validate_json(json.dumps({"compute": "aks"}))

    assert on_cluster.has_gpu
    assert on_cluster.resources.gpus == 1
    assert on_cluster.tls is None
    assert mistakes({}) == "instanceType is required where compute is managed; add it, as Standard_NC4as_T4_v3"


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        (
            "instanceType",
            "Standard_NC4as_T4_v3",
            '"Standard_NC4as_T4_v3": servers run on aks.gpuPools with azureMl: true',
        ),
        # Even a default: it would say what is not so.
        ("publicAccess", True, "true: the endpoint is in the cluster's network only"),
        ("privateEgress", False, "false: servers leave as all pods of the cluster do"),
        ("usualRequestsPerMinute", 60, "60: Azure Monitor has no metrics of it"),
    ],
)
def test_what_a_cluster_cannot_do_is_refused_with_the_reason(key: str, value: object, told: str) -> None:
    told = f"{key} must be absent where compute is aks, got {told}; remove it"

    assert mistakes({"compute": "aks", key: value}) == told


def test_a_clusters_settings_are_refused_on_managed_machines() -> None:
    assert refusal({"tls": {"host": "models.example.com", "secret": "tls"}}) == (
        'tls must be absent where compute is managed, got {"host": "models.example.com", "secret": "tls"}: '
        "Azure's own certificate is shown; remove it"
    )
    assert refusal({"resources": {"gpus": 2}}).startswith("resources must be absent where compute is managed, got {")


def test_no_server_of_a_cluster_goes_without_a_gpu() -> None:
    assert mistakes({"compute": "aks", "resources": {"gpus": 0}}) == "resources.gpus must be at least 1, got 0"
