"""The model server's objects on a cluster of simulated nodes."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from infra.clusters.gpu import POOL_LABEL
from tests.cluster import nodes
from tests.cluster.api import Api, RefusedError
from tests.cluster.nodes import Pool
from tests.cluster.objects import applied
from tests.cluster.stacks import Stack
from tests.processes import until

NAMESPACE, SERVER = "serving", "model-server"
SPOT = {"eks": "spot", "aks": "t4spot"}
ON_DEMAND = {"eks": "on-demand", "aks": "t4"}


@dataclass(frozen=True, kw_only=True)
class Served:
    """A cluster with the model server's objects and no nodes yet."""

    api: Api
    cluster: str
    pools: Mapping[str, Pool]

    @property
    def spot(self) -> Pool:
        return self.pools[SPOT[self.cluster]]

    @property
    def on_demand(self) -> Pool:
        return self.pools[ON_DEMAND[self.cluster]]

    def add(self, pool: Pool, *zones: str) -> list[str]:
        """Nodes of a pool, one in each of `zones`; their names."""
        names = [f"{pool.name}-{number}-{zone}" for number, zone in enumerate(zones)]
        nodes.add(self.api, [pool.node(name, zone) for name, zone in zip(names, zones, strict=True)])
        return names

    def scale(self, replicas: int) -> None:
        self.api.patch("apps/v1 Deployment", SERVER, {"spec": {"replicas": replicas}}, NAMESPACE)

    def pods(self) -> list[dict[str, Any]]:
        """The server's pods that nobody has asked to stop."""
        found = self.api.list("v1 Pod", NAMESPACE, f"app.kubernetes.io/name={SERVER}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def running(self, count: int) -> list[dict[str, Any]]:
        """The server's pods once so many run."""

        def found() -> list[dict[str, Any]] | None:
            pods = [pod for pod in self.pods() if pod["status"].get("phase") == "Running"]
            return pods if len(pods) == count else None

        return until(found, f"{count} running pods", 90)

    def waiting(self, count: int) -> list[str]:
        """Why so many pods wait, once the scheduler has said it."""

        def found() -> list[str] | None:
            said = [why for pod in self.pods() if (why := unschedulable(pod))]
            return said if len(said) == count else None

        return until(found, f"{count} pods that wait")

    def pool_of(self, pod: Mapping[str, Any]) -> str:
        node = self.api.get("v1 Node", pod["spec"]["nodeName"])
        return node["metadata"]["labels"][POOL_LABEL]


def unschedulable(pod: Mapping[str, Any]) -> str:
    conditions = pod["status"].get("conditions", [])
    return next((each["message"] for each in conditions if each.get("reason") == "Unschedulable"), "")


def serve(api: Api, stack: Stack, cluster: str) -> Generator[Served]:
    wanted = [each for each in stack.objects[cluster] if of_serving(each)]
    with applied(api, wanted):
        served = Served(api=api, cluster=cluster, pools=nodes.pools(stack.plan, cluster))
        served.scale(0)  # a Deployment that says no number begins with one
        until(lambda: not served.pods(), "Deployment without pods")
        yield served
    forget(api, "v1 Node")


def forget(api: Api, kind: str) -> None:
    """Delete every object of a kind that has no namespace, also where who made it would have a last word."""
    for name in [each["metadata"]["name"] for each in api.list(kind)]:
        try:
            api.patch(kind, name, {"metadata": {"finalizers": None}})
            api.delete(kind, name)
        except RefusedError as refused:
            if refused.status != HTTPStatus.NOT_FOUND:  # one that was on its way out goes with its last finalizer
                raise


def of_serving(document: Mapping[str, Any]) -> bool:
    metadata = document["metadata"]
    owned = NAMESPACE in (metadata.get("namespace"), metadata["name"] if document["kind"] == "Namespace" else "")
    return owned and document["kind"] not in ("ScaledObject", "HorizontalPodAutoscaler", "ExternalSecret")
