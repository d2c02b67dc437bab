"""The model server on one cluster: Deployment, Service, autoscaler and what protects them."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import PodSpecArgsDict, ServicePortArgsDict, ServiceSpecArgsDict
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from inference_app.contract import GRPC_PORT
from infra.clusters.cluster import Access, Cluster, Identity, ServiceAccount
from infra.endpoint import Endpoint, EndpointKind
from infra.serving import network_policy, pod
from infra.serving.autoscaling import AutoscalerArgs, autoscaler
from infra.serving.storage import ModelClaim, ModelClaimArgs, ModelVolume, model_volume
from infra.settings.office_hours import OfficeHoursSettings
from infra.settings.served import ModelSettings
from infra.settings.serving import ROLLOUT_SURGE, Exposure, ServingSettings

APP = "model-server"
LABELS = {"app.kubernetes.io/name": APP}
"""What the Service, the policies and the monitoring select the server's pods by."""

# A spot node's boot and the CUDA image's pull come before the first pod is ready.
ROLLOUT_SECONDS = 25 * 60
ROLLOUT_TIMEOUT = f"{ROLLOUT_SECONDS // 60}m"


@dataclass(frozen=True, kw_only=True)
class ModelServerArgs:
    """`image` is a reference by digest; pods of `scrapers`' namespaces may read the metrics.

    `namespace` brings the settings' namespace; `after` what the pods need, KEDA too where `needs_keda` says so.
    `prometheus` is the URL that KEDA asks; `secret` the name of the Secret with the server's secret variables.
    """

    model: ModelSettings
    settings: ServingSettings
    cluster: Cluster
    image: pulumi.Input[str]
    namespace: pulumi.Resource
    office_hours: OfficeHoursSettings | None = None
    prometheus: str | None = None
    secret: str | None = None
    scrapers: Sequence[str] = ()
    after: Sequence[pulumi.Resource] = ()


class ModelServer(pulumi.ComponentResource):
    """Serves one model behind one URL."""

    url: pulumi.Output[str]
    endpoint: Endpoint
    labels = LABELS
    port_name = pod.PORT_NAME

    def __init__(self, name: str, args: ModelServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:serving:ModelServer", name, None, opts)
        self._name, self._args = name, args
        self.namespace = args.settings.namespace
        self.execution_provider = pod.execution_provider(args.settings)
        rests = args.office_hours and args.settings.replicas.min_outside_office_hours == 0
        self.rests_as = APP if rests else None
        self._child = pulumi.ResourceOptions(parent=self, depends_on=[args.namespace])
        self._guard()
        self._identity = self._access()
        self._rollout = pulumi.ResourceOptions(
            parent=self,
            depends_on=[args.namespace, *args.cluster.ready, *args.after, *self._identity.after],
            custom_timeouts=pulumi.CustomTimeouts(create=ROLLOUT_TIMEOUT, update=ROLLOUT_TIMEOUT),
        )
        self._autoscaler(self._deployment())
        # Beside the Deployment, not after it: a load balancer takes minutes, and so does a GPU node.
        service = kubernetes.core.v1.Service(
            name,
            metadata=self._service_metadata(),
            spec=self._service_spec(),
            opts=self._rollout,
        )
        self.url = service_url(service, args.settings)
        self.endpoint = Endpoint(kind=EndpointKind.HTTP, address=self.url, model=args.model.name)
        self.register_outputs({"url": self.url})

    def _guard(self) -> None:
        """The network policy and the disruption budget."""
        settings = self._args.settings
        networks = [self._args.cluster.network_cidr] if settings.exposure is Exposure.NETWORK else []
        namespaces = [self.namespace, *settings.client_namespaces, *self._args.scrapers]
        clients = network_policy.clients(namespaces, networks)
        collector = settings.tracing.collector if settings.tracing else None
        ways = network_policy.ways_out(collector, self._args.model.source)
        kubernetes.networking.v1.NetworkPolicy(
            self._name,
            metadata=self._metadata(),
            spec=network_policy.spec(LABELS, pod.ports(settings).values(), clients, ways),
            opts=self._child,
        )
        kubernetes.policy.v1.PodDisruptionBudget(
            self._name,
            metadata=self._metadata(),
            spec={
                "selector": {"match_labels": LABELS},
                "max_unavailable": 1,
                # A pod that is not ready protects nobody, and must not keep a node from being drained.
                "unhealthy_pod_eviction_policy": "AlwaysAllow",
            },
            opts=self._child,
        )

    def _deployment(self) -> kubernetes.apps.v1.Deployment:
        return kubernetes.apps.v1.Deployment(
            self._name,
            metadata=self._metadata(),
            # No `replicas`: the autoscaler owns the number, and an `up` must not fight it.
            spec={
                "selector": {"match_labels": LABELS},
                "strategy": {
                    "type": "RollingUpdate",
                    "rolling_update": {"max_surge": ROLLOUT_SURGE, "max_unavailable": 0},
                },
                "min_ready_seconds": 5,
                "progress_deadline_seconds": ROLLOUT_SECONDS,
                "revision_history_limit": 5,
                "template": {
                    "metadata": {
                        "labels": {**LABELS, **self._identity.pod_labels},
                        "annotations": self._args.cluster.loading_annotations,
                    },
                    "spec": self._pod_spec(),
                },
            },
            opts=self._rollout,
        )

    def _autoscaler(self, deployment: kubernetes.apps.v1.Deployment) -> None:
        args = AutoscalerArgs(
            settings=self._args.settings,
            deployment=APP,
            metadata=self._metadata(),
            office_hours=self._args.office_hours,
            prometheus=self._args.prometheus,
        )
        autoscaler(self._name, args, pulumi.ResourceOptions(parent=self, depends_on=[deployment]))

    def _access(self) -> Identity:
        """What lets the pods read their models' source."""
        source = self._args.model.source
        if source is None or not source.reads:
            return Identity()
        account = ServiceAccount(namespace=self.namespace, name=APP)
        return self._args.cluster.identity(self._name, account, Access(reads=source.reads))

    def _models(self) -> ModelVolume | None:
        source = self._args.model.source
        if source is None:
            return None
        if not (source.size or source.nfs):
            return model_volume(source)
        args = ModelClaimArgs(source=source, cluster=self._args.cluster, namespace=self.namespace, labels=LABELS)
        return model_volume(source, ModelClaim(f"{self._name}-models", args, self._child).claim)

    def _pod_spec(self) -> PodSpecArgsDict:
        """The pod, with the configuration and the account that it takes."""
        data = pod.environment(self._args.model, self._args.settings)
        config = kubernetes.core.v1.ConfigMap(
            self._name,
            metadata=self._metadata(pod.config_name(APP, data)),
            data=data,
            immutable=True,
            opts=self._child,
        )
        account = kubernetes.core.v1.ServiceAccount(
            self._name,
            metadata=self._metadata() | {"annotations": self._identity.annotations},
            automount_service_account_token=False,
            opts=self._child,
        )
        return pod.spec(
            pod.PodArgs(
                settings=self._args.settings,
                image=self._args.image,
                config_map=config.metadata.name.apply(str),
                service_account=account.metadata.name.apply(str),
                labels=LABELS,
                scheduling=self._args.cluster,
                secret=self._args.secret,
                models=self._models(),
            )
        )

    def _service_metadata(self) -> ObjectMetaArgsDict:
        if self._args.settings.exposure is Exposure.CLUSTER:
            return self._metadata()
        return self._metadata() | {"annotations": dict(self._args.cluster.internal_load_balancer.annotations)}

    def _service_spec(self) -> ServiceSpecArgsDict:
        spec: ServiceSpecArgsDict = {"selector": LABELS, "ports": service_ports(self._args.settings)}
        if self._args.settings.exposure is Exposure.CLUSTER:
            return spec | {"type": "ClusterIP"}
        balancer = self._args.cluster.internal_load_balancer
        return spec | {
            "type": "LoadBalancer",
            "load_balancer_class": balancer.load_balancer_class,
            "external_traffic_policy": balancer.external_traffic_policy,
        }

    def _metadata(self, object_name: str = APP) -> ObjectMetaArgsDict:
        return {"name": object_name, "namespace": self.namespace, "labels": LABELS}


def service_ports(settings: ServingSettings) -> list[ServicePortArgsDict]:
    """Port 80 for HTTP, and for gRPC, where it is on, the port that the server itself has."""
    http: ServicePortArgsDict = {"name": pod.PORT_NAME, "port": 80, "target_port": pod.PORT_NAME}
    grpc: ServicePortArgsDict = {
        "name": pod.GRPC_PORT_NAME,
        "port": GRPC_PORT,
        "target_port": pod.GRPC_PORT_NAME,
        # So that gateways and meshes spread calls, not connections
        # (https://gateway-api.sigs.k8s.io/guides/user-guides/backend-protocol/).
        "app_protocol": "kubernetes.io/h2c",
    }
    return [http, grpc] if settings.grpc else [http]


def service_url(service: kubernetes.core.v1.Service, settings: ServingSettings) -> pulumi.Output[str]:
    """Where clients find the server: the load balancer's host, or the Service's name inside the cluster."""
    if settings.exposure is Exposure.CLUSTER:
        return pulumi.Output.concat("http://", service.metadata.name, ".", settings.namespace, ".svc")
    ingress = service.status.load_balancer.ingress[0]
    return pulumi.Output.concat("http://", ingress.apply(lambda entry: entry.hostname or entry.ip))
