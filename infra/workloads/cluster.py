"""What runs on every cluster of a stack, whichever cloud runs the cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from infra.addons import external_secrets, trivy_operator
from infra.addons.external_secrets import ExternalSecrets, ExternalSecretsArgs
from infra.addons.falco import Falco, FalcoArgs
from infra.addons.gpu_operator import GpuOperator, GpuOperatorArgs
from infra.addons.keda import Keda, KedaArgs
from infra.addons.trivy_operator import TrivyOperator, TrivyOperatorArgs
from infra.clusters.cluster import Access, Cluster
from infra.endpoint import Endpoint
from infra.monitoring import prometheus
from infra.monitoring.prometheus import Prometheus, PrometheusArgs
from infra.monitoring.service import ServiceMonitoring, ServiceMonitoringArgs
from infra.namespaces.workload_namespace import WorkloadNamespace, WorkloadNamespaceArgs
from infra.serving.autoscaling import needs_keda
from infra.serving.limits import serving_limits
from infra.serving.model_server import APP, ModelServer, ModelServerArgs
from infra.serving.secrets import ServerSecrets, ServerSecretsArgs, store_for
from infra.settings import StackSettings
from infra.settings.access import AccessSettings
from infra.settings.mlflow import MlflowSettings
from infra.settings.served import ModelSettings
from infra.settings.serving import ServingSettings
from infra.settings.training import TrainingSettings
from infra.stack_images import Images
from infra.training import job, mlflow
from infra.training.job import TrainingJob, TrainingJobArgs
from infra.training.limits import mlflow_limits, training_limits
from infra.training.mlflow import Mlflow, MlflowArgs


@dataclass(frozen=True, kw_only=True)
class Workloads:
    """What a cluster got, for whatever else is to run there, and where it serves the model, by name."""

    addons: Sequence[pulumi.Resource]
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict[str, Endpoint])


def run_on(cluster: Cluster, settings: StackSettings, images: Images) -> Workloads:
    """Put add-ons, monitoring, the model server, its training and MLflow on `cluster`, as the settings say."""
    return _OneCluster(cluster, settings).run(images)


class _OneCluster:
    def __init__(self, cluster: Cluster, settings: StackSettings) -> None:
        self._cluster, self._settings = cluster, settings
        self._mirror = settings.charts.mirror
        self._scraper = prometheus.NAMESPACE if settings.monitoring else None

    def run(self, images: Images) -> Workloads:
        settings = self._settings
        gpus = [] if self._cluster.has_gpu_operator else [self._gpu_operator()]
        seen = self._prometheus()
        self._watched(seen)
        tracking = self._mlflow(settings.mlflow).tracking if settings.mlflow else None
        if settings.training and images.training:
            self._training(settings.training, images.training, tracking, gpus)
        addons = [*gpus, *seen]
        if not (settings.model and settings.serving and images.model):
            return Workloads(addons=addons)
        server = self._model_server(settings.model, settings.serving, images.model, gpus)
        if settings.monitoring:
            args = ServiceMonitoringArgs(
                objectives=settings.monitoring.objectives, service=server, namespace=prometheus.NAMESPACE, after=seen
            )
            ServiceMonitoring(self._name("model-server-monitoring"), args, self._on())
        return Workloads(addons=addons, endpoints={self._cluster.name: server.endpoint})

    def _gpu_operator(self) -> GpuOperator:
        args = GpuOperatorArgs(
            time_slices=self._cluster.gpu_time_slices,
            taints=self._cluster.gpu_taints,
            runtime_class=self._cluster.gpu_runtime_class,
            chart_mirror=self._mirror,
        )
        return GpuOperator(self._name("gpu-operator"), args, self._on())

    def _prometheus(self) -> Sequence[Prometheus]:
        monitoring = self._settings.monitoring
        if not monitoring:
            return []
        args = PrometheusArgs(settings=monitoring, storage_class=self._cluster.storage_class, chart_mirror=self._mirror)
        found = Prometheus(self._name("prometheus"), args, self._on())
        pulumi.export(self._name("grafana"), found.grafana)
        return [found]

    def _watched(self, seen: Sequence[pulumi.Resource]) -> None:
        """Who looks for intruders and for vulnerable images."""
        security = self._settings.security
        if security and security.falco:
            falco = FalcoArgs(settings=security.falco, scraper=self._scraper, chart_mirror=self._mirror, after=seen)
            Falco(self._name("falco"), falco, self._on())
        if security and security.trivy:
            name = self._name("trivy-operator")
            trivy = TrivyOperatorArgs(
                settings=security.trivy,
                namespaces=self._namespaces(),
                identity=self._cluster.identity(name, trivy_operator.ACCOUNT, Access(images=True)),
                scraper=self._scraper,
                chart_mirror=self._mirror,
                after=seen,
            )
            TrivyOperator(name, trivy, self._on())

    def _namespaces(self) -> Sequence[str]:
        """Those whose images are the stack's choice."""
        settings = self._settings
        own = [settings.serving.namespace] if settings.serving else []
        trained = [job.NAMESPACE] if settings.training else []
        return [*own, *trained, *([mlflow.NAMESPACE] if settings.mlflow else [])]

    def _mlflow(self, settings: MlflowSettings) -> Mlflow:
        name = self._name("mlflow")
        namespace = WorkloadNamespaceArgs(
            namespace=mlflow.NAMESPACE,
            limits=mlflow_limits(settings),
            access=AccessSettings(),
            protect=not settings.delete_data,
        )
        args = MlflowArgs(
            settings=settings,
            cluster=self._cluster,
            namespace=WorkloadNamespace(f"{name}-namespace", namespace, self._on()),
            clients=[job.NAMESPACE] if self._settings.training else [],
        )
        server = Mlflow(name, args, self._on())
        pulumi.export(name, {"open": server.open, "url": server.tracking.url})
        return server

    def _training(
        self,
        settings: TrainingSettings,
        image: pulumi.Input[str],
        tracking: mlflow.Tracking | None,
        gpus: Sequence[pulumi.Resource],
    ) -> None:
        name = self._name("training")
        namespace = WorkloadNamespaceArgs(
            namespace=job.NAMESPACE, limits=training_limits(settings), access=AccessSettings()
        )
        args = TrainingJobArgs(
            settings=settings,
            cluster=self._cluster,
            image=image,
            namespace=WorkloadNamespace(f"{name}-namespace", namespace, self._on()),
            tracking=tracking,
            after=gpus,
        )
        pulumi.export(name, {"start": TrainingJob(name, args, self._on()).start})

    def _model_server(
        self,
        model: ModelSettings,
        serving: ServingSettings,
        image: pulumi.Input[str],
        gpus: Sequence[pulumi.Resource],
    ) -> ModelServer:
        settings, name = self._settings, self._name("model-server")
        bounds = WorkloadNamespaceArgs(
            namespace=serving.namespace,
            limits=serving_limits(serving, model.source),
            access=self._access(serving.access),
            deployments=[APP],
        )
        namespace = WorkloadNamespace(f"{name}-namespace", bounds, self._on())
        keda = []
        if needs_keda(serving, settings.office_hours):
            keda = [Keda(self._name("keda"), KedaArgs(chart_mirror=self._mirror), self._on())]
        secrets = self._secrets(serving, namespace)
        args = ModelServerArgs(
            model=model,
            settings=serving,
            cluster=self._cluster,
            image=image,
            namespace=namespace,
            office_hours=settings.office_hours,
            prometheus=prometheus.URL if settings.monitoring else None,
            secret=secrets.secret_name if secrets else None,
            scrapers=[self._scraper] if self._scraper else [],
            after=[*gpus, *keda, *([secrets] if secrets else [])],
        )
        return ModelServer(name, args, self._on())

    def _access(self, access: AccessSettings) -> AccessSettings:
        """The same people under the names that the cluster knows them by."""
        known = self._cluster.group
        return AccessSettings(viewers=tuple(map(known, access.viewers)), deployers=tuple(map(known, access.deployers)))

    def _secrets(self, serving: ServingSettings, namespace: pulumi.Resource) -> ServerSecrets | None:
        """The server's secrets, and who brings them; None where it has none."""
        if not serving.secrets:
            return None
        settings = self._settings.secrets
        store = store_for(self._cluster, settings.vault, external_secrets.ACCOUNT, serving.secrets)
        operator_args = ExternalSecretsArgs(
            namespace=serving.namespace,
            identity=store.identity,
            definitions=not self._cluster.has_external_secrets,
            chart_mirror=self._mirror,
            after=[namespace],
        )
        operator = ExternalSecrets(self._name("external-secrets"), operator_args, self._on())
        args = ServerSecretsArgs(
            namespace=serving.namespace,
            secrets=serving.secrets,
            store=store,
            controller_class=operator.controller_class,
            refresh_minutes=settings.refresh_minutes,
        )
        return ServerSecrets(self._name("model-server-secrets"), args, self._on(operator))

    def _name(self, what: str) -> str:
        return f"{self._cluster.name}-{what}"

    def _on(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(providers=[self._cluster.provider], depends_on=[*after] or None)
