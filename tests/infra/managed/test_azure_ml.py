import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from pulumi_azure_native import Provider

from infra.endpoint import EndpointKind
from infra.managed.azure_ml import AzureMl, AzureMlArgs
from infra.managed.azure_ml.autoscaling import scale_in_below
from infra.managed.azure_ml.deployment import at_digest, served
from infra.managed.azure_ml.endpoint import scoring_address
from infra.managed.azure_ml.traffic import API_VERSION
from infra.preview import Plan, run
from infra.preview.checks import check_plan, check_resource
from infra.preview.input_check import check_inputs
from infra.preview.sdk import args_class, resource_class
from infra.settings.azure_ml import AzureMlSettings, DeploymentSettings, InstanceSettings
from infra.settings.monitoring import ObjectiveSettings
from infra.settings.served import ModelSettings
from tests.infra.samples import DIGEST, waits_for

ML = "azure-native:machinelearningservices"
WORKSPACE, ENDPOINT, DEPLOYMENT, ENVIRONMENT = (
    f"{ML}:{kind}" for kind in ("Workspace", "OnlineEndpoint", "OnlineDeployment", "EnvironmentVersion")
)
TEMPLATE = "azure-native:resources:Deployment"
SCALING = "azure-native:monitor:AutoscaleSetting"
ROLE = "azure-native:authorization:RoleAssignment"
ALERT = "azure-native:monitor:MetricAlert"
TAGS = {"owner": "ml-platform"}
OLD = "sha256:" + "1" * 64
MODEL = ModelSettings.model_validate({"name": "digits", "version": "2", "batching": {"maxSize": 16}})


def preview(block: Mapping[str, Any] | None = None, *, objectives: bool = True) -> Plan:
    settings = AzureMlSettings.model_validate({"instanceType": "Standard_NC4as_T4_v3", **(block or {})})

    def program() -> None:
        args = AzureMlArgs(
            settings=settings,
            model=MODEL,
            image=f"example.azurecr.io/model-server@{DIGEST}",
            resource_group_name="group",
            subscription_id="00000000-0000-0000-0000-000000000000",
            tenant_id="11111111-1111-1111-1111-111111111111",
            registry_id="/registry",
            tags=TAGS,
            objectives=ObjectiveSettings() if objectives else None,
            alarm_group_id="/alarms",
        )
        made = AzureMl("azure-ml", args, pulumi.ResourceOptions(providers=[Provider("azure")]))
        pulumi.export("endpoints", {name: endpoint.exported() for name, endpoint in made.endpoints.items()})

    return run(program, {})


CANARY = {"deployments": {"blue": {"percent": 90, "digest": OLD, "version": "1"}, "green": {"percent": 10}}}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview(CANARY)


def endpoint_of_template(plan: Plan) -> Any:
    (endpoint,) = plan.one(TEMPLATE).inputs["properties"]["template"]["resources"]
    return endpoint


def test_every_input_is_one_that_the_sdk_knows(plan: Plan) -> None:
    checked = check_plan(plan)

    assert [str(failure) for failure in checked.failures] == []
    assert {kind.check for kind in checked.kinds} == {"SDK types"}


@pytest.mark.parametrize(
    ("token", "wrong", "path"),
    [
        (WORKSPACE, {"storageAcount": "/storage"}, "storageAcount"),
        (ENDPOINT, {"properties": {"publicNetworkAccess": "Enabled"}}, "properties.authMode"),
        (
            DEPLOYMENT,
            {"properties": {"endpointComputeType": "Managed", "instanceTypes": "x"}},
            "properties.instanceTypes",
        ),
        (DEPLOYMENT, {"sku": {"name": "Default", "capacity": "2"}}, "sku.capacity"),
        (ENVIRONMENT, {"properties": {"osType": "Linux", "imag": "x"}}, "properties.imag"),
        (SCALING, {"targetResourceURI": "/blue"}, "targetResourceURI"),
        (TEMPLATE, {"properties": {"mode": "incremental"}}, "properties.mode"),
    ],
)
def test_a_planted_mistake_is_caught(plan: Plan, token: str, wrong: dict[str, Any], path: str) -> None:
    resource = plan.of_type(token)[0]
    planted = replace(resource, inputs={**resource.inputs, **wrong})

    assert [problem.path for problem in check_resource(planted)] == [path]


def test_the_template_states_an_endpoint_that_the_sdk_would_accept_too(plan: Plan) -> None:
    found = endpoint_of_template(plan)
    owner = resource_class(ENDPOINT)
    assert owner
    accepted = args_class(owner)
    assert accepted
    identity = {**found["identity"], "userAssignedIdentities": list(found["identity"]["userAssignedIdentities"])}
    inputs = {"properties": found["properties"], "identity": identity, "tags": found["tags"]}
    names = {"resourceGroupName": "group", "workspaceName": "workspace"}

    assert check_inputs(accepted, {**inputs, **names}) == []
    assert found["type"] == "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
    # The SDK says which version of the REST API its own endpoint speaks.
    assert f"Uses Azure REST API version {API_VERSION}." in inspect.getsource(owner)


def test_the_endpoint_is_made_without_traffic_and_gets_it_once_every_deployment_is_there(plan: Plan) -> None:
    template, endpoint = plan.one(TEMPLATE), plan.one(ENDPOINT)

    assert "traffic" not in endpoint.inputs["properties"]
    assert endpoint_of_template(plan)["properties"]["traffic"] == {"blue": 90, "green": 10}
    assert endpoint_of_template(plan)["name"] == "${azure-ml-workspace.name: string}/${azure-ml.name: string}"
    for deployment in plan.of_type(DEPLOYMENT):
        assert waits_for(plan, deployment, endpoint)
        assert waits_for(plan, template, deployment)


def test_only_the_template_changes_an_endpoint_that_is_there(plan: Plan) -> None:
    endpoint, later = plan.one(ENDPOINT), endpoint_of_template(plan)
    made = endpoint.inputs["properties"]

    assert endpoint.ignore_changes == ["properties", "tags"]
    assert {key: later["properties"][key] for key in made} == made
    assert list(later["identity"]["userAssignedIdentities"]) == endpoint.inputs["identity"]["userAssignedIdentities"]
    assert later["tags"] == TAGS


def test_at_the_end_the_endpoint_takes_its_deployments_with_it(plan: Plan) -> None:
    endpoint = plan.one(ENDPOINT)

    assert {each.options["deletedWith"] for each in plan.of_type(DEPLOYMENT)} == {endpoint.urn}


def test_callers_bring_a_token_of_entra_and_there_are_no_keys(plan: Plan) -> None:
    assert plan.one(ENDPOINT).inputs["properties"]["authMode"] == "AADToken"
    assert endpoint_of_template(plan)["properties"]["authMode"] == "AADToken"


def test_each_deployment_runs_its_image_and_its_version_of_the_model(plan: Plan) -> None:
    images = {each.name: each.inputs["properties"]["image"] for each in plan.of_type(ENVIRONMENT)}
    properties = {each.inputs["deploymentName"]: each.inputs["properties"] for each in plan.of_type(DEPLOYMENT)}

    assert images == {
        "azure-ml-blue-environment": f"example.azurecr.io/model-server@{OLD}",
        "azure-ml-green-environment": f"example.azurecr.io/model-server@{DIGEST}",
    }
    versions = {name: each["environmentVariables"]["MODEL_VERSION"] for name, each in properties.items()}
    assert versions == {"blue": "1", "green": "2"}
    assert properties["blue"]["environmentVariables"]["MAX_BATCH_SIZE"] == "16"
    assert properties["blue"]["environmentId"] == "${azure-ml-blue-environment.id: string}"


def test_another_image_is_another_version_of_the_environment_and_none_is_deleted(plan: Plan) -> None:
    for environment in plan.of_type(ENVIRONMENT):
        assert "version" not in environment.inputs
        assert environment.options["replaceOnChanges"] == ["properties"]
        assert environment.options["retainOnDelete"] is True


def test_probes_and_requests_reach_the_servers_own_routes(plan: Plan) -> None:
    config = plan.one(ENVIRONMENT, "azure-ml-blue-environment").inputs["properties"]["inferenceConfig"]

    assert config == {
        "livenessRoute": {"path": "/health", "port": 8080},
        "readinessRoute": {"path": "/ready", "port": 8080},
        "scoringRoute": {"path": "/v2/models/digits/infer", "port": 8080},
    }


@pytest.mark.parametrize(
    ("instance_type", "provider", "metrics"),
    [
        ("Standard_F4s_v2", "CPUExecutionProvider", {"CpuUtilizationPercentage"}),
        ("Standard_NC4as_T4_v3", "CUDAExecutionProvider", {"CpuUtilizationPercentage", "GpuUtilizationPercentage"}),
    ],
)
def test_the_model_runs_and_is_scaled_by_what_the_instances_have(
    instance_type: str, provider: str, metrics: set[str]
) -> None:
    plan = preview({"instanceType": instance_type})
    properties = plan.one(DEPLOYMENT).inputs["properties"]
    (profile,) = plan.one(SCALING).inputs["profiles"]

    assert properties["instanceType"] == instance_type
    assert properties["environmentVariables"]["EXECUTION_PROVIDER"] == provider
    assert {rule["metricTrigger"]["metricName"] for rule in profile["rules"]} == metrics
    saturated = [each for each in plan.of_type(ALERT) if each.name.endswith("UtilizationPercentage")]
    assert {each.inputs["criteria"]["allOf"][0]["metricName"] for each in saturated} == metrics


def test_each_deployment_scales_from_two_to_ten_around_the_target(plan: Plan) -> None:
    for scaling in plan.of_type(SCALING):
        (profile,) = scaling.inputs["profiles"]
        target = scaling.inputs["targetResourceUri"]
        rules = [(rule["metricTrigger"], rule["scaleAction"]) for rule in profile["rules"]]
        found = {(trigger["operator"], trigger["threshold"], action["direction"]) for trigger, action in rules}

        assert profile["capacity"] == {"minimum": "2", "maximum": "10", "default": "2"}
        assert found == {("GreaterThan", 70, "Increase"), ("LessThan", 46, "Decrease")}
        assert {trigger["metricResourceUri"] for trigger, _ in rules} == {target}
        assert target == f"${{{scaling.name}.id: string}}"


def test_an_update_leaves_the_number_of_instances_to_the_autoscaler(plan: Plan) -> None:
    assert [each.ignore_changes for each in plan.of_type(DEPLOYMENT)] == [["sku.capacity"], ["sku.capacity"]]


@pytest.mark.parametrize("target", [20, 55, 70, 90])
@pytest.mark.parametrize("least", [1, 2, 5])
def test_an_instance_that_goes_never_calls_for_one_that_comes(target: int, least: int) -> None:
    bounds = InstanceSettings.model_validate({"min": least, "max": 20})
    below = scale_in_below(target, bounds)

    assert below > 0
    for instances in range(least + 1, 21):
        assert below * instances / (instances - 1) <= target


def test_the_endpoint_may_pull_its_image_and_read_its_blobs_before_it_is_made(plan: Plan) -> None:
    roles = {role.name: role for role in plan.of_type(ROLE)}

    assert set(roles) == {"azure-ml-pull", "azure-ml-read"}
    assert roles["azure-ml-pull"].inputs["scope"] == "/registry"
    assert roles["azure-ml-read"].inputs["scope"] == "${azureml.id: string}"
    for role in roles.values():
        assert role.inputs["principalId"] == "${azure-ml-identity.principalId: string}"
        assert waits_for(plan, plan.one(ENDPOINT), role)


def test_the_workspace_stands_on_identities_and_not_on_keys(plan: Plan) -> None:
    storage = plan.one("azure-native:storage:StorageAccount")
    vault = plan.one("azure-native:keyvault:Vault").inputs["properties"]
    workspace = plan.one(WORKSPACE).inputs

    assert storage.inputs["allowSharedKeyAccess"] is False
    assert storage.inputs["allowBlobPublicAccess"] is False
    # Azure takes letters and digits only, and the provider adds eight.
    assert storage.name.isalnum()
    assert (vault["enableRbacAuthorization"], vault["enablePurgeProtection"]) == (True, True)
    assert workspace["systemDatastoresAuthMode"] == "Identity"
    assert workspace["containerRegistry"] == "/registry"


def test_what_lets_anybody_write_into_application_insights_is_secret(plan: Plan) -> None:
    insights = plan.one("azure-native:applicationinsights:Component")

    assert set(insights.additional_secret_outputs) == {"connectionString", "instrumentationKey"}


@pytest.mark.parametrize(
    ("private", "isolation", "action"),
    [(False, "Disabled", "Allow"), (True, "AllowOnlyApprovedOutbound", "Deny")],
)
def test_servers_leave_the_internet_alone_where_they_are_told_to(private: bool, isolation: str, action: str) -> None:
    plan = preview({"privateEgress": private})
    workspace = plan.one(WORKSPACE).inputs

    assert workspace["managedNetwork"] == {"isolationMode": isolation}
    assert workspace["provisionNetworkNow"] is private
    assert plan.one("azure-native:storage:StorageAccount").inputs["networkRuleSet"]["defaultAction"] == action
    assert plan.one("azure-native:keyvault:Vault").inputs["properties"]["networkAcls"]["defaultAction"] == action


def test_an_endpoint_off_the_internet_says_so_everywhere() -> None:
    plan = preview({"publicAccess": False})

    assert plan.one(WORKSPACE).inputs["publicNetworkAccess"] == "Disabled"
    assert plan.one(ENDPOINT).inputs["properties"]["publicNetworkAccess"] == "Disabled"
    assert endpoint_of_template(plan)["properties"]["publicNetworkAccess"] == "Disabled"


def test_durations_are_written_as_azure_reads_them() -> None:
    plan = preview({"requestTimeoutSeconds": 90, "maxConcurrentRequests": 8})
    properties = plan.one(DEPLOYMENT).inputs["properties"]

    assert properties["requestSettings"]["maxConcurrentRequestsPerInstance"] == 8
    assert properties["requestSettings"]["requestTimeout"] == "PT90S"
    # The model may take five minutes to load.
    assert properties["readinessProbe"]["failureThreshold"] * int(properties["readinessProbe"]["period"][2:-1]) == 300


def test_the_containers_logs_are_kept_and_the_log_of_every_request_is_not(plan: Plan) -> None:
    logs = plan.one("azure-native:monitor:DiagnosticSetting").inputs

    assert [each["category"] for each in logs["logs"]] == ["AmlOnlineEndpointConsoleLog", "AmlOnlineEndpointEventLog"]
    assert logs["workspaceId"] == "${azure-ml-logs.id: string}"


def test_alarms_watch_the_endpoint_and_every_deployment_only_where_there_are_objectives(plan: Plan) -> None:
    scopes = {alert.name: alert.inputs["scopes"][0] for alert in plan.of_type(ALERT)}

    assert {name for name, scope in scopes.items() if scope == "${azure-ml.id: string}"} == {
        f"azure-ml-{kind}" for kind in ("latency", "errors", "refused", "silence")
    }
    assert scopes["azure-ml-green-GpuUtilizationPercentage"] == "${azure-ml-green.id: string}"
    assert preview(objectives=False).of_type(ALERT) == []


def test_the_stack_exports_where_the_model_is_asked(plan: Plan) -> None:
    assert plan.exports["endpoints"] == {
        "azure-ml": {
            "kind": EndpointKind.AZURE_ML.value,
            "address": "${azure-ml.properties.scoringUri: string}/v2/models/digits/infer",
            "model": "digits",
        }
    }


@pytest.mark.parametrize(
    "reported",
    [
        "https://x.westeurope.inference.ml.azure.com/score",
        "https://x.westeurope.inference.ml.azure.com/",
        "https://x.westeurope.inference.ml.azure.com/v2/models/digits/infer",
    ],
)
def test_whatever_path_azure_reports_the_servers_own_is_asked(reported: str) -> None:
    wanted = "https://x.westeurope.inference.ml.azure.com/v2/models/digits/infer"

    assert scoring_address(reported, "/v2/models/digits/infer") == wanted


def test_a_deployment_without_its_own_takes_the_stacks_image_and_version() -> None:
    image = f"example.azurecr.io/model-server@{DIGEST}"

    assert at_digest(image, None) == image
    assert at_digest(image, OLD) == f"example.azurecr.io/model-server@{OLD}"
    assert served(MODEL, DeploymentSettings(percent=100)) == MODEL
    assert served(MODEL, DeploymentSettings(percent=100, version="7")).version == "7"
