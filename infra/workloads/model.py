"""The model on one cluster: its namespace and secrets, the gateway in front of it, and the runtime that answers."""

from collections.abc import Sequence

import pulumi

from infra.addons import cert_manager, keda
from infra.addons.cert_manager import CertManager, CertManagerArgs
from infra.addons.keda import Keda, KedaArgs
from infra.addons.kserve import KServe, KServeArgs
from infra.clusters.cluster import Access, Identity
from infra.endpoint import Endpoint
from infra.monitoring import prometheus
from infra.monitoring.dashboards import GpuNodes
from infra.monitoring.jobs import JobMonitoring, JobMonitoringArgs
from infra.monitoring.service import MonitoredService, ServiceMonitoring, ServiceMonitoringArgs
from infra.namespaces.workload_namespace import WorkloadNamespace, WorkloadNamespaceArgs
from infra.serving.autoscaling import needs_keda
from infra.serving.job_queue import JobQueue, JobQueueArgs
from infra.serving.job_workers import Workers
from infra.serving.kserve.runtime import KServeRuntime
from infra.serving.limits import serving_limits
from infra.serving.model_server import ModelServer
from infra.serving.result_cache import ResultCache, ResultCacheArgs
from infra.serving.runtime import RuntimeArgs
from infra.serving.tensorflow_serving import server as tensorflow_serving
from infra.serving.tensorflow_serving.monitoring import TensorFlowServingMonitoring, TensorFlowServingMonitoringArgs
from infra.serving.tensorflow_serving.server import TensorFlowServing, tensorflow_serving_limits
from infra.serving.track import deployments
from infra.settings.access import AccessSettings
from infra.settings.kserve import DeploymentMode, KServeSettings
from infra.settings.runtime import Runtime
from infra.settings.served import ModelSettings
from infra.settings.serving import ServingSettings
from infra.workloads.delivery import delivery_of, kept_for_another
from infra.workloads.gateway import gateway_of
from infra.workloads.place import Place
from infra.workloads.secrets import secrets_of


class ServedModel:
    """Makes them, in the order that they need; `endpoint` is where the model answers."""

    endpoint: Endpoint

    def __init__(
        self,
        place: Place,
        model: ModelSettings,
        serving: ServingSettings,
        image: pulumi.Input[str],
        gpus: Sequence[pulumi.Resource],
        seen: Sequence[pulumi.Resource],
    ) -> None:
        """`gpus` brings GPUs to nodes, `seen` Prometheus."""
        self._place, self._model, self._serving, self._seen = place, model, serving, seen
        namespace = self._namespace()
        secrets = secrets_of(place, serving, namespace)
        held = [secrets.server(serving)] if secrets and serving.secrets else []
        certificates = self._cert_manager()
        gateway = None
        if serving.gateway:
            copied = [secrets.gateway(serving.gateway)] if secrets and serving.gateway.secrets else []
            after = [namespace, *copied, *certificates]
            gateway = gateway_of(place, serving, serving.gateway, model.request_timeout_seconds, after)
        scaler = self._keda()
        jobs = self._jobs([namespace, *scaler])
        args = RuntimeArgs(
            model=model,
            settings=serving,
            cluster=place.cluster,
            image=image,
            namespace=namespace,
            office_hours=place.settings.office_hours,
            prometheus=prometheus.URL if place.settings.monitoring else None,
            latency_target_ms=place.settings.objectives.p95_latency_ms if place.settings.objectives else None,
            secret=held[0].secret_name if held else None,
            parent=gateway.parent if gateway else None,
            scrapers=[place.scraper] if place.scraper else [],
            after=[*gpus, *scaler, *self._installed(certificates), *held, *self._cache(namespace), *jobs],
            delivered=bool(place.settings.delivery and place.settings.delivery.is_elsewhere),
        )
        server = self._run(args)
        self.endpoint = server.endpoint
        delivery_of(place, serving, [namespace, server, *args.after, *(args.parent.after if args.parent else [])])

    @property
    def _kserve(self) -> KServeSettings | None:
        return (self._serving.kserve or KServeSettings()) if self._serving.runtime is Runtime.KSERVE else None

    def _namespace(self) -> WorkloadNamespace:
        serving, source = self._serving, self._model.source
        limits, changed = serving_limits(serving, source), deployments(serving)
        if serving.runtime is Runtime.KSERVE:
            changed = []  # they are KServe's own
        if serving.runtime is Runtime.TENSORFLOW_SERVING and source:
            limits, changed = tensorflow_serving_limits(serving, source), [tensorflow_serving.APP]
        args = WorkloadNamespaceArgs(
            namespace=serving.namespace, limits=limits, access=self._access(serving.access), deployments=changed
        )
        return WorkloadNamespace(self._place.name("model-server-namespace"), args, self._place.on())

    def _access(self, access: AccessSettings) -> AccessSettings:
        """The same people under the names that the cluster knows them by."""
        known = self._place.cluster.group
        return AccessSettings(viewers=tuple(map(known, access.viewers)), deployers=tuple(map(known, access.deployers)))

    def _cert_manager(self) -> Sequence[pulumi.Resource]:
        """One for the gateway's certificate and KServe's webhooks, where either needs one that is not there."""
        place, gateway = self._place, self._serving.gateway
        acme = gateway.tls.acme if gateway else None
        if not acme and not (self._kserve and self._kserve.install and self._kserve.cert_manager):
            return []
        name, identity = place.name("cert-manager"), Identity()
        if acme:
            identity = place.cluster.identity(name, cert_manager.ACCOUNT, Access(dns_zone=acme.zone.zone_id))
        return [CertManager(name, CertManagerArgs(identity=identity, chart_mirror=place.mirror), place.on())]

    def _keda(self) -> Sequence[pulumi.Resource]:
        place = self._place
        has_own = self._kserve and self._kserve.deployment_mode is DeploymentMode.KNATIVE
        follows = self._serving.asynchronous or needs_keda(self._serving, place.settings.office_hours)
        if has_own or not follows:
            return []
        return [Keda(place.name("keda"), KedaArgs(chart_mirror=place.mirror), place.on())]

    def _installed(self, certificates: Sequence[pulumi.Resource]) -> Sequence[pulumi.Resource]:
        """KServe, where it runs the model and is not there."""
        kserve, place = self._kserve, self._place
        if kserve is None or not kserve.install:
            return []
        args = KServeArgs(runtimes=bool(kserve.built_in_runtime), chart_mirror=place.mirror, after=certificates)
        return [KServe(place.name("kserve"), args, place.on())]

    def _cache(self, namespace: WorkloadNamespace) -> Sequence[pulumi.Resource]:
        """Redis, where the settings want one of the stack's own."""
        place, cache = self._place, self._serving.cache
        if cache is None or cache.url:
            return []
        after = [namespace, *place.cluster.ready]
        args = ResultCacheArgs(settings=self._serving, memory=cache.memory, after=after)
        return [ResultCache(place.name("result-cache"), args, place.on())]

    def _jobs(self, made: Sequence[pulumi.Resource]) -> Sequence[pulumi.Resource]:
        """The queue of asynchronous inference, in the namespace and beside the autoscaler that `made` has."""
        place, jobs = self._place, self._serving.asynchronous
        if jobs is None:
            return []
        args = JobQueueArgs(
            settings=self._serving,
            asynchronous=jobs,
            storage_class=place.cluster.storage_class,
            scaler_namespace=keda.NAMESPACE,
            after=[*made, *place.cluster.ready],
        )
        return [JobQueue(place.name("job-queue"), args, place.on())]

    def _run(self, args: RuntimeArgs) -> ModelServer | KServeRuntime | TensorFlowServing:
        place = self._place
        if self._serving.runtime is Runtime.TENSORFLOW_SERVING:
            return self._run_tensorflow(args)
        component = KServeRuntime if self._kserve else ModelServer
        server = component(place.name("model-server"), args, kept_for_another(place))
        self._watch(server)
        return server

    def _watch(self, server: MonitoredService) -> None:
        monitoring, place = self._place.settings.monitoring, self._place
        if monitoring:
            args = ServiceMonitoringArgs(
                settings=monitoring,
                service=server,
                gpus=self._gpu_nodes,
                namespace=prometheus.NAMESPACE,
                after=self._seen,
            )
            ServiceMonitoring(place.name("model-server-monitoring"), args, place.on())
        if monitoring and self._serving.asynchronous:
            watched = JobMonitoringArgs(
                service=Workers(namespace=self._serving.namespace),
                asynchronous=self._serving.asynchronous,
                runbooks=monitoring.runbooks,
                namespace=prometheus.NAMESPACE,
                after=self._seen,
            )
            JobMonitoring(place.name("model-worker-monitoring"), watched, place.on())

    @property
    def _gpu_nodes(self) -> GpuNodes | None:
        return GpuNodes(spot_labels=self._place.cluster.spot_labels) if self._serving.gpus else None

    def _run_tensorflow(self, args: RuntimeArgs) -> TensorFlowServing:
        place, monitoring = self._place, self._place.settings.monitoring
        server = TensorFlowServing(place.name("tensorflow-serving"), args, kept_for_another(place))
        if monitoring:
            watched = TensorFlowServingMonitoringArgs(
                settings=monitoring,
                service=server,
                gpus=self._gpu_nodes,
                namespace=prometheus.NAMESPACE,
                after=self._seen,
            )
            TensorFlowServingMonitoring(place.name("tensorflow-serving-monitoring"), watched, place.on())
        return server
