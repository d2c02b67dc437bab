"""The cluster that a stack's servers stand for: real autoscalers and objects, simulated nodes, and who tells of them.

Real are the control plane, KEDA, which asks the Prometheus of the test, and kube-state-metrics, told what the chart's
values tell it. No pod runs: one server on loopback stands for all of its track.
"""

from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from infra.monitoring.cluster_metrics import INSTANCE_TYPE
from infra.preview.manifests import RELEASE
from infra.serving.track import WORKER
from tests.cluster import custom_resources, nodes
from tests.cluster.api import Api, condition
from tests.cluster.control_plane import ControlPlane, control_plane
from tests.cluster.keda import asking, keda
from tests.cluster.resource_metrics import resource_metrics
from tests.cluster.served import NAMESPACE
from tests.cluster.stacks import Stack
from tests.processes import HOST, Process, free_port, until
from tests.programs.built import program

KINDS = ("Namespace", "ServiceAccount", "ConfigMap", "Deployment", "ScaledObject")
"""Objects of the service that decide what there is to tell of; workers of jobs are not of this cluster."""

DEFINITION = "apiextensions.k8s.io/v1 CustomResourceDefinition"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A running one, into which nodes come and from which they go."""

    api: Api
    pools: Mapping[str, nodes.Pool]
    _numbers: Iterator[int] = field(default_factory=count)

    def join(self, pool: str, *machines: str) -> list[str]:
        """Nodes of a pool, one on each of `machines`, the instance types; their names."""
        made = [self.pools[pool].node(f"{pool}-{number}") for _, number in zip(machines, self._numbers, strict=False)]
        for node, machine in zip(made, machines, strict=True):
            node["metadata"]["labels"][INSTANCE_TYPE] = machine
        nodes.add(self.api, made)
        return [node["metadata"]["name"] for node in made]

    def leave(self, node: str) -> None:
        """The cloud takes a node away."""
        self.api.delete("v1 Node", node)


@contextmanager
def cluster(folder: Path, stack: Stack, *, prometheus: str, metrics: str, pid: int) -> Generator[Cluster]:
    """The stack's first cluster without nodes.

    Its autoscalers ask `prometheus`, a URL, and the process `pid` for what a pod uses; kube-state-metrics answers at
    `metrics`, an address. Raises MissingProgramError.
    """
    (name, objects), *_ = stack.objects.items()
    with ExitStack() as running:
        plane = running.enter_context(control_plane(folder))
        _define(plane.api)
        running.enter_context(_kube_state_metrics(plane, stack, metrics))
        running.enter_context(keda(plane))
        running.enter_context(resource_metrics(plane, pid))
        for document in filter(_of_service, objects):
            plane.api.apply(asking(document, "prometheus", serverAddress=prometheus))
        yield Cluster(api=plane.api, pools=nodes.pools(stack.plan, name))


def _define(api: Api) -> None:
    """What KEDA's objects are."""
    wanted = [each for each in custom_resources.definitions() if each["spec"]["group"].endswith("keda.sh")]
    for each in wanted:
        api.apply(each)
    names = [each["metadata"]["name"] for each in wanted]
    until(lambda: all(condition(api.get(DEFINITION, name), "Established") for name in names), "KEDA's definitions")


def _of_service(document: Mapping[str, Any]) -> bool:
    metadata = document["metadata"]
    is_service = NAMESPACE in (metadata["name"], metadata.get("namespace"))
    return document["kind"] in KINDS and is_service and metadata["name"] != WORKER


def _kube_state_metrics(plane: ControlPlane, stack: Stack, address: str) -> Process:
    """With every right, and the arguments that the chart makes of its values.

    https://github.com/prometheus-community/helm-charts/blob/main/charts/kube-state-metrics/templates/deployment.yaml
    """
    host, port = address.split(":")
    options = {
        "kubeconfig": plane.kubeconfig,
        "host": host,
        "port": port,
        "telemetry-host": HOST,
        "telemetry-port": free_port(),
        "metric-labels-allowlist": ",".join(_told_of(stack)),
    }
    command = [program("kube-state-metrics"), *(f"--{key}={value}" for key, value in options.items())]
    return Process("kube-state-metrics", command, plane.folder)


def _told_of(stack: Stack) -> Iterator[str]:
    (name, *_) = stack.objects
    chart = stack.plan.one(RELEASE, f"{name}-prometheus").inputs["values"]
    yield from chart["kube-state-metrics"]["metricLabelsAllowlist"]
