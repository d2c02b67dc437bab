from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
import pytest
from pulumi_azure_native import Provider

from infra.managed.azure_ml import AzureMl, AzureMlArgs
from infra.managed.azure_ml.attached_cluster import AttachableCluster, extension_settings, instance_type
from infra.managed.azure_ml.endpoint import scoring_address
from infra.preview import Plan, run
from infra.preview.checks import check_plan, check_resource
from infra.settings.azure_ml import AzureMlSettings, ServerResources, TlsSettings
from infra.settings.monitoring import ObjectiveSettings
from infra.settings.served import ModelSettings
from tests.infra.samples import DIGEST, children, waits_for

ML = "azure-native:machinelearningservices"
COMPUTE, ENDPOINT, DEPLOYMENT, WORKSPACE = (
    f"{ML}:{kind}" for kind in ("Compute", "OnlineEndpoint", "OnlineDeployment", "Workspace")
)
EXTENSION = "azure-native:kubernetesconfiguration:Extension"
TRUST = "azure-native:containerservice:TrustedAccessRoleBinding"
ROLE = "azure-native:authorization:RoleAssignment"
TEMPLATE = "azure-native:resources:Deployment"
INSTANCE_TYPE = "kubernetes:amlarc.azureml.com/v1alpha1:InstanceType"
CLUSTER = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/aks"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What an AKS cluster tells Azure ML."""

    cluster_id: pulumi.Output[str]
    cluster_name: pulumi.Output[str]
    provider: kubernetes.Provider
    ready: Sequence[pulumi.Resource]
    azure_ml_label: tuple[str, str] = ("example.com/azure-ml", "yes")
    system_nodes: int = 3


def make_cluster() -> AttachableCluster:
    return Cluster(
        cluster_id=pulumi.Output.from_input(CLUSTER),
        cluster_name=pulumi.Output.from_input("aks"),
        provider=kubernetes.Provider("aks", kubeconfig="{}", cluster_identifier="aks"),
        ready=[random.RandomId("pools", byte_length=1)],
    )


def preview(block: Mapping[str, Any] | None = None, *, attached: bool = True, objectives: bool = True) -> Plan:
    settings = AzureMlSettings.model_validate({"compute": "aks", **(block or {})}, strict=False)

    def program() -> None:
        args = AzureMlArgs(
            settings=settings,
            model=ModelSettings.model_validate({"name": "digits", "version": "2", "batching": {"maxSize": 16}}),
            image=f"example.azurecr.io/model-server@{DIGEST}",
            resource_group_name="group",
            subscription_id="00000000-0000-0000-0000-000000000000",
            tenant_id="11111111-1111-1111-1111-111111111111",
            registry_id="/registry",
            tags={"owner": "ml-platform"},
            objectives=ObjectiveSettings() if objectives else None,
            cluster=make_cluster() if attached else None,
        )
        AzureMl("azure-ml", args, pulumi.ResourceOptions(providers=[Provider("azure")]))

    return run(program, {})


TLS = {"host": "models.example.com", "secret": "models-tls"}
CANARY = {"blue": {"percent": 90}, "green": {"percent": 10}}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview({"deployments": CANARY, "tls": TLS, "resources": {"gpus": 2, "cpu": "4", "memory": "16Gi"}})


def properties(plan: Plan, token: str, name: str | None = None) -> Any:
    return plan.one(token, name).inputs["properties"]


def endpoint_of_template(plan: Plan) -> Any:
    (endpoint,) = properties(plan, TEMPLATE)["template"]["resources"]
    return endpoint["properties"]


def test_every_input_is_one_that_the_sdk_knows(plan: Plan) -> None:
    assert [str(failure) for failure in check_plan(plan).failures] == []


@pytest.mark.parametrize(
    ("token", "wrong", "path"),
    [
        (COMPUTE, {"properties": {"computeType": "Kubernetes", "resourceID": "x"}}, "properties.resourceID"),
        (COMPUTE, {"properties": {"computeType": "Kubernetes", "properties": {"namespac": "x"}}},
         "properties.properties.namespac"),
        (EXTENSION, {"clusterRp": None}, "clusterRp"),
        (EXTENSION, {"scope": {"cluster": {"namespace": "azureml"}}}, "scope.cluster.namespace"),
        (EXTENSION, {"configurationSettings": {"enableInference": True}}, "configurationSettings.enableInference"),
        (TRUST, {"roles": "mlworkload"}, "roles"),
        (ENDPOINT, {"properties": {"authMode": "AMLToken", "computeId": "x"}}, "properties.computeId"),
        (DEPLOYMENT,
         {"properties": {"endpointComputeType": "Kubernetes", "scaleSettings": {"scaleType": "TargetUtilization",
                                                                                "maxInstances": "10"}}},
         "properties.scaleSettings.maxInstances"),
    ],
)  # fmt: skip
def test_a_planted_mistake_is_caught(plan: Plan, token: str, wrong: dict[str, Any], path: str) -> None:
    resource = plan.of_type(token)[0]
    inputs = {key: value for key, value in {**resource.inputs, **wrong}.items() if value is not None}

    assert [problem.path for problem in check_resource(replace(resource, inputs=inputs))] == [path]


def test_the_cluster_becomes_a_compute_target_of_the_workspace(plan: Plan) -> None:
    compute = plan.one(COMPUTE)
    attached = compute.inputs["properties"]

    assert compute.inputs["workspaceName"] == "${azure-ml-workspace.name: string}"
    assert (attached["computeType"], attached["resourceId"]) == ("Kubernetes", CLUSTER)
    assert attached["properties"] == {"namespace": "azure-ml", "defaultInstanceType": "model-server"}
    assert compute.inputs["identity"]["userAssignedIdentities"] == ["${azure-ml-identity.id: string}"]
    assert plan.one("kubernetes:core/v1:Namespace").inputs["metadata"]["name"] == "azure-ml"


def test_no_destroy_takes_the_cluster_along(plan: Plan) -> None:
    assert plan.one(COMPUTE).options["retainOnDelete"] is True


def test_nothing_is_attached_before_azure_ml_can_work_there(plan: Plan) -> None:
    compute, pools = plan.one(COMPUTE), plan.one("random:index/randomId:RandomId")
    needed = [*plan.of_type(ROLE), plan.one(TRUST), plan.one(EXTENSION), plan.one(INSTANCE_TYPE)]
    on_cluster = [role for role in plan.of_type(ROLE) if role.inputs["scope"] == CLUSTER]

    assert waits_for(plan, plan.one(EXTENSION), pools)
    assert waits_for(plan, plan.one(INSTANCE_TYPE), plan.one(EXTENSION))
    assert [each.name for each in [*on_cluster, *needed[-3:]] if not waits_for(plan, compute, each)] == []
    assert [each.name for each in needed if not waits_for(plan, plan.one(ENDPOINT), each)] == []


def test_the_workspace_has_the_rights_on_the_cluster_that_azure_ml_asks_for(plan: Plan) -> None:
    given = {
        role.name.removeprefix("azure-ml-cluster-"): role.inputs["roleDefinitionId"][-12:]
        for role in plan.of_type(ROLE)
        if role.inputs["scope"] == CLUSTER
    }
    principals = {role.inputs["principalId"] for role in plan.of_type(ROLE) if role.inputs["scope"] == CLUSTER}
    trust = plan.one(TRUST).inputs

    assert given == {"reads": "f606fba81ae7", "extends": "154b5a04f717", "administers": "3ee1fb270be8"}
    assert principals == {"${azure-ml-workspace.identity.principalId: string}"}
    assert trust["sourceResourceId"] == "${azure-ml-workspace.id: string}"
    assert (trust["resourceName"], len(trust["trustedAccessRoleBindingName"]) <= 24) == ("aks", True)


def test_servers_run_on_azure_mls_nodes_with_what_the_settings_give_them(plan: Plan) -> None:
    assert plan.one(INSTANCE_TYPE).inputs["spec"] == {
        "nodeSelector": {"example.com/azure-ml": "yes"},
        "resources": {
            "requests": {"cpu": "4", "memory": "16Gi"},
            "limits": {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": 2},
        },
    }
    assert {each.inputs["properties"]["instanceType"] for each in plan.of_type(DEPLOYMENT)} == {"model-server"}


def test_a_server_without_settings_has_one_gpu() -> None:
    limits = instance_type(ServerResources(), ("key", "value"))["resources"]["limits"]

    assert limits["nvidia.com/gpu"] == 1


def test_the_endpoint_is_on_the_cluster_and_takes_tokens_of_azure_ml(plan: Plan) -> None:
    wanted = {"authMode": "AMLToken", "compute": "${azure-ml-cluster-compute.id: string}"}

    assert properties(plan, ENDPOINT) == wanted
    assert endpoint_of_template(plan) == {**wanted, "traffic": {"blue": 90, "green": 10}}


def test_the_router_scales_the_same_server_from_two_to_ten_around_the_target(plan: Plan) -> None:
    found = properties(plan, DEPLOYMENT, "azure-ml-blue")

    assert found["endpointComputeType"] == "Kubernetes"
    assert found["scaleSettings"] == {
        "scaleType": "TargetUtilization",
        "minInstances": 2,
        "maxInstances": 10,
        "targetUtilizationPercentage": 70,
        "pollingInterval": "PT1S",
    }
    assert found["environmentVariables"]["EXECUTION_PROVIDER"] == "CUDAExecutionProvider"
    assert found["environmentVariables"]["MAX_BATCH_SIZE"] == "16"
    assert found["readinessProbe"]["failureThreshold"] == 30


def test_azure_monitor_which_sees_nothing_of_it_is_asked_for_nothing(plan: Plan) -> None:
    assert [each.name for each in plan.resources if each.type.startswith("azure-native:monitor:")] == []


def test_managed_machines_have_nothing_of_a_cluster() -> None:
    plan = preview({"compute": "managed", "instanceType": "Standard_NC4as_T4_v3"})

    assert [each for token in (COMPUTE, EXTENSION, TRUST, INSTANCE_TYPE) for each in plan.of_type(token)] == []
    assert properties(plan, ENDPOINT)["authMode"] == "AADToken"
    assert properties(plan, DEPLOYMENT)["endpointComputeType"] == "Managed"


def test_without_a_certificate_the_clusters_own_pods_are_the_only_callers(plan: Plan) -> None:
    open_to_network = plan.one(EXTENSION).inputs["configurationSettings"]
    closed = preview().one(EXTENSION).inputs["configurationSettings"]

    assert open_to_network["inferenceRouterServiceType"] == "LoadBalancer"
    assert open_to_network["internalLoadBalancerProvider"] == "azure"
    assert (open_to_network["sslCname"], open_to_network["sslSecret"]) == ("models.example.com", "models-tls")
    assert "allowInsecureConnections" not in open_to_network
    assert closed["inferenceRouterServiceType"] == "ClusterIP"
    assert closed["allowInsecureConnections"] == "True"
    assert "internalLoadBalancerProvider" not in closed


@pytest.mark.parametrize(("nodes", "three"), [(2, "False"), (3, "True")])
def test_three_routers_need_three_nodes(nodes: int, three: str) -> None:
    tls = TlsSettings.model_validate(TLS)

    assert extension_settings(tls, system_nodes=nodes, has_prometheus=True)["inferenceRouterHA"] == three


def test_two_prometheus_operators_never_meet() -> None:
    asked = {has: preview(objectives=has).one(EXTENSION).inputs["configurationSettings"] for has in (True, False)}

    assert {has: found["installPromOp"] for has, found in asked.items()} == {True: "False", False: "True"}


def test_a_stack_without_a_cluster_stops_before_anything_is_made_on_the_wrong_machines() -> None:
    with pytest.raises(Exception, match="on the stack's AKS, of which there is none"):
        preview(attached=False)


def test_the_attachment_is_the_parent_of_its_parts(plan: Plan) -> None:
    owned = children(plan, "inference:managed:AttachedCluster")

    assert sorted(type_.rpartition(":")[2] for type_ in owned.elements()) == [
        "Compute", "Extension", "InstanceType", "Namespace", "RoleAssignment", "RoleAssignment", "RoleAssignment",
        "TrustedAccessRoleBinding",
    ]  # fmt: skip


def test_the_routers_address_is_asked_below_the_endpoints_own_path() -> None:
    reported, path = "http://10.245.3.7/api/v1/endpoint/azure-ml1234/score", "/v2/models/digits/infer"

    assert scoring_address(reported, path) == f"http://10.245.3.7/api/v1/endpoint/azure-ml1234{path}"
