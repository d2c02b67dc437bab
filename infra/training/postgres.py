"""A PostgreSQL server of one pod, for one database, on a volume of its own.

https://hub.docker.com/_/postgres and https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
from pulumi_kubernetes.apps.v1 import StatefulSetSpecArgsDict
from pulumi_kubernetes.core.v1 import ContainerArgsDict, PodSpecArgsDict, ProbeArgsDict
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict
from pulumi_kubernetes.networking.v1 import NetworkPolicyPeerArgsDict

from infra.backups.kept import PostgresDatabase
from infra.namespaces.network import from_peers, peer, policy
from infra.pods import restricted
from infra.pods.volumes import node_claim_spec
from infra.versions import image

PORT = 5432
MEMORY = "512Mi"
USER_ID = 999
"""The user `postgres` of the image."""

PASSWORD = "password"  # noqa: S105 a key's name
VOLUME = "/var/lib/postgresql"
# The major version is in the path: a later server refuses these files rather than begin with an empty database.
DATA = f"{VOLUME}/18/docker"
SOCKETS, LOGIN = "/var/run/postgresql", "/run/secrets/postgresql"


@dataclass(frozen=True, kw_only=True)
class PostgresArgs:
    """`database` is also its user's name; only pods of `clients` reach it; `after` brings the namespace."""

    namespace: str
    object_name: str
    database: str
    size: str
    storage_class: str
    clients: Sequence[NetworkPolicyPeerArgsDict]
    after: pulumi.Resource


class Postgres(pulumi.ComponentResource):
    """The server; its password is made here and stays a secret."""

    uri: pulumi.Output[str]
    """Where the database is, as SQLAlchemy reads it; a secret, since it has the password in it."""
    ready: pulumi.Resource
    kept: PostgresDatabase
    """What a backup dumps."""

    def __init__(self, name: str, args: PostgresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:training:Postgres", name, None, opts)
        self._args = args
        self._labels = {"app.kubernetes.io/name": args.object_name}
        child = pulumi.ResourceOptions(parent=self, depends_on=[args.after])
        password = random.RandomPassword(name, length=32, special=False, opts=pulumi.ResourceOptions(parent=self))
        login = kubernetes.core.v1.Secret(
            name, metadata=self._metadata(), string_data={PASSWORD: password.result}, opts=child
        )
        kubernetes.networking.v1.NetworkPolicy(
            name,
            metadata=self._metadata(),
            spec=policy(self._labels, ingress=from_peers(args.clients, PORT)),
            opts=child,
        )
        service = kubernetes.core.v1.Service(
            name,
            metadata=self._metadata(),
            spec={"cluster_ip": "None", "selector": self._labels, "ports": [{"name": "postgresql", "port": PORT}]},
            # A Service without an address is ready before its pods are, and those need its name.
            opts=child,
        )
        self.ready = kubernetes.apps.v1.StatefulSet(
            name,
            metadata=self._metadata(),
            spec=stateful_set_spec(args, self._labels, login.metadata.name.apply(str)),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[service]),
        )
        host = f"{args.object_name}.{args.namespace}.svc"
        self.uri = pulumi.Output.secret(
            pulumi.Output.concat(
                f"postgresql+psycopg2://{args.database}:", password.result, f"@{host}:{PORT}/{args.database}"
            )
        )
        self.kept = self._kept(host, login)
        self.register_outputs({"host": host})

    def _kept(self, host: str, login: kubernetes.core.v1.Secret) -> PostgresDatabase:
        return PostgresDatabase(
            host=host,
            port=PORT,
            name=self._args.database,
            login=login.metadata.name.apply(str),
            key=PASSWORD,
            size=self._args.size,
            peer=peer(self._args.namespace, self._labels),
        )

    def _metadata(self) -> ObjectMetaArgsDict:
        return {"name": self._args.object_name, "namespace": self._args.namespace, "labels": self._labels}


def stateful_set_spec(args: PostgresArgs, labels: dict[str, str], login: pulumi.Input[str]) -> StatefulSetSpecArgsDict:
    """One pod with one volume, which stays when the pod goes."""
    claim = node_claim_spec(args.size, args.storage_class)
    return {
        "replicas": 1,
        "service_name": args.object_name,
        "selector": {"match_labels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod_spec(args.database, login)},
        "volume_claim_templates": [{"metadata": {"name": "data", "labels": labels}, "spec": claim}],
    }


def pod_spec(database: str, login: pulumi.Input[str]) -> PodSpecArgsDict:
    """A pod that the Pod Security level `restricted` admits."""
    return {
        "automount_service_account_token": False,
        "enable_service_links": False,
        # SIGINT, the image's stop signal, ends all sessions and writes everything down.
        "termination_grace_period_seconds": 60,
        "security_context": restricted.pod_security(USER_ID),
        "containers": [container(database)],
        "volumes": [
            restricted.scratch("tmp", "256Mi"),
            restricted.scratch("sockets", "16Mi"),
            {"name": "login", "secret": {"secret_name": login, "default_mode": 0o440}},
        ],
    }


def container(database: str) -> ContainerArgsDict:
    """The server; its password comes from a file, and counts when the volume is empty only."""
    return {
        "name": "postgresql",
        "image": image("postgres"),
        "ports": [{"name": "postgresql", "container_port": PORT}],
        "env": [
            {"name": "PGDATA", "value": DATA},
            {"name": "POSTGRES_DB", "value": database},
            {"name": "POSTGRES_PASSWORD_FILE", "value": f"{LOGIN}/{PASSWORD}"},
            {"name": "POSTGRES_USER", "value": database},
        ],
        "resources": restricted.resources("250m", MEMORY),
        # Recovery after a crash may take minutes; a restart would begin it anew.
        "startup_probe": is_ready(database, failures=60),
        "liveness_probe": is_ready(database, failures=6),
        "readiness_probe": is_ready(database, failures=3),
        "volume_mounts": [
            {"name": "data", "mount_path": VOLUME},
            {"name": "sockets", "mount_path": SOCKETS},
            {"name": "tmp", "mount_path": restricted.TMP},
            {"name": "login", "mount_path": LOGIN, "read_only": True},
        ],
        "security_context": restricted.container_security(),
    }


def is_ready(database: str, *, failures: int) -> ProbeArgsDict:
    """Asks over TCP, where the server that sets an empty volume up does not listen yet."""
    return {
        "exec_": {"command": ["pg_isready", "-h", "127.0.0.1", "-U", database, "-d", database]},
        "period_seconds": 10,
        "timeout_seconds": 5,
        "failure_threshold": failures,
    }
