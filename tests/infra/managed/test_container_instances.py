from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from pulumi_azure_native import Provider

from infra.endpoint import Endpoint, EndpointKind
from infra.managed.container_instances import ContainerInstances, ContainerInstancesArgs, registry_host
from infra.preview import Plan, run
from infra.preview.checks import check_plan, check_resource
from infra.settings.container_instances import ContainerInstancesSettings
from infra.settings.served import ModelSettings
from tests.infra.samples import DIGEST, waits_for

GROUP = "azure-native:containerinstance:ContainerGroup"
ALERT = "azure-native:monitor:MetricAlert"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"


def preview(block: Mapping[str, Any] | None = None, *, alarms: bool = True) -> tuple[Plan, Mapping[str, Endpoint]]:
    found: dict[str, Endpoint] = {}

    def program() -> None:
        args = ContainerInstancesArgs(
            settings=ContainerInstancesSettings.model_validate(block or {}),
            model=ModelSettings.model_validate({"name": "digits", "version": "1"}),
            image=f"example.azurecr.io/model-server@{DIGEST}",
            resource_group_name="group",
            subscription_id=SUBSCRIPTION,
            registry_id="/registry",
            subnet_id="/subnet",
            alarms=alarms,
            alarm_group_id="/alarms",
        )
        made = ContainerInstances("container", args, pulumi.ResourceOptions(providers=[Provider("azure")]))
        found.update(made.endpoints)
        pulumi.export("address", found["container"].address)

    return run(program, {}), found


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()[0]


def test_every_input_is_one_that_the_sdk_knows(plan: Plan) -> None:
    checked = check_plan(plan)

    assert [str(failure) for failure in checked.failures] == []
    assert {kind.check for kind in checked.kinds if "providers" not in kind.name} == {"SDK types"}


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"osTyp": "Linux"}, "osTyp"),
        ({"subnetIds": ["/subnet"]}, "subnetIds[0]"),
        ({"containers": None}, "containers"),
        ({"identity": {"type": "userAssigned"}}, "identity.type"),
        ({"ipAddress": {"type": "Private"}}, "ipAddress.ports"),
    ],
)
def test_a_planted_mistake_is_caught(plan: Plan, wrong: dict[str, Any], path: str) -> None:
    resource = plan.one(GROUP)
    planted = replace(resource, inputs={**resource.inputs, **wrong})

    assert [problem.path for problem in check_resource(planted)] == [path]


def test_only_the_virtual_network_reaches_the_server(plan: Plan) -> None:
    group = plan.one(GROUP).inputs

    assert group["ipAddress"] == {"type": "Private", "ports": [{"port": 8080, "protocol": "TCP"}]}
    assert group["subnetIds"] == [{"id": "/subnet"}]
    # Spot groups take no inbound connections.
    assert group["priority"] == "Regular"


def test_the_image_is_pulled_with_an_identity_that_may_do_nothing_else(plan: Plan) -> None:
    group, role = plan.one(GROUP), plan.one("azure-native:authorization:RoleAssignment")
    (credentials,) = group.inputs["imageRegistryCredentials"]

    assert credentials == {"server": "example.azurecr.io", "identity": "${container-identity.id: string}"}
    assert group.inputs["identity"]["userAssignedIdentities"] == ["${container-identity.id: string}"]
    assert role.inputs["scope"] == "/registry"
    assert role.inputs["roleDefinitionId"].endswith("/7f951dda-4ed3-4680-a7ca-43fe172d538d")
    assert waits_for(plan, group, role)


def test_the_server_has_the_settings_and_probes_of_every_target(plan: Plan) -> None:
    (container,) = plan.one(GROUP).inputs["containers"]
    environment = {each["name"]: each["value"] for each in container["environmentVariables"]}

    assert environment == {
        "MODEL_NAME": "digits",
        "MODEL_VERSION": "1",
        "EXECUTION_PROVIDER": "CPUExecutionProvider",
    }
    assert container["livenessProbe"]["httpGet"] == {"path": "/health", "port": 8080, "scheme": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": 8080, "scheme": "http"}
    assert container["image"].endswith(f"@{DIGEST}")


def test_the_key_of_the_logs_stays_secret(plan: Plan) -> None:
    logs = plan.one(GROUP).inputs["diagnostics"]["logAnalytics"]

    assert logs["workspaceKey"] == "${secret: string}"
    assert logs["workspaceId"] == "${container-logs.customerId: string}"


def test_a_changed_size_makes_a_new_group_and_a_changed_image_restarts_the_old_one() -> None:
    replacing = preview()[0].one(GROUP).options["replaceOnChanges"]

    assert "containers[*].resources" in replacing
    assert [path for path in replacing if path in ("containers", "containers[*].image")] == []


def test_the_endpoint_is_asked_over_http() -> None:
    plan, endpoints = preview()

    assert endpoints["container"].kind is EndpointKind.HTTP
    assert endpoints["container"].model == "digits"
    assert plan.exports["address"] == "http://${container.ipAddress.ip: string}:8080"


def test_alarms_are_about_nine_tenths_of_what_the_container_has() -> None:
    plan, _ = preview({"cpu": 2, "memoryGib": 4})
    found = {alert.name: alert.inputs["criteria"]["allOf"][0] for alert in plan.of_type(ALERT)}

    assert {name: (each["metricName"], each["threshold"]) for name, each in found.items()} == {
        "container-cpu": ("CpuUsage", 1800),
        "container-memory": ("MemoryUsage", pytest.approx(0.9 * 4 * 2**30)),
    }


def test_without_objectives_there_is_no_alarm() -> None:
    assert preview(alarms=False)[0].of_type(ALERT) == []


def test_the_registry_is_what_stands_before_the_first_slash() -> None:
    assert registry_host("example.azurecr.io/team/model-server@sha256:00") == "example.azurecr.io"
