"""The model server on one cluster: its tracks, and the one name that clients know."""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as kubernetes

from infra.endpoint import Endpoint, EndpointKind
from infra.serving import pod, service
from infra.serving.account import service_account
from infra.serving.guard import guard_network
from infra.serving.job_workers import JobWorkers
from infra.serving.runtime import RuntimeArgs
from infra.serving.track import APP, LABELS, Track, tracks
from infra.serving.track_server import SharedByTracks, TrackServer
from infra.serving.traffic import blue_green, gateway_api, istio, linkerd
from infra.serving.traffic.split import Split
from infra.settings.rollout import Traffic


class ModelServer(pulumi.ComponentResource):
    """Serves one model behind one URL."""

    url: pulumi.Output[str]
    endpoint: Endpoint
    labels = LABELS
    port_name = pod.PORT_NAME

    def __init__(self, name: str, args: RuntimeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:serving:ModelServer", name, None, opts)
        self._name, self._args = name, args
        self.namespace = args.settings.namespace
        self.execution_provider = pod.execution_provider(args.settings)
        self._split = Split(settings=args.settings, tracks=tracks(args.model, args.settings, args.image))
        self._child = pulumi.ResourceOptions(parent=self, depends_on=[args.namespace])
        self._guard()
        self._shared = self._shared_by_tracks()
        if args.settings.asynchronous:
            JobWorkers(name, args, args.settings.asynchronous, self._shared)
        self.url = args.delivered_url(f"{APP}.{self.namespace}.svc") if args.delivered else self._entrance()
        self.endpoint = Endpoint(kind=EndpointKind.HTTP, address=self.url, model=args.model.name)
        self.register_outputs({"url": self.url})

    @property
    def rests_as(self) -> str | None:
        """The Deployment whose pods may all be gone for a time; None where some stay, or tracks speak for theirs."""
        return None if self._args.settings.rollout else self._resting(self._split.tracks[0])

    @property
    def tracks(self) -> Mapping[str, str | None]:
        """By name of track its Deployment, if its pods may all be gone for a time; empty without a rollout."""
        return {track.name: self._resting(track) for track in self._split.tracks if track.name}

    def _resting(self, track: Track) -> str | None:
        rests = self._args.office_hours and track.settings.replicas.min_outside_office_hours == 0
        return track.object_name if rests else None

    def _guard(self) -> None:
        network = self._args.network(LABELS, pod.ports(self._args.settings).values())
        guard_network(self._name, self._split.metadata(), network, self._child)

    def _shared_by_tracks(self) -> SharedByTracks:
        args = self._args
        identity = args.reader(self._name, APP)
        account = service_account(self._name, self._split.metadata(), identity, self._child)
        return SharedByTracks(
            cluster=args.cluster,
            account=account.metadata.name.apply(str),
            identity=identity,
            models=args.volume(self._name, LABELS, self._child),
            secret=args.secret,
            office_hours=args.office_hours,
            prometheus=args.prometheus,
            latency_target_ms=args.latency_target_ms,
            balancer=None if args.settings.rollout else args.balancer,
            opts=self._child,
            rollout=args.rollout(self, identity),
        )

    def _entrance(self) -> pulumi.Output[str]:
        """The tracks, what shares requests out once every one is ready, and the URL."""
        settings, parent = self._args.settings, self._args.parent
        servers = [TrackServer(self._name, track, self._shared) for track in self._split.tracks]
        ready = [resource for server in servers for resource in (server.deployment, server.service)]
        after = pulumi.ResourceOptions(parent=self, depends_on=[*ready, *(parent.after if parent else [])])
        if parent:
            gateway_api.share_out(self._name, self._split, parent, after)
            return pulumi.Output.from_input(parent.url)
        if settings.rollout is None:
            return service.url(servers[0].service, self.namespace, self._args.balancer)
        return service.url(self._root(settings.rollout.traffic, after), self.namespace, self._args.balancer)

    def _root(self, traffic: Traffic, after: pulumi.ResourceOptions) -> kubernetes.core.v1.Service:
        """The Service whose requests are shared out; Istio and Linkerd do that on their way to it."""
        if traffic is Traffic.BLUE_GREEN:
            return self._service(blue_green.live_labels(self._split), after)
        if traffic is Traffic.GATEWAY_API:
            raise ValueError("a rollout by gateway-api needs the gateway that its route hangs on")
        share_out = istio.share_out if traffic is Traffic.ISTIO else linkerd.share_out
        share_out(self._name, self._split, after)
        return self._service(LABELS, self._shared.rollout)

    def _service(self, selector: Mapping[str, str], opts: pulumi.ResourceOptions) -> kubernetes.core.v1.Service:
        spec = service.selecting(selector, self._args.settings)
        return service.make_service(self._name, self._split.metadata(), spec, self._args.balancer, opts)
