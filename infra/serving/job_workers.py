"""The pods that run jobs of asynchronous inference: the model server's own, without clients."""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import PodSpecArgsDict
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from inference_app.contract import JOBS_OPEN
from infra.pods.configuration import config_map
from infra.serving import guard, job_queue, network_policy, pod
from infra.serving.autoscaling import behavior
from infra.serving.camel_case import camel_case
from infra.serving.deployment import deployment_spec
from infra.serving.runtime import RuntimeArgs
from infra.serving.service import HTTP_PORT
from infra.serving.track import WORKER, WORKER_LABELS
from infra.serving.track_server import SharedByTracks
from infra.settings.asynchronous import AsynchronousSettings
from infra.settings.serving import ServingSettings

COMMAND = ("python", "-m", "inference_app.asynchronous")
FAILURES = 3
"""KEDA's questions in a row without an answer, 15 seconds apart, before it stops to follow the queue."""


@dataclass(frozen=True, kw_only=True)
class Workers:
    """Their Service, for who scrapes it."""

    namespace: str
    labels = WORKER_LABELS
    port_name = pod.PORT_NAME


class JobWorkers:
    """Deployment, autoscaler and guards of the workers, beside a model server's tracks; of the stack's own version."""

    def __init__(self, component: str, args: RuntimeArgs, jobs: AsynchronousSettings, shared: SharedByTracks) -> None:
        self._name, self._args, self._jobs, self._shared = f"{component}-worker", args, jobs, shared
        self._settings = args.settings.model_copy(update={"workers": 1, "grpc": False})
        self._guard()
        if not args.delivered:
            self._run()

    def _guard(self) -> None:
        """Nobody but who scrapes reaches them."""
        sources = network_policy.clients(self._args.scrapers, [])
        ways = guard.ways(self._settings, self._args.model.source)
        spec = network_policy.spec(WORKER_LABELS, pod.ports(self._settings).values(), sources, ways)
        kubernetes.networking.v1.NetworkPolicy(self._name, metadata=self._metadata(), spec=spec, opts=self._shared.opts)

    def _run(self) -> None:
        shared = self._shared
        guard.guard_pods(self._name, self._metadata(), WORKER_LABELS, shared.opts)
        deployment = kubernetes.apps.v1.Deployment(
            self._name,
            metadata=self._metadata(),
            spec=deployment_spec(WORKER_LABELS, shared.identity, shared.cluster, self._pod_spec()),
            opts=shared.rollout,
        )
        kubernetes.core.v1.Service(
            self._name,
            metadata=self._metadata(),
            spec={
                "cluster_ip": "None",
                "selector": WORKER_LABELS,
                "ports": [{"name": pod.PORT_NAME, "port": HTTP_PORT, "target_port": pod.PORT_NAME}],
            },
            # There may be no pod behind it, for which `up` would wait.
            opts=pulumi.ResourceOptions.merge(shared.opts, pulumi.ResourceOptions(depends_on=[deployment])),
        )
        kubernetes.apiextensions.CustomResource(
            self._name,
            api_version="keda.sh/v1alpha1",
            kind="ScaledObject",
            metadata=self._metadata(),
            spec=scaled_object_spec(self._settings, self._jobs),
            opts=pulumi.ResourceOptions(parent=shared.opts.parent, depends_on=[deployment]),
        )

    def _pod_spec(self) -> PodSpecArgsDict:
        args, shared = self._args, self._shared
        data = pod.environment(args.model, self._settings)
        return pod.spec(
            pod.PodArgs(
                settings=self._settings,
                image=args.image,
                config_map=config_map(self._name, self._metadata(), WORKER, data, shared.opts),
                service_account=shared.account,
                labels=WORKER_LABELS,
                scheduling=shared.cluster,
                secret=shared.secret,
                models=shared.models,
                command=COMMAND,
            )
        )

    def _metadata(self) -> ObjectMetaArgsDict:
        return {"name": WORKER, "namespace": self._settings.namespace, "labels": WORKER_LABELS}


def scaled_object_spec(settings: ServingSettings, jobs: AsynchronousSettings) -> dict[str, Any]:
    """Follows the jobs that have no answer, in a worker's hands or not, so that none goes while there is work for it.

    https://keda.sh/docs/latest/scalers/redis-lists/, which counts a sorted set's members too.
    """
    least = jobs.replicas.min
    counted = {
        "address": job_queue.address(settings),
        "listName": JOBS_OPEN,
        "listLength": str(jobs.jobs_per_worker),
        "databaseIndex": "0",
    }
    login = {"name": job_queue.login_name(settings), "kind": "ClusterTriggerAuthentication"}
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": WORKER},
        "minReplicaCount": least,
        "maxReplicaCount": jobs.replicas.max,
        # KEDA takes the last pod away itself, without the autoscaler and its quiet time.
        **({"cooldownPeriod": jobs.scale_down_seconds} if least == 0 else {}),
        "fallback": {"failureThreshold": FAILURES, "replicas": max(least, 1), "behavior": "currentReplicasIfHigher"},
        "advanced": {
            "horizontalPodAutoscalerConfig": {"behavior": camel_case(behavior(jobs.scale_down_seconds))},
            "restoreToOriginalReplicaCount": least == 0,
        },
        "triggers": [{"type": "redis", "metadata": counted, "authenticationRef": login}],
    }
