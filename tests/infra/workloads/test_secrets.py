from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from infra.addons.external_secrets import MODEL_SERVER, MONITORING
from infra.addons.external_secrets import NAMESPACE as DEFINED_IN
from infra.clusters.cluster import Access, Cluster, SecretStore, ServiceAccount
from infra.monitoring.alertmanager import SECRETS_FOLDER
from infra.monitoring.namespace import NAMESPACE
from infra.preview import Plan, Resource
from infra.workloads.monitoring import monitoring_of
from infra.workloads.place import Place
from infra.workloads.secrets import secrets_of
from tests.infra.samples import PlainCluster, children, on_cluster, settings, waits_for

RELEASE, EXTERNAL = "kubernetes:helm.sh/v3:Release", "kubernetes:external-secrets.io/v1:ExternalSecret"
OPERATOR, DEFINITIONS = "inference:addons:ExternalSecrets", "inference:addons:ExternalSecretsDefinitions"
NOTIFICATIONS: dict[str, Any] = {
    "critical": {"pagerDuty": {"routingKey": "alerts-pagerduty"}, "slack": {"webhook": "alerts-slack"}},
    "warning": {"emails": ["team@example.com"], "webhook": {"url": "alerts-webhook"}},
    "mailServer": {
        "address": "smtp.example.com:587",
        "sender": "alerts@example.com",
        "userName": "alerts",
        "password": "alerts-smtp",
    },
    "heartbeat": {"url": "alerts-heartbeat"},
}
NAMES = {"alerts-pagerduty", "alerts-slack", "alerts-webhook", "alerts-smtp", "alerts-heartbeat"}


class CloudCluster(PlainCluster):
    """A cluster whose cloud has a store."""

    def secret_store(self, name: str, account: ServiceAccount, secrets: Sequence[str]) -> SecretStore:
        """One that tells who may read what."""
        return SecretStore(provider={"fake": {}}, identity=self.identity(name, account, Access(secrets=secrets)))


def preview(**changes: Any) -> Plan:
    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        del opts
        place = Place(CloudCluster(**vars(cluster)), settings(changes))
        monitoring_of(place)
        serving = place.settings.serving
        secrets = secrets_of(place, serving, random.RandomId("serving", byte_length=1)) if serving else None
        if secrets and serving:
            secrets.server(serving)

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview(**{"monitoring.notifications": NOTIFICATIONS, "serving.secrets": {"ADMIN_TOKEN": "token"}})


def release(plan: Plan, namespace: str) -> Resource:
    (found,) = [each for each in plan.of_type(RELEASE) if each.inputs["namespace"] == namespace]
    return found


def copied(plan: Plan, namespace: str) -> Resource:
    (found,) = [each for each in plan.of_type(EXTERNAL) if each.inputs["metadata"]["namespace"] == namespace]
    return found


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in strings(each)]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]  # pyright: ignore[reportUnknownVariableType]
    return [str(value)]


def test_alertmanager_mounts_the_files_that_its_configuration_names(plan: Plan) -> None:
    values = release(plan, NAMESPACE).inputs["values"]["alertmanager"]
    (mounted,) = values["alertmanagerSpec"]["secrets"]
    copy = copied(plan, NAMESPACE).inputs["spec"]
    kept = {each["secretKey"]: each["remoteRef"]["key"] for each in copy["data"]}

    assert copy["target"]["name"] == mounted
    assert kept == {name: name for name in NAMES}
    assert {text for text in strings(values["config"]) if text.startswith(SECRETS_FOLDER)} == {
        f"{SECRETS_FOLDER}/{mounted}/{name}" for name in NAMES
    }


def test_alertmanager_starts_after_its_secrets_and_these_after_their_operator(plan: Plan) -> None:
    prometheus, copy, operator = release(plan, NAMESPACE), copied(plan, NAMESPACE), release(plan, MONITORING.namespace)
    (namespace,) = [
        each for each in plan.of_type("kubernetes:core/v1:Namespace") if each.inputs["metadata"]["name"] == NAMESPACE
    ]

    assert copy.inputs["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Ready"}
    assert waits_for(plan, prometheus, copy)
    assert waits_for(plan, plan.by_urn(str(copy.parent)), operator)
    assert waits_for(plan, operator, namespace)


def test_each_namespace_has_an_operator_of_its_own_and_both_share_the_definitions(plan: Plan) -> None:
    definitions = release(plan, DEFINED_IN)
    operators = {MODEL_SERVER.namespace: "serving", MONITORING.namespace: NAMESPACE}

    assert len(plan.of_type(OPERATOR)) == 2
    for account, namespace in operators.items():
        assert release(plan, account).inputs["values"]["scopedNamespace"] == namespace
        assert waits_for(plan, release(plan, account), definitions)


def test_each_operator_may_read_its_own_secrets_alone(plan: Plan) -> None:
    found = {
        account: release(plan, account.namespace).inputs["values"]["serviceAccount"]["annotations"]
        for account in (MODEL_SERVER, MONITORING)
    }

    assert found[MODEL_SERVER]["example.com/access"].split() == [MODEL_SERVER.namespace, MODEL_SERVER.name, "token"]
    assert set(found[MONITORING]["example.com/access"].split()) == {MONITORING.namespace, MONITORING.name, *NAMES}


def test_one_can_go_and_the_definitions_stay(plan: Plan) -> None:
    without = preview(**{"serving.secrets": {"ADMIN_TOKEN": "token"}})

    assert without.one(DEFINITIONS).urn == plan.one(DEFINITIONS).urn
    assert release(without, MODEL_SERVER.namespace).inputs == release(plan, MODEL_SERVER.namespace).inputs
    assert len(without.of_type(OPERATOR)) == 1


def test_who_names_no_secret_gets_no_operator() -> None:
    mail = {"address": "relay.example.com:25", "sender": "alerts@example.com"}
    told = preview(**{"monitoring.notifications": {"warning": {"emails": ["team@example.com"]}, "mailServer": mail}})

    assert told.of_type(OPERATOR) == told.of_type(DEFINITIONS) == []
    assert release(told, NAMESPACE).inputs["values"]["alertmanager"]["alertmanagerSpec"]["secrets"] == []


def test_every_alert_says_which_cluster_and_environment_it_is_from(plan: Plan) -> None:
    spec = release(plan, NAMESPACE).inputs["values"]["prometheus"]["prometheusSpec"]

    assert spec["externalLabels"] == {"cluster": "plain", "environment": plan.stack}


def test_the_copies_of_alertmanager_are_its_own(plan: Plan) -> None:
    made = children(plan, "inference:monitoring:MonitoringSecrets")

    assert made == {EXTERNAL: 1, "kubernetes:external-secrets.io/v1:SecretStore": 1}
    assert copied(plan, NAMESPACE).inputs["spec"]["target"] != copied(plan, "serving").inputs["spec"]["target"]
