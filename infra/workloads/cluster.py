"""What runs on every cluster of a stack, whichever cloud runs the cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from infra.addons import trivy_operator
from infra.addons.falco import Falco, FalcoArgs
from infra.addons.gpu_operator import GpuOperator, GpuOperatorArgs
from infra.addons.trivy_operator import TrivyOperator, TrivyOperatorArgs
from infra.backups.backup import Backup, BackupArgs, Rules
from infra.backups.kept import Kept
from infra.clusters.cluster import Access, Cluster
from infra.endpoint import Endpoint
from infra.monitoring import namespace as monitoring
from infra.monitoring.tracing.tracing import Tracing
from infra.namespaces.workload_namespace import WorkloadNamespace, WorkloadNamespaceArgs
from infra.settings import StackSettings
from infra.settings.access import AccessSettings
from infra.settings.mlflow import MlflowSettings
from infra.settings.training import TrainingSettings
from infra.stack_images import Images
from infra.training import job, mlflow
from infra.training.job import TrainingJob, TrainingJobArgs
from infra.training.limits import mlflow_limits, training_limits
from infra.training.mlflow import Mlflow, MlflowArgs
from infra.workloads.model import ServedModel
from infra.workloads.monitoring import monitoring_of
from infra.workloads.place import Place


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
        self._cluster, self._settings, self._at = cluster, settings, Place(cluster, settings)

    def run(self, images: Images) -> Workloads:
        settings = self._settings
        gpus = [] if self._cluster.has_gpu_operator else [self._gpu_operator()]
        watch = monitoring_of(self._at)
        seen = watch.seen
        self._watched(seen)
        tracking = self._mlflow(settings.mlflow, seen).tracking if settings.mlflow else None
        if settings.training and images.training:
            self._training(settings.training, images.training, tracking, gpus, seen)
        addons = [*gpus, *seen]
        if not (settings.model and settings.serving and images.model):
            return Workloads(addons=addons)
        serving = settings.serving.traced_to(watch.collector) if watch.collector else settings.serving
        served = ServedModel(self._at, settings.model, serving, images.model, gpus, seen)
        return Workloads(addons=addons, endpoints={self._cluster.name: served.endpoint})

    def _gpu_operator(self) -> GpuOperator:
        args = GpuOperatorArgs(
            time_slices=self._cluster.gpu_time_slices,
            taints=self._cluster.gpu_taints,
            runtime_class=self._cluster.gpu_runtime_class,
            chart_mirror=self._at.mirror,
        )
        return GpuOperator(self._at.name("gpu-operator"), args, self._at.on())

    def _watched(self, seen: Sequence[pulumi.Resource]) -> None:
        """Who looks for intruders and for vulnerable images."""
        security = self._settings.security
        if security and security.falco:
            falco = FalcoArgs(
                settings=security.falco, scraper=self._at.scraper, chart_mirror=self._at.mirror, after=seen
            )
            Falco(self._at.name("falco"), falco, self._at.on())
        if security and security.trivy:
            name = self._at.name("trivy-operator")
            trivy = TrivyOperatorArgs(
                settings=security.trivy,
                namespaces=self._namespaces(),
                identity=self._cluster.identity(name, trivy_operator.ACCOUNT, Access(images=True)),
                scraper=self._at.scraper,
                chart_mirror=self._at.mirror,
                after=seen,
            )
            TrivyOperator(name, trivy, self._at.on())

    def _namespaces(self) -> Sequence[str]:
        """Those whose images are the stack's choice."""
        settings = self._settings
        own = [settings.serving.namespace] if settings.serving else []
        trained = [job.NAMESPACE] if settings.training else []
        traced = [Tracing.namespace] if settings.monitoring and settings.monitoring.tracing else []
        return [*own, *trained, *([mlflow.NAMESPACE] if settings.mlflow else []), *traced]

    def _mlflow(self, settings: MlflowSettings, seen: Sequence[pulumi.Resource]) -> Mlflow:
        name, backups = self._at.name("mlflow"), self._settings.backups is not None
        namespace = WorkloadNamespaceArgs(
            namespace=mlflow.NAMESPACE,
            limits=mlflow_limits(settings, backups=backups),
            access=AccessSettings(),
            protect=not settings.delete_data,
        )
        args = MlflowArgs(
            settings=settings,
            cluster=self._cluster,
            namespace=WorkloadNamespace(f"{name}-namespace", namespace, self._at.on()),
            clients=self._recording(),
            backups=backups,
        )
        server = Mlflow(name, args, self._at.on())
        self._backed_up("mlflow-backup", server.kept, seen)
        pulumi.export(name, {"open": server.open, "url": server.tracking.url})
        return server

    def _recording(self) -> Sequence[str]:
        """Namespaces of the stack's own that use MLflow."""
        model, serving = self._settings.model, self._settings.serving
        trained = [job.NAMESPACE] if self._settings.training else []
        pulled = [serving.namespace] if serving and model and model.source and model.source.mlflow else []
        return [*trained, *pulled]

    def _training(
        self,
        settings: TrainingSettings,
        image: pulumi.Input[str],
        tracking: mlflow.Tracking | None,
        gpus: Sequence[pulumi.Resource],
        seen: Sequence[pulumi.Resource],
    ) -> None:
        name = self._at.name("training")
        limits = training_limits(settings, backups=self._settings.backups is not None)
        namespace = WorkloadNamespaceArgs(namespace=job.NAMESPACE, limits=limits, access=AccessSettings())
        args = TrainingJobArgs(
            settings=settings,
            cluster=self._cluster,
            image=image,
            namespace=WorkloadNamespace(f"{name}-namespace", namespace, self._at.on()),
            tracking=tracking,
            after=gpus,
        )
        trained = TrainingJob(name, args, self._at.on())
        self._backed_up("training-backup", trained.kept, seen)
        pulumi.export(name, {"start": trained.start})

    def _backed_up(self, what: str, kept: Kept | None, seen: Sequence[pulumi.Resource]) -> None:
        settings, watched, name = self._settings.backups, self._settings.monitoring, self._at.name(what)
        if not (settings and kept):
            return
        rules = Rules(namespace=monitoring.NAMESPACE, runbooks=watched.runbooks, after=seen) if watched else None
        args = BackupArgs(settings=settings, cluster=self._cluster, kept=kept, rules=rules)
        pulumi.export(name, {"restore": Backup(name, args, self._at.on()).restore})
