"""An MLflow server: its database, where it keeps files, and who reaches it.

https://mlflow.org/docs/latest/self-hosting/architecture/tracking-server
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict
from pulumi_kubernetes.networking.v1 import NetworkPolicyEgressRuleArgsDict

from infra.backups.kept import BACKUP_LABELS, Kept, PostgresDatabase
from infra.clusters.cluster import Access, Cluster, Identity, ServiceAccount
from infra.namespaces.network import from_peers, peer, policy, to_anywhere, to_dns, to_object_store, to_peer
from infra.settings.mlflow import NAME, NAMESPACE, PORT, URL, MlflowSettings
from infra.training.mlflow_pod import ARTIFACTS_FOLDER, PORT_NAME, URI_KEY, Database, pod_spec
from infra.training.postgres import PORT as POSTGRES_PORT
from infra.training.postgres import Postgres, PostgresArgs
from infra.training.tracking import Tracking

LABELS = {"app.kubernetes.io/name": NAME}
POSTGRES = "mlflow-postgresql"
ARTIFACTS = "artifacts"

# A node, a volume for the database, the image's 1.3 GB and the tables come before the first answer.
ROLLOUT_TIMEOUT = "20m"


@dataclass(frozen=True, kw_only=True)
class MlflowArgs:
    """Pods of the namespaces `clients` may use the server, beside those that the settings name.

    `namespace` brings the one of that name; with `backups`, their pods reach the database.
    """

    settings: MlflowSettings
    cluster: Cluster
    namespace: pulumi.Resource
    clients: Sequence[str] = ()
    backups: bool = False


class Mlflow(pulumi.ComponentResource):
    """Records runs and registers models, for pods of the cluster; whoever reaches it may write."""

    tracking: Tracking
    kept: Kept | None
    """What of it is the stack's to back up; None where others keep everything."""
    namespace = NAMESPACE
    open = f"kubectl -n {NAMESPACE} port-forward svc/{NAME} 5000:80, then http://localhost:5000"

    def __init__(self, name: str, args: MlflowArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:training:Mlflow", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self, depends_on=[args.namespace])
        kubernetes.networking.v1.NetworkPolicy(
            name,
            metadata=self._metadata(),
            spec=policy(LABELS, from_peers(self._clients(), PORT), self._egress()),
            opts=self._child,
        )
        database = self._database()
        self._deployment(database)
        self.kept = self._kept(database.kept)
        kubernetes.core.v1.Service(
            name,
            metadata=self._metadata(),
            spec={
                "type": "ClusterIP",
                "selector": LABELS,
                "ports": [{"name": PORT_NAME, "port": 80, "target_port": PORT_NAME}],
            },
            # Beside the Deployment, whose pods it waits for.
            opts=self._rollout([args.namespace]),
        )
        self.tracking = Tracking(url=URL, peer=peer(NAMESPACE, LABELS), port=PORT)
        self.register_outputs({"url": self.tracking.url})

    def _clients(self) -> list[kubernetes.networking.v1.NetworkPolicyPeerArgsDict]:
        return [peer(name) for name in dict.fromkeys([*self._args.clients, *self._args.settings.client_namespaces])]

    def _egress(self) -> list[NetworkPolicyEgressRuleArgsDict]:
        """Names, the database, and the object store where there is one."""
        settings = self._args.settings
        own = to_peer(peer(NAMESPACE, {"app.kubernetes.io/name": POSTGRES}), POSTGRES_PORT)
        external = settings.database.external
        url = settings.artifacts.url
        return [to_dns(), to_anywhere(external.port) if external else own, *(to_object_store(url) if url else [])]

    def _database(self) -> Database:
        """The Secret with the database's address, and what brings the database."""
        database = self._args.settings.database
        if database.external:
            return Database(secret=database.external.secret)
        postgres = Postgres(
            f"{self._name}-postgresql",
            PostgresArgs(
                namespace=NAMESPACE,
                object_name=POSTGRES,
                database=NAME,
                size=database.size or "",
                storage_class=self._args.cluster.storage_class,
                clients=[peer(NAMESPACE, LABELS), *([peer(NAMESPACE, BACKUP_LABELS)] if self._args.backups else [])],
                after=self._args.namespace,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        secret = kubernetes.core.v1.Secret(
            f"{self._name}-database",
            metadata={"name": "mlflow-database", "namespace": NAMESPACE, "labels": LABELS},
            string_data={URI_KEY: postgres.uri},
            opts=self._child,
        )
        return Database(secret=secret.metadata.name.apply(str), after=[postgres.ready], kept=postgres.kept)

    def _kept(self, database: PostgresDatabase | None) -> Kept | None:
        folders = {ARTIFACTS: ARTIFACTS_FOLDER} if self._args.settings.artifacts.size else {}
        if not (database or folders):
            return None
        return Kept(
            namespace=NAMESPACE,
            folders=folders,
            database=database,
            beside=LABELS if folders else {},
            after=[self._args.namespace],
        )

    def _deployment(self, database: Database) -> None:
        settings, identity = self._args.settings, self._identity()
        account = kubernetes.core.v1.ServiceAccount(
            self._name,
            metadata=self._metadata() | {"annotations": identity.annotations},
            automount_service_account_token=False,
            opts=self._child,
        )
        kubernetes.apps.v1.Deployment(
            self._name,
            metadata=self._metadata(),
            spec={
                "replicas": 1,
                "selector": {"match_labels": LABELS},
                # Two servers of different versions must not share a database, nor two nodes the volume.
                "strategy": {"type": "Recreate"},
                "revision_history_limit": 5,
                "template": {
                    "metadata": {"labels": {**LABELS, **identity.pod_labels}},
                    "spec": pod_spec(settings, database, account.metadata.name.apply(str), self._artifacts()),
                },
            },
            opts=self._rollout([self._args.namespace, *database.after, *identity.after, *self._args.cluster.ready]),
        )

    def _rollout(self, after: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
        timeouts = pulumi.CustomTimeouts(create=ROLLOUT_TIMEOUT, update=ROLLOUT_TIMEOUT)
        return pulumi.ResourceOptions(parent=self, depends_on=after, custom_timeouts=timeouts)

    def _identity(self) -> Identity:
        url = self._args.settings.artifacts.url
        if not url:
            return Identity()
        account = ServiceAccount(namespace=NAMESPACE, name=NAME)
        return self._args.cluster.identity(self._name, account, Access(writes=[url]))

    def _artifacts(self) -> str | None:
        """The claim of the volume for files; None where an object store has them."""
        size = self._args.settings.artifacts.size
        if not size:
            return None
        kubernetes.core.v1.PersistentVolumeClaim(
            f"{self._name}-artifacts",
            metadata={"name": ARTIFACTS, "namespace": NAMESPACE, "labels": LABELS},
            spec={
                "storage_class_name": self._args.cluster.storage_class,
                "access_modes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": size}},
            },
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[self._args.namespace], protect=not self._args.settings.delete_data
            ),
        )
        return ARTIFACTS

    def _metadata(self) -> ObjectMetaArgsDict:
        return {"name": NAME, "namespace": NAMESPACE, "labels": LABELS}
