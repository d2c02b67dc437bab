"""The Job that trains the model: a CronJob, from which people start a run and which starts runs by its schedule.

A Job of its own would train during `up`, which waits for its end, and again after each `refresh` that finds it gone
(https://github.com/pulumi/pulumi-kubernetes/blob/master/provider/pkg/await/awaiters.go). A CronJob is only declared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import PodSpecArgsDict, VolumeArgsDict
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict
from pulumi_kubernetes.networking.v1 import NetworkPolicyEgressRuleArgsDict

from infra.backups.kept import Kept
from infra.clusters.cluster import Access, Cluster, Identity, ServiceAccount
from infra.namespaces.network import policy, to_dns, to_object_store, to_peer
from infra.pods import restricted
from infra.pods.volumes import claim_spec, nfs_claim
from infra.settings.training import TrainingSettings
from infra.training.job_spec import DATA, MODELS, container, cron_job_spec, pod_spec
from infra.training.tracking import Tracking

NAMESPACE = "training"
JOB = "train"
LABELS = {"app.kubernetes.io/name": JOB}

TRAINING_DATA, MLFLOW_TRACKING_URI = "TRAINING_DATA", "MLFLOW_TRACKING_URI"


@dataclass(frozen=True, kw_only=True)
class TrainingJobArgs:
    """`image` is a reference by digest; `tracking` is where runs may be recorded; `after` brings the GPUs.

    `namespace` brings the one of that name.
    """

    settings: TrainingSettings
    cluster: Cluster
    namespace: pulumi.Resource
    image: pulumi.Input[str]
    tracking: Tracking | None = None
    after: Sequence[pulumi.Resource] = ()


class TrainingJob(pulumi.ComponentResource):
    """Trains the model when asked, on a GPU node if it has GPUs, and writes it to a volume."""

    start: str
    kept: Kept | None = None
    """The volume that the stack makes; None where the models are on another."""
    namespace = NAMESPACE

    def __init__(self, name: str, args: TrainingJobArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:training:TrainingJob", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self, depends_on=[args.namespace])
        kubernetes.networking.v1.NetworkPolicy(
            name, metadata=self._metadata(JOB), spec=policy(LABELS, egress=self._egress()), opts=self._child
        )
        identity = self._identity()
        kubernetes.batch.v1.CronJob(
            name,
            metadata=self._metadata(JOB),
            spec=cron_job_spec(args.settings, {**LABELS, **identity.pod_labels}, self._pod_spec(identity)),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[args.namespace, *identity.after, *args.cluster.ready, *args.after]
            ),
        )
        if args.settings.model.size:
            self.kept = Kept(namespace=NAMESPACE, folders={"models": MODELS}, after=[args.namespace])
        self.start = f"kubectl -n {NAMESPACE} create job --from=cronjob/{JOB} {JOB}-1"
        self.register_outputs({"start": self.start})

    def _egress(self) -> list[NetworkPolicyEgressRuleArgsDict]:
        data, tracking = self._args.settings.data, self._args.tracking
        store = to_object_store(data.url) if data and data.url else []
        record = [to_peer(tracking.peer, tracking.port)] if tracking else []
        return [to_dns(), *store, *record] if store or record else []

    def _identity(self) -> Identity:
        data = self._args.settings.data
        if not (data and data.url):
            return Identity()
        account = ServiceAccount(namespace=NAMESPACE, name=JOB)
        return self._args.cluster.identity(self._name, account, Access(reads=[data.url]))

    def _pod_spec(self, identity: Identity) -> PodSpecArgsDict:
        """The pod, with the account, the priority and the volumes that it takes."""
        settings, cluster = self._args.settings, self._args.cluster
        account = kubernetes.core.v1.ServiceAccount(
            self._name,
            metadata=self._metadata(JOB) | {"annotations": identity.annotations},
            automount_service_account_token=False,
            opts=self._child,
        )
        run = container(settings, self._args.image, self._variables())
        spec = pod_spec(settings, run, self._volumes(), account.metadata.name.apply(str), cluster)
        spec["priority_class_name"] = self._priority()
        return spec

    def _priority(self) -> pulumi.Output[str]:
        """A model server that finds no GPU free takes a run's place, and the run starts again."""
        priority = kubernetes.scheduling.v1.PriorityClass(
            self._name,
            description="Training, which gives way to model servers and takes the place of nobody",
            value=-1,
            preemption_policy="Never",
            opts=pulumi.ResourceOptions(parent=self),
        )
        return priority.metadata.name.apply(str)

    def _variables(self) -> dict[str, pulumi.Input[str]]:
        data, tracking = self._args.settings.data, self._args.tracking
        variables: dict[str, pulumi.Input[str]] = {"HOME": restricted.TMP}
        if data:
            variables[TRAINING_DATA] = data.url or DATA
        if tracking:
            variables[MLFLOW_TRACKING_URI] = tracking.url
        return variables

    def _volumes(self) -> list[VolumeArgsDict]:
        volumes = [restricted.scratch("tmp", "10Gi"), restricted.claimed("models", self._model_claim())]
        data = self._args.settings.data
        if data and not data.url:
            volumes.append(restricted.claimed("data", self._data_claim(), read_only=True))
        return volumes

    def _model_claim(self) -> str:
        model, opts = self._args.settings.model, self._child
        if model.claim:
            return model.claim
        metadata = self._metadata("models")
        if model.nfs:
            nfs_claim(f"{self._name}-models", model.nfs, metadata, opts, read_only=False)
        if model.size:
            kubernetes.core.v1.PersistentVolumeClaim(
                f"{self._name}-models",
                metadata=metadata,
                spec=claim_spec(model.size, self._args.cluster),
                opts=pulumi.ResourceOptions(
                    parent=self, depends_on=opts.depends_on, protect=not self._args.settings.delete_data
                ),
            )
        return "models"

    def _data_claim(self) -> str:
        data = self._args.settings.data
        if data and data.claim:
            return data.claim
        if data and data.nfs:
            nfs_claim(f"{self._name}-data", data.nfs, self._metadata("data"), self._child, read_only=True)
        return "data"

    def _metadata(self, object_name: str) -> ObjectMetaArgsDict:
        return {"name": object_name, "namespace": NAMESPACE, "labels": LABELS}
