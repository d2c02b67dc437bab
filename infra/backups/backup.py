"""Backups of one workload of a cluster, and the way back: two CronJobs, one with a schedule and one without."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import PodSpecArgsDict
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict
from pulumi_kubernetes.networking.v1 import NetworkPolicyEgressRuleArgsDict

from infra.backups.kept import BACKUP_LABELS, Kept
from infra.backups.pods import backup_pod, cron_job_spec, restore_pod
from infra.backups.store import store_of
from infra.clusters.cluster import BackupStore, Cluster, ServiceAccount
from infra.monitoring.alerts.backups import backups
from infra.namespaces.network import policy, to_dns, to_peer
from infra.settings.backups import BackupSettings

BACKUP, RESTORE = "backup", "restore"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Prometheus's namespace, the base of links to runbooks, and what brings Prometheus's definitions."""

    namespace: str
    runbooks: str
    after: Sequence[pulumi.Resource]


@dataclass(frozen=True, kw_only=True)
class BackupArgs:
    """`kept` says what of which namespace; `rules` go where Prometheus reads them, None where none does."""

    settings: BackupSettings
    cluster: Cluster
    kept: Kept
    rules: Rules | None = None


class Backup(pulumi.ComponentResource):
    """Copies a database and volumes to an object store; `restore` is the command that brings them back."""

    restore: str

    def __init__(self, name: str, args: BackupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:backups:Backup", name, None, opts)
        self._name, self._args, kept = name, args, args.kept
        self._child = pulumi.ResourceOptions(parent=self, depends_on=list(kept.after))
        store = store_of(args.cluster, name, ServiceAccount(namespace=kept.namespace, name=BACKUP), args.settings)
        kubernetes.networking.v1.NetworkPolicy(
            name,
            metadata=self._metadata(BACKUP),
            spec=policy(BACKUP_LABELS, egress=self._egress(store)),
            opts=self._child,
        )
        account = kubernetes.core.v1.ServiceAccount(
            name,
            metadata=self._metadata(BACKUP) | {"annotations": store.identity.annotations},
            automount_service_account_token=False,
            opts=self._child,
        ).metadata.name.apply(str)
        self._cron_job(name, BACKUP, args.settings.schedule, backup_pod(args.settings, kept, store, account), store)
        self._cron_job(f"{name}-{RESTORE}", RESTORE, None, restore_pod(kept, store, account), store)
        if args.rules:
            self._watch(args.rules)
        self.restore = f"kubectl -n {kept.namespace} create job --from=cronjob/{RESTORE} {RESTORE}-1"
        self.register_outputs({"restore": self.restore})

    def _cron_job(
        self, name: str, object_name: str, schedule: str | None, spec: PodSpecArgsDict, store: BackupStore
    ) -> None:
        after: Sequence[pulumi.Resource] = [
            *self._args.kept.after,
            *store.identity.after,
            *self._args.cluster.ready,
        ]
        kubernetes.batch.v1.CronJob(
            name,
            metadata=self._metadata(object_name),
            spec=cron_job_spec(schedule, {**BACKUP_LABELS, **store.identity.pod_labels}, spec),
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )

    def _watch(self, rules: Rules) -> None:
        namespace = self._args.kept.namespace
        kubernetes.apiextensions.CustomResource(
            self._name,
            api_version="monitoring.coreos.com/v1",
            kind="PrometheusRule",
            metadata={"name": f"{namespace}-{BACKUP}", "namespace": rules.namespace},
            spec={"groups": backups(namespace, BACKUP).groups(rules.runbooks)},
            opts=pulumi.ResourceOptions(parent=self, depends_on=rules.after),
        )

    def _egress(self, store: BackupStore) -> list[NetworkPolicyEgressRuleArgsDict]:
        database = self._args.kept.database
        return [to_dns(), *([to_peer(database.peer, database.port)] if database else []), *store.egress]

    def _metadata(self, object_name: str) -> ObjectMetaArgsDict:
        return {"name": object_name, "namespace": self._args.kept.namespace, "labels": BACKUP_LABELS}
