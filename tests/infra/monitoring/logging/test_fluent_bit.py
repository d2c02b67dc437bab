from collections import Counter
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_random as random
import pytest
import yaml

from infra.clusters.cluster import Cluster, Identity, LogStore
from infra.monitoring.logging.fluent_bit import ACCOUNT, FluentBit, FluentBitArgs
from infra.namespaces.network import to_anywhere
from infra.preview import Plan
from infra.preview.checks import check_plan, check_resource
from tests.infra.samples import children, on_cluster, waits_for

RULE = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
RELEASE, POLICY = "kubernetes:helm.sh/v3:Release", "kubernetes:networking.k8s.io/v1:NetworkPolicy"
OTHER = "random:index/randomId:RandomId"


def preview(*namespaces: str, mirror: str | None = None) -> Plan:
    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        del cluster
        identity = Identity(
            annotations={"example.com/identity": "writer"},
            pod_labels={"example.com/identity": "yes"},
            after=[random.RandomId("role", byte_length=1)],
        )
        store = LogStore(
            output={"name": "example", "password": "${SECRET}"},
            egress=[to_anywhere(3100)],
            identity=identity,
            secrets={"SECRET": ("copied", "password")},
        )
        prometheus = random.RandomId("prometheus", byte_length=1)
        args = FluentBitArgs(
            namespaces=namespaces,
            store=store,
            chart_mirror=mirror,
            after=[prometheus],
            runbooks="https://example.com/alerts.md",
        )
        FluentBit("fluent-bit", args, opts)

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


@pytest.fixture(scope="module")
def values(plan: Plan) -> Any:
    return plan.one(RELEASE).inputs["values"]


def pipeline(values: Any) -> Any:
    """The configuration that the chart mounts, as Fluent Bit reads it."""
    (text,) = values["config"]["extraFiles"].values()
    return yaml.safe_load(text)["pipeline"]


def test_the_agent_owns_its_policy_and_its_chart(plan: Plan) -> None:
    assert children(plan, "inference:monitoring:FluentBit") == Counter([POLICY, RELEASE, RULE])
    assert plan.one(RELEASE).inputs["namespace"] == ACCOUNT.namespace == "monitoring"
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_lost_lines_are_told_once_prometheus_knows_rules_and_lead_to_the_runbook(plan: Plan) -> None:
    rule = plan.one(RULE)
    ((alert,),) = [group["rules"] for group in rule.inputs["spec"]["groups"]]

    assert waits_for(plan, rule, plan.one(OTHER, "prometheus"))
    assert alert["annotations"]["runbook_url"] == "https://example.com/alerts.md#loglineslost"


@pytest.mark.parametrize("name", ["role", "prometheus"])
def test_it_starts_after_what_it_runs_as_and_what_reads_its_metrics(plan: Plan, name: str) -> None:
    assert waits_for(plan, plan.one(RELEASE), plan.one(OTHER, name))
    assert waits_for(plan, plan.one(RELEASE), plan.one(POLICY))


def test_no_node_is_without_it_whatever_its_taints_and_however_full(values: Any) -> None:
    assert values["tolerations"] == [{"operator": "Exists"}]
    assert values["priorityClassName"] == "system-node-critical"


def test_it_has_no_rights_at_the_api_server_and_no_token_for_it(values: Any) -> None:
    assert values["rbac"] == {"create": False}
    assert values["serviceAccount"]["automountServiceAccountToken"] is False
    (kubernetes,) = [each for each in pipeline(values)["filters"] if each["name"] == "kubernetes"]
    assert kubernetes["use_tag_for_meta"] is True


def test_it_reads_the_nodes_logs_and_writes_to_one_folder_of_its_own(values: Any) -> None:
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in values["daemonSetVolumeMounts"]}
    paths = [volume["hostPath"]["path"] for volume in values["daemonSetVolumes"]]
    (tail,) = pipeline(values)["inputs"]

    assert mounts == {"/var/log": True, "/var/fluent-bit": False}
    assert paths == list(mounts)
    assert tail["db"].startswith("/var/fluent-bit/")
    assert values["securityContext"]["readOnlyRootFilesystem"] is True
    assert values["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_it_is_scraped_and_sends_to_its_store_alone(plan: Plan) -> None:
    spec: Any = plan.one(POLICY).inputs["spec"]
    dns, store = spec["egress"]

    assert spec["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "fluent-bit"}}
    assert [entry["ports"] for entry in spec["ingress"]] == [[{"protocol": "TCP", "port": 2020}]]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert store["ports"] == [{"protocol": "TCP", "port": 3100}]


def test_it_runs_as_the_account_that_may_write(values: Any) -> None:
    assert values["serviceAccount"]["name"] == ACCOUNT.name
    assert values["serviceAccount"]["annotations"] == {"example.com/identity": "writer"}
    assert values["podLabels"] == {"example.com/identity": "yes"}


def test_a_secret_is_a_variable_and_in_no_file(values: Any) -> None:
    (output,) = pipeline(values)["outputs"]

    assert output["password"] == "${SECRET}"
    assert values["env"] == [{"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "copied", "key": "password"}}}]


def test_its_file_is_the_one_that_it_starts_with_and_no_template_of_helms(values: Any) -> None:
    ((name, text),) = values["config"]["extraFiles"].items()

    assert f"--config=/fluent-bit/etc/conf/{name}" in values["args"]
    assert "{{" not in text
    assert {value for key, value in values["config"].items() if key != "extraFiles"} == {""}


def test_its_own_lines_are_not_read(values: Any) -> None:
    (tail,) = pipeline(values)["inputs"]

    assert tail["path"] == "/var/log/containers/*.log"
    assert tail["exclude_path"] == "/var/log/containers/fluent-bit-*_monitoring_fluent-bit-*.log"


def test_namespaces_are_those_that_are_wanted() -> None:
    (tail,) = pipeline(preview("serving", "kube-system").one(RELEASE).inputs["values"])["inputs"]

    assert tail["path"] == "/var/log/containers/*_serving_*.log,/var/log/containers/*_kube-system_*.log"


def test_lines_wait_on_the_nodes_disk_for_a_store_that_does_not_answer(values: Any) -> None:
    (tail,), (output,) = pipeline(values)["inputs"], pipeline(values)["outputs"]

    assert tail["storage.type"] == "filesystem"
    assert (output["retry_limit"], output["storage.total_limit_size"]) == ("no_limits", "512M")


def test_the_chart_comes_from_the_mirror_where_there_is_one() -> None:
    plan = preview(mirror="oci://charts.example.com/all")

    assert plan.one(RELEASE).inputs["chart"] == "oci://charts.example.com/all/fluent-bit"


def test_a_planted_mistake_is_found(plan: Plan) -> None:
    policy = plan.one(POLICY)
    spec: Any = policy.inputs["spec"]
    wrong: dict[str, Any] = {**policy.inputs, "spec": {**spec, "podSelectors": {}}}

    assert list(check_resource(policy)) == []
    assert list(check_resource(replace(policy, inputs=wrong)))
