"""What each track has of its own: Deployment, configuration, autoscaler, disruption budget and Service."""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import PodSpecArgsDict
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from infra.clusters.cluster import Cluster, Identity, InternalLoadBalancer
from infra.pods.configuration import config_map
from infra.serving import pod
from infra.serving.autoscaling import AutoscalerArgs, autoscaler
from infra.serving.deployment import deployment_spec
from infra.serving.guard import guard_pods
from infra.serving.service import make_service, selecting
from infra.serving.storage import ModelVolume
from infra.serving.track import Track
from infra.settings.office_hours import OfficeHoursSettings


@dataclass(frozen=True, kw_only=True)
class SharedByTracks:
    """What all tracks run with; `account` names the one with `identity`, and `balancer` is for their own Services.

    `opts` are those of every object, `rollout` those of what waits for nodes.
    """

    cluster: Cluster
    account: pulumi.Input[str]
    identity: Identity
    models: ModelVolume | None
    secret: str | None
    office_hours: OfficeHoursSettings | None
    prometheus: str | None
    latency_target_ms: float | None
    balancer: InternalLoadBalancer | None
    opts: pulumi.ResourceOptions
    rollout: pulumi.ResourceOptions


class TrackServer:
    """The pods of one track, and the Service that finds them and no others."""

    deployment: kubernetes.apps.v1.Deployment
    service: kubernetes.core.v1.Service

    def __init__(self, component: str, track: Track, shared: SharedByTracks) -> None:
        self._name, self._track, self._shared = track.logical_name(component), track, shared
        guard_pods(self._name, self._metadata(), track.labels, shared.opts)
        self.deployment = kubernetes.apps.v1.Deployment(
            self._name,
            metadata=self._metadata(),
            spec=deployment_spec(track.labels, shared.identity, shared.cluster, self._pod_spec()),
            opts=shared.rollout,
        )
        self._autoscaler()
        # Beside the Deployment, not after it: a load balancer takes minutes, and so does a GPU node.
        self.service = make_service(
            self._name, self._metadata(), selecting(track.labels, track.settings), shared.balancer, shared.rollout
        )

    def _autoscaler(self) -> None:
        args = AutoscalerArgs(
            settings=self._track.settings,
            deployment=self._track.object_name,
            track=self._track.name,
            metadata=self._metadata(),
            office_hours=self._shared.office_hours,
            prometheus=self._shared.prometheus,
        )
        opts = pulumi.ResourceOptions(parent=self._shared.opts.parent, depends_on=[self.deployment])
        autoscaler(self._name, args, opts)

    def _pod_spec(self) -> PodSpecArgsDict:
        track, shared = self._track, self._shared
        data = pod.environment(track.model, track.settings, shared.latency_target_ms)
        config = config_map(self._name, self._metadata(), track.object_name, data, shared.opts)
        return pod.spec(
            pod.PodArgs(
                settings=track.settings,
                image=track.image,
                config_map=config,
                service_account=shared.account,
                labels=track.labels,
                scheduling=shared.cluster,
                secret=shared.secret,
                models=shared.models,
            )
        )

    def _metadata(self) -> ObjectMetaArgsDict:
        track = self._track
        return {"name": track.object_name, "namespace": track.settings.namespace, "labels": track.labels}
