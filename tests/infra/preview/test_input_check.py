from typing import Any

import pytest

from infra.preview.input_check import Problem, check_inputs
from infra.preview.sdk import args_class, resource_class

NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
IMAGE = "docker-build:index:Image"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
PASSWORD = "random:index/randomPassword:RandomPassword"
SERVICE = "kubernetes:core/v1:Service"
AGENT_POOL = "azure-native:containerservice:AgentPool"
DEPLOYED = "azure-native:machinelearningservices:OnlineDeployment"
CONTAINER_GROUP = "azure-native:containerinstance:ContainerGroup"
ENDPOINT = "aws-native:sagemaker:Endpoint"
CONTAINER = "docker:index/container:Container"
INSTANCE = "aws:ec2/instance:Instance"

GOOD: dict[str, dict[str, Any]] = {
    NODE_GROUP: {
        "clusterName": "${eks.name: string}",
        "nodeRoleArn": "arn:aws:iam::111122223333:role/node",
        "subnetIds": ["${a.id: string}", "subnet-1"],
        "scalingConfig": {"desiredSize": 0, "minSize": 0, "maxSize": 2},
        "capacityType": "SPOT",
        "taints": [{"key": "gpu", "value": "true", "effect": "NO_SCHEDULE"}],
    },
    IMAGE: {
        "push": True,
        "platforms": ["linux/amd64"],
        "cacheTo": [{"registry": {"ref": "registry.example.com/cache", "mode": "max"}}],
        "network": "default",
    },
    DEPLOYMENT: {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {
            "replicas": "${x.y: integer}",
            "selector": {"matchLabels": {"app": "server"}},
            "template": {"spec": {"containers": [{"name": "server", "ports": [{"containerPort": 8080}]}]}},
        },
    },
    PASSWORD: {"length": 20},
    SERVICE: {"spec": {"ports": [{"port": 80}]}},
    "aws:iam/role:Role": {"assumeRolePolicy": "{}"},
    INSTANCE: {"ami": "ami-1", "instanceType": "g9.9xlarge", "tenancy": "dedicated"},
    AGENT_POOL: {
        "resourceGroupName": "${rg.name: string}",
        "resourceName": "aks",
        "scaleSetPriority": "Spot",
        "spotMaxPrice": -1,
        "gpuProfile": {"driver": "None"},
        "nodeTaints": ["a=b:NoSchedule"],
    },
    DEPLOYED: {
        "resourceGroupName": "rg",
        "workspaceName": "ws",
        "endpointName": "ep",
        "properties": {
            "endpointComputeType": "Managed",
            "instanceType": "Standard_NC4as_T4_v3",
            "scaleSettings": {"scaleType": "Default"},
            "livenessProbe": {"period": "PT10S", "failureThreshold": 3},
        },
    },
    CONTAINER_GROUP: {
        "resourceGroupName": "rg",
        "osType": "Linux",
        "containers": [{"name": "a", "image": "b", "resources": {"requests": {"cpu": 1, "memoryInGB": 1.5}}}],
    },
    ENDPOINT: {
        "endpointConfigName": "config",
        "deploymentConfig": {
            "rollingUpdatePolicy": {
                "maximumBatchSize": {"type": "CAPACITY_PERCENT", "value": 50},
                "waitIntervalInSeconds": 60,
            }
        },
        "tags": [{"key": "a", "value": "b"}],
    },
    CONTAINER: {"image": "i", "ports": [{"internal": 80}], "networksAdvanced": [{"name": "n"}], "mustRun": True},
}


def problems(token: str, *, without: str = "", **changes: Any) -> list[Problem]:
    owner = resource_class(token)
    args = args_class(owner) if owner else None
    assert args is not None
    inputs = {key: value for key, value in (GOOD[token] | changes).items() if key != without}
    return check_inputs(args, inputs)


@pytest.mark.parametrize("token", GOOD)
def test_right_inputs_pass(token: str) -> None:
    assert problems(token) == []


@pytest.mark.parametrize(
    ("token", "changes", "path", "fix"),
    [
        (NODE_GROUP, {"instanceTypez": ["g6.xlarge"]}, "instanceTypez", "did you mean instanceTypes?"),
        (
            NODE_GROUP,
            {"scalingConfig": {"desiredSize": 0, "minSize": 0, "maxSize": 2, "maxSise": 3}},
            "scalingConfig.maxSise",
            "did you mean maxSize?",
        ),
        (
            IMAGE,
            {"cacheTo": [{"registry": {"ref": "a", "imageManifests": True}}]},
            "cacheTo[0].registry.imageManifests",
            "did you mean imageManifest?",
        ),
        (DEPLOYMENT, {"metadata": {"label": {}}}, "metadata.label", "did you mean labels?"),
        (PASSWORD, {"lengthy": 3}, "lengthy", "did you mean length?"),
        (AGENT_POOL, {"gpuProfile": {"drivers": "None"}}, "gpuProfile.drivers", "did you mean driver?"),
        (
            DEPLOYED,
            {"properties": {"endpointComputeType": "Managed", "instanceTypes": "a"}},
            "properties.instanceTypes",
            "did you mean instanceType?",
        ),
        (ENDPOINT, {"deploymentConfig": {"rollingPolicy": {}}}, "deploymentConfig.rollingPolicy", None),
        (CONTAINER, {"ports": [{"internal": 80, "extern": 1}]}, "ports[0].extern", "did you mean external?"),
    ],
)
def test_an_unknown_key_is_refused(token: str, changes: dict[str, Any], path: str, fix: str | None) -> None:
    (problem,) = problems(token, **changes)

    assert problem.path == path
    assert fix in (None, problem.fix)
    assert problem.rule.startswith("unknown key")


@pytest.mark.parametrize(
    ("token", "changes", "path"),
    [
        (NODE_GROUP, {"scalingConfig": {"desiredSize": 0, "minSize": 0}}, "scalingConfig.maxSize"),
        (NODE_GROUP, {"taints": [{"key": "gpu"}]}, "taints[0].effect"),
        (IMAGE, {"dockerfile": {}, "context": {"named": {}}}, "context.location"),
        (DEPLOYMENT, {"spec": {"selector": {}}}, "spec.template"),
        (
            CONTAINER_GROUP,
            {"containers": [{"name": "a", "image": "b", "resources": {"limits": {"cpu": 1}}}]},
            "containers[0].resources.requests",
        ),
        (
            ENDPOINT,
            {
                "deploymentConfig": {
                    "rollingUpdatePolicy": {"maximumBatchSize": {"type": "CAPACITY_PERCENT", "value": 1}}
                }
            },
            "deploymentConfig.rollingUpdatePolicy.waitIntervalInSeconds",
        ),
        (DEPLOYED, {"properties": {"instanceType": "a"}}, "properties.endpointComputeType"),
        (CONTAINER, {"networksAdvanced": [{"aliases": ["a"]}]}, "networksAdvanced[0].name"),
    ],
)
def test_a_missing_nested_input_is_refused(token: str, changes: dict[str, Any], path: str) -> None:
    (problem,) = problems(token, **changes)

    assert problem.path == path
    assert problem.rule.startswith("required")


@pytest.mark.parametrize(
    ("token", "missing"),
    [
        (NODE_GROUP, "nodeRoleArn"),
        (IMAGE, "push"),
        (PASSWORD, "length"),
        (AGENT_POOL, "resourceName"),
        (DEPLOYED, "properties"),
        (ENDPOINT, "endpointConfigName"),
        (CONTAINER, "image"),
    ],
)
def test_a_missing_input_is_refused(token: str, missing: str) -> None:
    (problem,) = problems(token, without=missing)

    assert problem.path == missing


@pytest.mark.parametrize(
    ("token", "changes", "path", "rule"),
    [
        (NODE_GROUP, {"instanceTypes": "g6.xlarge"}, "instanceTypes", "must be a list"),
        (NODE_GROUP, {"subnetIds": ["a", 3]}, "subnetIds[1]", "must be a string"),
        (NODE_GROUP, {"diskSize": "100"}, "diskSize", "must be an integer"),
        (NODE_GROUP, {"labels": {"gpu": True}}, "labels.gpu", "must be a string"),
        (NODE_GROUP, {"scalingConfig": [1]}, "scalingConfig", "must be an object"),
        (IMAGE, {"push": "yes"}, "push", "must be a boolean"),
        (IMAGE, {"buildArgs": ["A=b"]}, "buildArgs", "must be a map"),
        (DEPLOYMENT, {"metadata": {"name": 3}}, "metadata.name", "must be a string"),
        (PASSWORD, {"length": True}, "length", "must be an integer"),
        (AGENT_POOL, {"spotMaxPrice": "-1"}, "spotMaxPrice", "must be a number"),
        (CONTAINER, {"ports": [{"internal": "80"}]}, "ports[0].internal", "must be an integer"),
    ],
)
def test_a_wrong_type_is_refused(token: str, changes: dict[str, Any], path: str, rule: str) -> None:
    (problem,) = problems(token, **changes)

    assert (problem.path, problem.rule) == (path, rule)


@pytest.mark.parametrize(
    ("token", "changes", "path"),
    [
        (NODE_GROUP, {"capacityType": "SPOTS"}, "capacityType"),
        (NODE_GROUP, {"taints": [{"key": "gpu", "effect": "NoSchedule"}]}, "taints[0].effect"),
        (IMAGE, {"platforms": ["linux/amd64", "linux/amd46"]}, "platforms[1]"),
        (IMAGE, {"cacheTo": [{"registry": {"ref": "a", "mode": "maximum"}}]}, "cacheTo[0].registry.mode"),
        (IMAGE, {"network": "bridge"}, "network"),
        (DEPLOYMENT, {"kind": "Deploy"}, "kind"),
        (INSTANCE, {"tenancy": "dedicate"}, "tenancy"),
        (AGENT_POOL, {"scaleSetPriority": "spot"}, "scaleSetPriority"),
        (AGENT_POOL, {"gpuProfile": {"driver": "Nvidia"}}, "gpuProfile.driver"),
        (CONTAINER_GROUP, {"osType": "linux"}, "osType"),
        (DEPLOYED, {"properties": {"endpointComputeType": "managed"}}, "properties.endpointComputeType"),
        (
            DEPLOYED,
            {"properties": {"endpointComputeType": "Managed", "scaleSettings": {"scaleType": "Auto"}}},
            "properties.scaleSettings.scaleType",
        ),
    ],
)
def test_an_unknown_value_of_a_closed_set_is_refused(token: str, changes: dict[str, Any], path: str) -> None:
    (problem,) = problems(token, **changes)

    assert problem.path == path
    assert problem.rule.startswith("must be one of")


def test_a_string_or_a_number_may_be_either_where_the_sdk_says_so() -> None:
    def service(target_port: Any) -> list[Problem]:
        return problems(SERVICE, spec={"ports": [{"port": 80, "targetPort": target_port}]})

    (problem,) = service([80])

    assert service(80) == service("http") == []
    assert (problem.path, problem.rule) == ("spec.ports[0].targetPort", "must be an integer or a string")


def test_a_policy_may_be_text_or_a_document() -> None:
    def role(policy: Any) -> list[Problem]:
        return problems("aws:iam/role:Role", assumeRolePolicy=policy)

    assert role("{}") == []
    assert role(3) != []
