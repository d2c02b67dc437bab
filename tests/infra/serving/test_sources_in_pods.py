"""Pods with models of every source, as the checks of a whole stack see them."""

from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from infra.clusters.cluster import Cluster
from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.serving import network_policy, pod
from infra.serving.storage import model_volume
from infra.settings.serving import ServingSettings
from infra.settings.source import SourceSettings
from tests.infra.samples import on_cluster

LABELS = {"app": "it"}
IMAGE = "registry.example.com/digits@sha256:" + "0" * 64
SOURCES: list[dict[str, object]] = [
    {"url": "s3://models/prod", "sha256": "a" * 64, "region": "eu-west-1"},
    {"url": "https://modelstore.blob.core.windows.net/models"},
    {"url": "s3://models", "endpoint": "http://minio.storage.svc:9000"},
    {"claim": "models"},
    {"image": IMAGE},
]


def preview(source: dict[str, object], **planted: Any) -> Plan:
    made = SourceSettings.model_validate(source)

    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        args = pod.PodArgs(
            settings=ServingSettings.model_validate({}),
            image=IMAGE,
            config_map="config",
            service_account="account",
            labels=LABELS,
            scheduling=cluster,
            secret="keys",
            models=model_volume(made),
        )
        spec: Any = {**pod.spec(args), **planted}
        kubernetes.core.v1.Pod("server", metadata={"namespace": "serving", "labels": LABELS}, spec=spec, opts=opts)
        policy = network_policy.spec(LABELS, [8080], [], network_policy.ways_out(None, made))
        kubernetes.networking.v1.NetworkPolicy("server", metadata={"namespace": "serving"}, spec=policy, opts=opts)

    return on_cluster(build)


@pytest.mark.parametrize("source", SOURCES)
def test_a_pod_of_every_source_is_one_that_kubernetes_knows(source: dict[str, object]) -> None:
    assert [str(failure) for failure in check_plan(preview(source)).failures] == []


@pytest.mark.parametrize(
    "planted",
    [
        {"init_containers": [{"name": "pull-models", "image": IMAGE, "comand": ["python"]}]},
        {"init_containers": [{"image": IMAGE}]},
        {"volumes": [{"name": "models", "image": {"reference": 7}}]},
        {"volumes": [{"name": "models", "empty_dir": {"sizeLimits": "5Gi"}}]},
        {"volumes": [{"name": "models", "persistent_volume_claim": {"read_only": True}}]},
    ],
)
def test_a_mistake_in_it_would_be_noticed(planted: dict[str, object]) -> None:
    assert check_plan(preview(SOURCES[0], **planted)).failures != []
