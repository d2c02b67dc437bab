"""A stack's server under load, with its autoscaler, Prometheus and KEDA, on a real control plane.

Nothing here writes replicas or metrics. What is not real: the pods, of which one server on loopback stands for all, and
metrics-server, in whose place `resource_metrics` tells what that server uses.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference_app.process import ServerProcess
from tests.cluster import nodes
from tests.cluster.control_plane import ControlPlane
from tests.cluster.keda import asking
from tests.cluster.objects import applied
from tests.cluster.replicas import Replicas
from tests.cluster.served import NAMESPACE, SERVER, forget
from tests.cluster.stacks import ROOT, Stack, shipped
from tests.drills import versions
from tests.drills.client import Load, Outcome
from tests.monitoring.prometheus import Prometheus, Target
from tests.processes import until

MODELS = ROOT / "inference_app" / "model_repository"
LOAD = 100.0
PERIOD = 15
"""Seconds between two scrapes, and between two looks of Kubernetes at an autoscaler's metrics."""

SCALED_OBJECT = "keda.sh/v1alpha1 ScaledObject"


@dataclass(frozen=True, kw_only=True)
class Running:
    """A stack's server with its autoscaler, on nodes that have room for all replicas."""

    plane: ControlPlane
    server: ServerProcess
    prometheus: Prometheus
    replicas: Replicas

    def load(self, rate: float = LOAD) -> Load:
        """Predictions at a rate per second."""
        return Load(self.server.url(), versions.questions(versions.found(MODELS)), rate=rate)

    def reach(self, count: int, seconds: float) -> float:
        """Wait for a number of replicas; when it was set, in seconds from the start of the watch."""
        until(lambda: self.replicas.now == count, f"{count} replicas", seconds)
        return self.replicas.changes[-1].seconds

    def stay(self, seconds: float) -> list[int]:
        """Changes of the replicas during so many seconds."""
        begun = self.replicas.seconds
        until(lambda: self.replicas.seconds > begun + seconds, "time", seconds + 5)
        return self.replicas.since(begun)


def scaled(
    stack: Stack, plane: ControlPlane, server: ServerProcess, folder: Path, without: Sequence[str] = ()
) -> Generator[Running]:
    """The server's namespace of `stack`, whose autoscaler asks a Prometheus that has not started."""
    objects = stack.objects["eks"]
    monitor = next(each for each in objects if each["kind"] == "ServiceMonitor")
    prometheus = Prometheus(folder, [Target(address=server.url().removeprefix("http://"))], monitor)
    left_out = ("ExternalSecret", "SecretStore", *without)
    present = [each for each in objects if in_namespace(each) and each["kind"] not in left_out]
    wanted = [asking(each, "prometheus", serverAddress=prometheus.url) for each in present]
    spot = nodes.pools(stack.plan, "eks")["spot"]
    with ExitStack() as running:
        nodes.add(plane.api, [spot.node(f"spot-{number}") for number in range(8)])
        running.callback(forget, plane.api, "v1 Node")
        replicas = running.enter_context(Replicas(plane.api, NAMESPACE, SERVER))
        running.enter_context(applied(plane.api, wanted))
        yield Running(plane=plane, server=server, prometheus=prometheus, replicas=replicas)


def in_namespace(document: Mapping[str, Any]) -> bool:
    metadata = document["metadata"]
    return metadata.get("namespace") == NAMESPACE or (document["kind"], metadata["name"]) == ("Namespace", NAMESPACE)


def stack(
    replicas: Mapping[str, Any],
    autoscaling: Mapping[str, Any],
    serving: Mapping[str, Any] | None = None,
    **blocks: Mapping[str, Any],
) -> Stack:
    """Prod with these replicas and this autoscaling, around the clock where nothing else is said."""
    asked = {"queueTimeMs": None, "requestsPerSecond": None, **autoscaling}
    always = {"minOutsideOfficeHours": None, **replicas}
    return shipped("prod", {"serving": {"replicas": always, "autoscaling": asked, **(serving or {})}, **blocks})


def failed(load: Load) -> list[Outcome]:
    """What did not get the right answer, and what it got."""
    return [each.outcome for each in load.requests if each.outcome is not Outcome.ANSWERED]
