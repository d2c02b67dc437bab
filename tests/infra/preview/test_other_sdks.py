"""Programs of the SDKs beside AWS's and Kubernetes', in both modes of a preview."""

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws_native as aws_native
import pulumi_azure_native as azure
import pulumi_docker as docker
import pytest

from infra.preview import run
from infra.preview.checks import check_plan


def cluster() -> None:
    provider = azure.Provider("azure", subscription_id="s", use_oidc=True, auxiliary_tenant_ids=["a"])
    opts = pulumi.ResourceOptions(provider=provider)
    made = azure.containerservice.ManagedCluster(
        "aks",
        resource_group_name="rg",
        sku={"name": "Base", "tier": azure.containerservice.ManagedClusterSKUTier.STANDARD},
        identity={
            "type": azure.containerservice.ResourceIdentityType.USER_ASSIGNED,
            "user_assigned_identities": ["/subscriptions/s/mine"],
        },
        opts=opts,
    )
    azure.containerservice.AgentPool(
        "gpu", resource_group_name="rg", resource_name_=made.name, scale_set_priority="Spot", opts=opts
    )
    user = azure.containerservice.list_managed_cluster_user_credentials_output(
        resource_group_name="rg", resource_name=made.name, format="exec", opts=pulumi.InvokeOutputOptions(parent=made)
    )
    pulumi.export("found", made.fqdn)
    pulumi.export("kubelet", made.identity_profile.apply(_kubelet))
    pulumi.export("kubeconfig", user.kubeconfigs[0].value)


def _kubelet(profile: Any) -> str | None:
    return profile["kubeletidentity"].object_id


def scoring() -> None:
    endpoint = azure.machinelearningservices.OnlineEndpoint(
        "endpoint",
        resource_group_name="rg",
        workspace_name="ws",
        properties={
            "auth_mode": azure.machinelearningservices.EndpointAuthMode.AAD_TOKEN,
            "public_network_access": azure.machinelearningservices.PublicNetworkAccessType.DISABLED,
        },
    )
    pulumi.export("found", endpoint.properties.scoring_uri)
    pulumi.export("name", endpoint.name)


def invoking() -> None:
    provider = aws_native.Provider("cloud-control", region="eu-west-1", default_tags={"tags": {"a": "b"}})
    endpoint = aws_native.sagemaker.Endpoint(
        "endpoint", endpoint_config_name="config", opts=pulumi.ResourceOptions(provider=provider)
    )
    pulumi.export("found", pulumi.Output.concat("endpoint/", endpoint.endpoint_name.apply(str)))


def on_a_laptop() -> None:
    provider = docker.Provider("docker", host="unix:///var/run/docker.sock", registry_auth=[{"address": "r"}])
    opts = pulumi.ResourceOptions(provider=provider)
    image = docker.RemoteImage("image", name="redis:8", opts=opts)
    container = docker.Container("redis", image=image.image_id, restart="unless-stopped", opts=opts)
    pulumi.export("found", container.network_datas[0].ip_address)


FOUND = {
    cluster: "${aks.fqdn: string}",
    scoring: "${endpoint.properties.scoringUri: string}",
    invoking: "endpoint/${endpoint.endpointName: string}",
    on_a_laptop: "${redis.networkDatas[0].ipAddress: string}",
}


@pytest.mark.parametrize(("program", "found"), FOUND.items())
def test_what_only_up_knows_is_a_marker_and_every_input_passes(program: Callable[[], None], found: str) -> None:
    plan = run(program, {})

    assert plan.exports["found"] == found
    assert [str(failure) for failure in check_plan(plan).failures] == []


@pytest.mark.parametrize("program", FOUND)
def test_a_first_preview_knows_nothing_and_sees_the_same_resources(program: Callable[[], None]) -> None:
    unknown, known = run(program, {}, preview=True), run(program, {})

    assert set(unknown.exports.values()) == {"${unknown: any}"}
    assert [(each.urn, each.type) for each in unknown.resources] == [(each.urn, each.type) for each in known.resources]
    assert [str(failure) for failure in check_plan(unknown).failures] == []


def test_a_map_of_objects_has_the_key_that_the_sdk_states_though_the_program_gave_none() -> None:
    plan = run(cluster, {})

    assert plan.exports["kubelet"] == "${aks.identityProfile.kubeletidentity.objectId: string}"
    assert plan.exports["kubeconfig"] == (
        "${azure-native:containerservice:listManagedClusterUserCredentials.kubeconfigs[0].value: string}"
    )


@pytest.mark.parametrize(
    ("program", "settings"),
    [
        (cluster, {"subscriptionId": "s", "useOidc": True, "auxiliaryTenantIds": ["a"]}),
        (invoking, {"region": "eu-west-1", "defaultTags": {"tags": {"a": "b"}}}),
        (on_a_laptop, {"host": "unix:///var/run/docker.sock", "registryAuth": [{"address": "r"}]}),
    ],
)
def test_settings_of_a_provider_are_read_whatever_their_shape(program: Callable[[], None], settings: Any) -> None:
    (provider,) = (each for each in run(program, {}).resources if each.is_provider)

    assert settings.items() <= dict(provider.inputs).items()
