from collections import Counter
from typing import Any

import pytest
import yaml

from infra.addons.gpu_operator import GpuOperator, GpuOperatorArgs, device_plugin_config
from infra.clusters.gpu import GPU_RESOURCE, NODE_TAINT
from infra.preview import Plan
from infra.preview.checks import check_plan
from tests.infra.samples import children, on_cluster, waits_for

NAMESPACE, CONFIG = "kubernetes:core/v1:Namespace", "kubernetes:core/v1:ConfigMap"
RELEASE = "kubernetes:helm.sh/v3:Release"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return on_cluster(
        lambda cluster, opts: GpuOperator("gpus", GpuOperatorArgs(time_slices=cluster.gpu_time_slices), opts)
    )


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
    # The operator's own pods tolerate taints of this key: https://github.com/NVIDIA/gpu-operator
    assert NODE_TAINT[0] == GPU_RESOURCE


def test_a_gpu_that_is_not_shared_is_advertised_as_it_is() -> None:
    assert yaml.safe_load(device_plugin_config(1)) == {"version": "v1"}


def test_the_node_image_brings_driver_and_toolkit_and_gpu_metrics_keep_their_pods_labels(values: Any) -> None:
    assert values["driver"] == {"enabled": False}
    assert values["toolkit"] == {"enabled": False}
    assert values["dcgmExporter"]["serviceMonitor"] == {"enabled": True, "honorLabels": True}
