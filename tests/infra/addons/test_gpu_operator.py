from collections import Counter
from typing import Any

import pulumi
import pytest
import yaml

from infra.addons import gpu_operator
from infra.addons.gpu_operator import GpuOperator, GpuOperatorArgs, device_plugin_config
from infra.clusters.cluster import Cluster
from infra.clusters.gpu import GPU_RESOURCE, NODE_TAINT
from infra.preview import Plan
from infra.preview.checks import check_plan
from tests.infra.samples import children, on_cluster, waits_for

NAMESPACE, CONFIG = "kubernetes:core/v1:Namespace", "kubernetes:core/v1:ConfigMap"
RELEASE = "kubernetes:helm.sh/v3:Release"


@pytest.fixture(scope="module")
def plan() -> Plan:
    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        args = GpuOperatorArgs(
            time_slices=cluster.gpu_time_slices, taints=cluster.gpu_taints, runtime_class=cluster.gpu_runtime_class
        )
        GpuOperator("gpus", args, opts)

    return on_cluster(build)


@pytest.fixture(scope="module")
def values(plan: Plan) -> Any:
    return plan.one(RELEASE).inputs["values"]


def test_the_operator_owns_its_namespace_its_configuration_and_its_chart(plan: Plan) -> None:
    assert children(plan, "inference:addons:GpuOperator") == Counter([NAMESPACE, CONFIG, RELEASE])
    assert [str(failure) for failure in check_plan(plan).failures] == []
    assert {each.provider_name for each in plan.resources if each.parent} == {"plain"}


def test_the_chart_comes_after_the_configuration_that_it_names(plan: Plan, values: Any) -> None:
    config = plan.one(CONFIG)
    named = values["devicePlugin"]["config"]

    assert config.inputs["metadata"] == {"name": named["name"], "namespace": plan.one(RELEASE).inputs["namespace"]}
    assert named["default"] in config.inputs["data"]
    assert waits_for(plan, plan.one(RELEASE), config)
    assert waits_for(plan, config, plan.one(NAMESPACE))


def test_each_gpu_is_shared_by_as_many_pods_as_the_cluster_says(plan: Plan) -> None:
    (text,) = plan.one(CONFIG).inputs["data"].values()
    sharing = yaml.safe_load(text)["sharing"]["timeSlicing"]["resources"]

    assert sharing == [{"name": GPU_RESOURCE, "replicas": 3}]


def test_a_gpu_that_is_not_shared_is_advertised_as_it_is() -> None:
    assert yaml.safe_load(device_plugin_config(1)) == {"version": "v1"}


def test_the_node_image_brings_driver_and_toolkit_and_gpu_metrics_keep_their_pods_labels(values: Any) -> None:
    assert values["driver"] == {"enabled": False}
    assert values["toolkit"] == {"enabled": False}
    assert values["dcgmExporter"]["serviceMonitor"] == {"enabled": True, "honorLabels": True}


@pytest.mark.parametrize(("slices", "named"), [(1, []), (2, [{"name": "KUBERNETES_VIRTUAL_GPUS", "value": "true"}])])
def test_gpu_metrics_name_every_pod_that_shares_the_gpu(slices: int, named: list[dict[str, str]]) -> None:
    assert gpu_operator.exporter(slices).get("env", []) == named


def test_whatever_the_operator_runs_on_gpu_nodes_tolerates_each_of_their_taints(values: Any) -> None:
    tolerations = [
        {"key": NODE_TAINT[0], "operator": "Equal", "value": NODE_TAINT[1], "effect": NODE_TAINT[2]},
        {"key": "example.com/spot", "operator": "Equal", "value": "yes", "effect": "NoSchedule"},
    ]

    assert values["daemonsets"]["tolerations"] == tolerations
    # It finds the GPUs of a node; without it the operator takes the node for one without any.
    assert values["node-feature-discovery"]["worker"]["tolerations"] == tolerations


def test_the_operators_pods_take_the_clusters_runtime_class_where_it_has_one(values: Any) -> None:
    assert values["operator"] == {"runtimeClass": "example"}
    assert "operator" not in gpu_operator.values("shared", GpuOperatorArgs(time_slices=1, taints=[NODE_TAINT]))
