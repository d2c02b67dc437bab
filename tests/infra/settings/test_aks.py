import json
from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings.aks import AZURE_VM_SIZES, AksSettings
from infra.settings.messages import line

T4 = {"vmSize": "Standard_NC4as_T4_v3", "max": 2}


def document(**changes: object) -> dict[str, Any]:
    block = {
        "kubernetesVersion": "1.36",
        "administrators": ["22222222-2222-2222-2222-222222222222"],
        "gpuPools": {"spot": T4},
    }
    return {name: value for name, value in {**block, **changes}.items() if value is not None}


def read(**changes: object) -> AksSettings:
    return AksSettings.model_validate_json(json.dumps(document(**changes)))


def mistakes(**changes: object) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        read(**changes)
    return [line(error, AksSettings) for error in caught.value.errors()]


def test_what_is_left_out_is_private_unprotected_spot_and_free_of_charge() -> None:
    settings = read()

    assert settings.public_access_cidrs == ()
    assert settings.tier == "free"
    assert settings.gpu_pools["spot"].capacity == "spot"
    assert settings.gpu_pools["spot"].min == 0
    assert settings.gpu_pools["spot"].max_price == -1
    assert settings.deletion_protection is False
    assert settings.local_accounts is False
    assert settings.key_vault is None


def test_somebody_must_be_able_to_get_in() -> None:
    assert mistakes(administrators=None) == ["administrators is required"]
    assert mistakes(administrators=[]) == ["administrators must have at least 1 items, got 0"]


@pytest.mark.parametrize("name", ["Spot", "4gpus", "t4-spot", "ninechars"])
def test_a_pools_name_leaves_room_for_what_tells_it_from_its_successor(name: str) -> None:
    assert mistakes(gpuPools={name: T4}) == [f"gpuPools.{name} must match ^[a-z][a-z0-9]{{0,7}}$, got {name}"]


def test_the_system_pools_name_is_taken() -> None:
    assert mistakes(gpuPools={"system": T4}) == ["gpuPools.system must have another name: systemPool has that one"]


@pytest.mark.parametrize(
    ("pool", "mistake"),
    [
        ({"maxPrice": 0}, "gpuPools.spot.maxPrice must be above 0, or -1 for up to the on-demand price, got 0"),
        ({"maxPrice": -2.5}, "gpuPools.spot.maxPrice must be above 0, or -1 for up to the on-demand price, got -2.5"),
        (
            {"maxPrice": 0.4, "capacity": "on-demand"},
            "gpuPools.spot.maxPrice must be left out of an on-demand pool, got 0.4",
        ),
        (
            {"min": 1, "minOutsideOfficeHours": 0},
            "gpuPools.spot.minOutsideOfficeHours must be left out on AKS, got 0; nodes follow their pods, so lower min "
            "and set serving.replicas.minOutsideOfficeHours",
        ),
        ({"min": 3}, "gpuPools.spot.max must be at least min, 3, got 2"),
        (
            {"azureMl": True},
            "gpuPools.spot.capacity must be on-demand where azureMl is true, got spot; Azure ML's pods tolerate no "
            "spot node",
        ),
    ],
)
def test_a_pool_that_azure_would_refuse_or_ignore_is_refused_first(pool: dict[str, object], mistake: str) -> None:
    assert mistakes(gpuPools={"spot": {**T4, **pool}}) == [mistake]


@pytest.mark.parametrize("size", ["Standard_D4as_v5", "Standard_NV6ads_A10_v5", "standard_nc4as_t4_v3"])
def test_only_sizes_with_whole_gpus_and_a_driver_for_cuda_13_are_offered(size: str) -> None:
    (mistake,) = mistakes(gpuPools={"spot": {**T4, "vmSize": size}})

    assert mistake.startswith("gpuPools.spot.vmSize must be a known GPU size: Standard_NC4as_T4_v3, ")
    assert mistake.endswith(f", got {size}")


def test_a_pools_pods_are_counted_by_the_gpus_of_its_size() -> None:
    four = {"vmSize": "Standard_NC64as_T4_v3", "max": 2, "capacity": "on-demand"}
    settings = read(gpuPools={"spot": T4, "four": four}, gpuTimeSlices=2)

    assert settings.gpu_pools["four"].gpus_per_node == AZURE_VM_SIZES["Standard_NC64as_T4_v3"].count == 4
    assert settings.gpu_pods(1) == 2 * 1 * 2 + 2 * 4 * 2
    assert settings.gpu_pods(4) == 0 + 2 * 2


def test_logs_are_kept_for_as_long_as_log_analytics_offers() -> None:
    assert mistakes(logRetentionDays=7) == ["logRetentionDays must be at least 30, got 7"]
    assert mistakes(logRetentionDays=731) == ["logRetentionDays must be at most 730, got 731"]


def test_the_clusters_own_networks_keep_apart_and_hold_the_nodes() -> None:
    assert mistakes(serviceCidr="10.244.16.0/20") == [
        "serviceCidr must not overlap podCidr, 10.244.0.0/16, got 10.244.16.0/20"
    ]
    assert mistakes(podCidr="10.244.0.0/22") == [
        "podCidr must be /20 or larger: every node takes a /24 of it, got 10.244.0.0/22"
    ]
    assert mistakes(serviceCidr="10.245.0.0/29") == ["serviceCidr must be between /13 and /24, got 10.245.0.0/29"]


def test_zones_are_numbers_in_quotes_each_once() -> None:
    assert read(zones=["1", "3"]).zones == ("1", "3")
    assert mistakes(zones=["4"]) == ["zones.0 must match ^[1-3]$, got 4"]
    assert mistakes(zones=["1", "1"]) == ['zones must name each once, got ["1", "1"]']


def test_nodes_of_azure_ml_are_counted_apart() -> None:
    settings = read(gpuPools={"spot": T4, "ml": {**T4, "max": 3, "capacity": "on-demand", "azureMl": True}})

    assert (settings.gpu_pods(1), settings.azure_ml_pods(1)) == (2, 3)


def test_readers_of_secrets_are_service_accounts_each_once() -> None:
    settings = read(keyVault={"readers": ["serving/model-server", "external-secrets/reader"]})

    assert settings.key_vault
    assert settings.key_vault.public_access_cidrs == ()
    assert mistakes(keyVault={"readers": ["a/b", "a/b"]}) == [
        'keyVault.readers must name each once, got ["a/b", "a/b"]'
    ]
    for wrong in ("reader", "Serving/reader", "serving/", "a/b/c"):
        mistake, *_ = mistakes(keyVault={"readers": [wrong]})
        assert mistake.startswith("keyVault.readers.0 must match ^[a-z0-9]")
        assert mistake.endswith(f", got {wrong}")
