"""The model on one cluster, run by KServe: an InferenceService, and what KServe makes none of."""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from inference_app.contract import PORT
from infra.endpoint import Endpoint, EndpointKind
from infra.pods.configuration import config_map
from infra.serving import pod, service
from infra.serving.account import service_account
from infra.serving.autoscaling import AutoscalerArgs, autoscaler
from infra.serving.guard import guard_pods
from infra.serving.kserve import inference_service, network
from infra.serving.kserve.inference_service import APP, PREDICTOR, TRANSFORMER, ServiceArgs
from infra.serving.runtime import RuntimeArgs
from infra.serving.track import LABELS, tracks
from infra.serving.traffic import gateway_api
from infra.serving.traffic.split import Split
from infra.settings.kserve import DeploymentMode, KServeSettings
from infra.settings.serving import ServingSettings

METRICS = f"{APP}-metrics"


class KServeRuntime(pulumi.ComponentResource):
    """Serves one model behind one URL, in pods that KServe makes."""

    url: pulumi.Output[str]
    endpoint: Endpoint
    labels = LABELS
    port_name = pod.PORT_NAME
    tracks: Mapping[str, str | None] = {}

    def __init__(self, name: str, args: RuntimeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:serving:KServeRuntime", name, None, opts)
        self._name, self._args = name, args
        self.namespace = args.settings.namespace
        self._kserve = args.settings.kserve or KServeSettings()
        self._is_knative = self._kserve.deployment_mode is DeploymentMode.KNATIVE
        self._entry = TRANSFORMER if self._kserve.transformer else PREDICTOR
        self.execution_provider = pod.execution_provider(self._settings_of(self._entry))
        self.rests_as = inference_service.object_name(PREDICTOR) if args.rests and self._entry == PREDICTOR else None
        self._child = pulumi.ResourceOptions(parent=self, depends_on=[args.namespace])
        self._guard()
        self._identity = args.reader(name, APP)
        account = service_account(name, self._metadata(), self._identity, self._child)
        self._runs_as = account.metadata.name.apply(str)
        self._models = args.volume(name, LABELS, self._child)
        self.url = args.delivered_url(self._host) if args.delivered else self._entrance(self._inference_service())
        self.endpoint = Endpoint(kind=EndpointKind.HTTP, address=self.url, model=args.model.name)
        self.register_outputs({"url": self.url})

    @property
    def _host(self) -> str:
        """What answers inside the cluster: Knative's ingress, or the Service that clients know."""
        if self._is_knative:
            return f"{inference_service.object_name(PREDICTOR)}.{self.namespace}.svc.cluster.local"
        return f"{APP}.{self.namespace}.svc"

    def _guard(self) -> None:
        entry = self._args.network(inference_service.labels(self._entry), pod.ports(self._args.settings).values())
        for component, spec in network.specs(entry, self._kserve).items():
            name, metadata = f"{self._name}-{component}", self._metadata(inference_service.object_name(component))
            kubernetes.networking.v1.NetworkPolicy(name, metadata=metadata, spec=spec, opts=self._child)
            guard_pods(name, metadata, inference_service.labels(component), self._child)

    def _inference_service(self) -> kubernetes.apiextensions.CustomResource:
        args, made = self._args, self._pods()
        described = ServiceArgs(
            model=args.model,
            settings=args.settings,
            predictor=made[PREDICTOR],
            transformer=made.get(TRANSFORMER),
            pod_labels=self._identity.pod_labels,
            annotations=args.cluster.loading_annotations,
        )
        return kubernetes.apiextensions.CustomResource(
            self._name,
            api_version="serving.kserve.io/v1beta1",
            kind="InferenceService",
            # Without the labels of ours, which KServe would give to its Services: Prometheus would find pods twice.
            metadata={
                "name": APP,
                "namespace": self.namespace,
                "annotations": inference_service.annotations(described),
            },
            spec=inference_service.spec(described),
            opts=args.rollout(self, self._identity),
        )

    def _pods(self) -> Mapping[str, pod.PodArgs]:
        """What runs in each component's pods."""
        components = [PREDICTOR, TRANSFORMER] if self._kserve.transformer else [PREDICTOR]
        return {component: self._pod(component) for component in components}

    def _pod(self, component: str) -> pod.PodArgs:
        settings, name = self._settings_of(component), inference_service.object_name(component)
        data = inference_service.environment(self._args.model, settings, self._args.latency_target_ms)
        config = config_map(f"{self._name}-{component}", self._metadata(), name, data, self._child)
        return pod.PodArgs(
            settings=settings,
            image=self._args.image,
            config_map=config,
            service_account=self._runs_as,
            labels=inference_service.labels(component),
            scheduling=self._args.cluster,
            secret=self._args.secret,
            models=self._models,
        )

    def _settings_of(self, component: str) -> ServingSettings:
        """A transformer runs no model, so it has no GPU, and one process waits for the predictor as well as several."""
        if component == PREDICTOR:
            return self._args.settings
        without = {"gpus": 0, "gpu_memory_limit_mib": None, "cuda_graphs": False, "workers": 1}
        return self._args.settings.model_copy(update=without)

    def _entrance(self, made: pulumi.Resource) -> pulumi.Output[str]:
        """The URL, and what follows the InferenceService: the Service, its route, and the predictor's autoscaler."""
        args = self._args
        after = pulumi.ResourceOptions(parent=self, depends_on=[made, *(args.parent.after if args.parent else [])])
        found = self._service(after)
        if self._is_knative:
            return pulumi.Output.from_input(f"http://{self._host}")
        self._autoscaler(after)
        if args.parent:
            split = Split(settings=args.settings, tracks=tracks(args.model, args.settings, args.image))
            gateway_api.share_out(self._name, split, args.parent, after)
            return pulumi.Output.from_input(args.parent.url)
        return service.url(found, self.namespace, self._args.balancer)

    def _service(self, after: pulumi.ResourceOptions) -> kubernetes.core.v1.Service:
        """The Service that clients know, whoever runs the model; in Knative, whose ingress has the URL, for metrics."""
        metadata = self._metadata(METRICS if self._is_knative else APP)
        spec = service.selecting(inference_service.labels(self._entry), self._args.settings)
        if self._is_knative:
            spec = spec | {"ports": [{"name": pod.PORT_NAME, "port": service.HTTP_PORT, "target_port": PORT}]}
        return service.make_service(self._name, metadata, spec, self._args.balancer, after)

    def _autoscaler(self, after: pulumi.ResourceOptions) -> None:
        deployment = inference_service.object_name(PREDICTOR)
        args = AutoscalerArgs(
            settings=self._args.settings,
            deployment=deployment,
            metadata=self._metadata(deployment),
            office_hours=self._args.office_hours,
            prometheus=self._args.prometheus,
        )
        autoscaler(self._name, args, after)

    def _metadata(self, object_name: str = APP) -> ObjectMetaArgsDict:
        return {"name": object_name, "namespace": self.namespace, "labels": LABELS}
