from typing import Any

import pytest

from infra.cost.charges import charges
from infra.cost.prices import Cloud
from infra.cost.volumes import disk_size, gib
from infra.preview import Resource
from tests.infra.cost.test_estimate import EKS, plan, resource

AKS = EKS.replace("::eks", "::aks")
CLUSTERS = (
    resource("aws:eks/cluster:Cluster", "eks", {}),
    resource("azure-native:containerservice:ManagedCluster", "aks", {"sku": {"tier": "Standard"}}),
)
SHARES = {"metadata": {"name": "nfs"}, "provisioner": "file.csi.azure.com"}
FILES = {"metadata": {"name": "efs"}, "provisioner": "efs.csi.aws.com"}


def charged(kind: str, inputs: dict[str, Any], provider: str | None = None, *others: Resource) -> list[tuple[Any, ...]]:
    found = resource(kind, "it", inputs, provider)
    return [(each.cloud, each.item, each.quantity) for each in charges(found, plan(found, *CLUSTERS, *others))]


def claim(size: str, storage_class: str) -> dict[str, Any]:
    return {"spec": {"storageClassName": storage_class, "resources": {"requests": {"storage": size}}}}


@pytest.mark.parametrize(
    ("size", "billed"), [(1, "disk P1"), (4, "disk P1"), (5, "disk P2"), (64, "disk P6"), (100, "disk P10")]
)
def test_an_azure_disk_is_billed_as_the_smallest_size_that_holds_it(size: int, billed: str) -> None:
    assert disk_size("P", size) == billed


def test_quantities_are_read_as_gib() -> None:
    assert [gib(text) for text in ("512Mi", "50Gi", "2Ti")] == [0.5, 50, 2048]


def test_an_alarm_counts_every_metric_and_anomaly_detection_three_times() -> None:
    kind = "aws:cloudwatch/metricAlarm:MetricAlarm"
    metric, expression = {"metric": {"metricName": "Invocations"}}, {"expression": "FILL(requests, 0)"}

    assert charged(kind, {"metricName": "Errors"}) == [(Cloud.AWS, "alarm metric", 1)]
    assert charged(kind, {"metricQueries": [metric, metric, expression]}) == [(Cloud.AWS, "alarm metric", 2)]
    assert charged(kind, {"metricQueries": [metric, expression], "thresholdMetricId": "band"}) == [
        (Cloud.AWS, "alarm metric", 3)
    ]


IN_AZURE: list[tuple[str, dict[str, Any], list[tuple[str, int]]]] = [
    ("network:PublicIPPrefix", {"prefixLength": 30}, [("public IPv4 address", 4)]),
    ("containerregistry:Registry", {"sku": {"name": "Premium"}}, [("registry Premium", 1)]),
    ("containerservice:ManagedCluster", {}, [("AKS tier Free", 1)]),
    ("monitor:MetricAlert", {"criteria": {"allOf": [{}, {}]}}, [("alarm time series", 2)]),
    (
        "containerinstance:ContainerGroup",
        {"containers": [{"resources": {"requests": {"cpu": 2, "memoryInGB": 8}}}]},
        [("container vCPU", 2), ("container memory GiB", 8)],
    ),
]


@pytest.mark.parametrize(("kind", "inputs", "expected"), IN_AZURE)
def test_what_azure_bills_is_counted(kind: str, inputs: dict[str, Any], expected: list[tuple[str, int]]) -> None:
    assert charged(f"azure-native:{kind}", inputs) == [(Cloud.AZURE, *each) for each in expected]


def test_a_load_balancer_is_its_clusters_clouds() -> None:
    service, proxy = "kubernetes:core/v1:Service", "kubernetes:gateway.envoyproxy.io/v1alpha1:EnvoyProxy"
    balanced, inside = {"spec": {"type": "LoadBalancer"}}, {"spec": {"type": "ClusterIP"}}
    envoy = {"spec": {"provider": {"kubernetes": {"envoyService": {"type": "LoadBalancer"}}}}}

    assert charged(service, balanced, EKS) == [(Cloud.AWS, "load balancer", 1)]
    assert charged(proxy, envoy, AKS) == [(Cloud.AZURE, "load balancer", 1)]
    assert charged(service, inside, EKS) == charged(service, {}, EKS) == []
    assert charged(service, balanced) == []  # on a cluster that somebody else made, and pays


def test_a_claim_is_billed_as_its_class_has_it() -> None:
    kind, kept = "kubernetes:core/v1:PersistentVolumeClaim", "kubernetes:storage.k8s.io/v1:StorageClass"

    assert charged(kind, claim("20Gi", "gp3-encrypted"), EKS) == [(Cloud.AWS, "gp3 volumes", 20)]
    assert charged(kind, claim("50Gi", "managed-csi"), AKS) == [(Cloud.AZURE, "disk E6", 1)]
    shares = resource(kept, "nfs", SHARES, AKS)
    assert charged(kind, claim("20Gi", "nfs"), AKS, shares) == [(Cloud.AZURE, "premium files", 100)]
    assert charged(kind, claim("20Gi", "efs"), EKS, resource(kept, "efs", FILES, EKS)) == []
