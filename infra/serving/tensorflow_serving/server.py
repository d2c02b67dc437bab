"""TensorFlow Serving on one cluster: Deployment, Service, autoscaler and what protects them."""

from dataclasses import replace

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import PodSpecArgsDict
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from infra.endpoint import Endpoint, EndpointKind
from infra.namespaces.limits import Limits
from infra.pods.configuration import config_map
from infra.serving import pod
from infra.serving.account import service_account
from infra.serving.autoscaling import AutoscalerArgs, autoscaler
from infra.serving.deployment import deployment_spec
from infra.serving.guard import guard_network, guard_pods
from infra.serving.limits import serving_limits
from infra.serving.runtime import RuntimeArgs
from infra.serving.service import make_service, url, with_ports
from infra.serving.tensorflow_serving import config
from infra.serving.tensorflow_serving.config import GRPC_PORT
from infra.serving.tensorflow_serving.pod import PORTS, TensorFlowServingPodArgs, pod_spec
from infra.serving.tensorflow_serving.queries import requests_per_second
from infra.serving.tensorflow_serving.route import route_spec
from infra.settings.serving import ServingSettings
from infra.settings.source import SourceSettings

APP = "tensorflow-serving"
LABELS = {"app.kubernetes.io/name": APP}
"""What the Service, the policies and the monitoring select its pods by."""


class TensorFlowServing(pulumi.ComponentResource):
    """Serves SavedModels over TensorFlow Serving's own REST and gRPC."""

    url: pulumi.Output[str]
    endpoint: Endpoint
    labels = LABELS
    deployment = APP
    port_name = pod.PORT_NAME

    def __init__(self, name: str, args: RuntimeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:serving:TensorFlowServing", name, None, opts)
        if args.settings.tensor_flow_serving is None or args.model.source is None:
            raise ValueError("TensorFlow Serving needs its own settings, and models from outside the image")
        self._name, self._args = name, args
        self._runtime, self._pulls = args.settings.tensor_flow_serving, args.model.source.url is not None
        self.namespace = args.settings.namespace
        self.rests = args.rests
        self._child = pulumi.ResourceOptions(parent=self, depends_on=[args.namespace])
        self._guard()
        self._identity = args.reader(name, APP)
        self._rollout = args.rollout(self, self._identity)
        account = service_account(name, self._metadata(), self._identity, self._child)
        self._runs_as = account.metadata.name.apply(str)
        self._models = args.volume(name, LABELS, self._child)
        self.url = args.delivered_url(f"{APP}.{self.namespace}.svc") if args.delivered else self._entrance()
        self.endpoint = Endpoint(kind=EndpointKind.TENSORFLOW_SERVING, address=self.url, model=args.model.name)
        self.register_outputs({"url": self.url})

    def _guard(self) -> None:
        """The network policy and the disruption budget.

        Its gRPC port takes new model configurations from whoever reaches it, so nobody but the clients may.
        """
        network = self._args.network(LABELS, PORTS.values())
        guard_network(self._name, self._metadata(), network, self._child)
        guard_pods(self._name, self._metadata(), LABELS, self._child)

    def _deployment(self) -> kubernetes.apps.v1.Deployment:
        return kubernetes.apps.v1.Deployment(
            self._name,
            metadata=self._metadata(),
            spec=deployment_spec(LABELS, self._identity, self._args.cluster, self._pod_spec()),
            opts=self._rollout,
        )

    def _autoscaler(self, deployment: kubernetes.apps.v1.Deployment) -> None:
        args = AutoscalerArgs(
            settings=self._args.settings,
            deployment=APP,
            metadata=self._metadata(),
            office_hours=self._args.office_hours,
            prometheus=self._args.prometheus,
            requests=requests_per_second,
        )
        autoscaler(self._name, args, pulumi.ResourceOptions(parent=self, depends_on=[deployment]))

    def _entrance(self) -> pulumi.Output[str]:
        """The servers, the way to them, and the URL."""
        parent, deployment = self._args.parent, self._deployment()
        self._autoscaler(deployment)
        # Beside the Deployment, not after it: a load balancer takes minutes, and so does a GPU node.
        service = make_service(
            self._name, self._metadata(), with_ports(LABELS, GRPC_PORT), self._args.balancer, self._rollout
        )
        if parent is None:
            return url(service, self.namespace, self._args.balancer)
        kubernetes.apiextensions.CustomResource(
            self._name,
            api_version="gateway.networking.k8s.io/v1",
            kind="HTTPRoute",
            metadata=self._metadata(),
            spec=route_spec(APP, parent),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[deployment, service, *parent.after]),
        )
        return pulumi.Output.from_input(parent.url)

    def _pod_spec(self) -> PodSpecArgsDict:
        args = self._args
        pulled = pod.PodArgs(
            settings=args.settings,
            image=args.image,
            config_map=self._config("pull", pod.environment(args.model, args.settings)) if self._pulls else "",
            service_account=self._runs_as,
            labels=LABELS,
            scheduling=args.cluster,
            secret=args.secret,
            models=self._models,
        )
        return pod_spec(
            TensorFlowServingPodArgs(
                pod=pulled,
                model=args.model,
                image=self._runtime.image,
                files=self._config("config", config.files(args.model, self._runtime)),
                gpu_time_slices=args.cluster.gpu_time_slices,
            )
        )

    def _config(self, what: str, data: dict[str, str]) -> pulumi.Output[str]:
        return config_map(f"{self._name}-{what}", self._metadata(), f"{APP}-{what}", data, self._child)

    def _metadata(self) -> ObjectMetaArgsDict:
        return {"name": APP, "namespace": self.namespace, "labels": LABELS}


def tensorflow_serving_limits(settings: ServingSettings, source: SourceSettings) -> Limits:
    """The namespace's room: the model server's, and a node port for each of the two ports that are always there."""
    limits = serving_limits(settings, source)
    return replace(limits, node_ports=len(PORTS) * limits.load_balancers)
