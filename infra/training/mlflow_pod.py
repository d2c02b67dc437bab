"""The MLflow server's pod."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import pulumi
from pulumi_kubernetes.core.v1 import (
    ContainerArgsDict,
    EnvVarArgsDict,
    PodSpecArgsDict,
    ProbeArgsDict,
    VolumeMountArgsDict,
)

from inference_app.contract import USER_ID
from infra.backups.kept import PostgresDatabase
from infra.pods import restricted
from infra.settings.mlflow import NAME, NAMESPACE, PORT, ArtifactSettings, MlflowSettings
from infra.versions import image

PORT_NAME = "http"
URI_KEY, URI_VARIABLE = "uri", "MLFLOW_BACKEND_STORE_URI"
ARTIFACTS_FOLDER = "/artifacts"

HOSTS = (
    NAME,
    *(f"{NAME}.{NAMESPACE}{suffix}" for suffix in ("", ".svc", ".svc.cluster.local")),
    "localhost:*",
    "127.0.0.1:*",
)
"""What a request may call the server: its Service's names, and this machine's for `kubectl port-forward`.

Anything else gets 403, which keeps web pages from reaching it by a name of their own (DNS rebinding).
"""


@dataclass(frozen=True, kw_only=True)
class Database:
    """The Secret whose key `uri` has a database's address, what brings the database, and what a backup dumps."""

    secret: pulumi.Input[str]
    after: Sequence[pulumi.Resource] = ()
    kept: PostgresDatabase | None = None


def server_image(settings: MlflowSettings) -> str:
    """The pinned image, or the one that the settings name."""
    return settings.image or image("mlflow")


def server_arguments(settings: MlflowSettings) -> list[str]:
    """Of `mlflow`; the database's address is not among them, since it has a password in it.

    https://mlflow.org/docs/latest/cli.html#mlflow-server
    """
    return [
        "server",
        "--host=0.0.0.0",
        f"--port={PORT}",
        f"--workers={settings.workers}",
        f"--artifacts-destination={artifacts_destination(settings.artifacts)}",
        f"--allowed-hosts={','.join(HOSTS)}",
    ]


def artifacts_destination(artifacts: ArtifactSettings) -> str:
    """The folder or URL as MLflow reads it: `wasbs://container@account.blob.core.windows.net/prefix` for Blob Storage.

    https://mlflow.org/docs/latest/self-hosting/architecture/artifact-store
    """
    if not artifacts.url:
        return ARTIFACTS_FOLDER
    parts = urlsplit(artifacts.url)
    if parts.scheme == "s3":
        return artifacts.url
    container, _, prefix = parts.path.strip("/").partition("/")
    return f"wasbs://{container}@{parts.netloc}" + (f"/{prefix}" if prefix else "")


def environment(database: Database) -> list[EnvVarArgsDict]:
    """What every container of the pod is told."""
    return [
        {"name": "HOME", "value": restricted.TMP},
        {"name": URI_VARIABLE, "value_from": {"secret_key_ref": {"name": database.secret, "key": URI_KEY}}},
        {"name": "MLFLOW_DISABLE_TELEMETRY", "value": "true"},
        # Evaluations by the server itself, of traces of language models; each would be a process more.
        {"name": "MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "value": "false"},
    ]


def pod_spec(
    settings: MlflowSettings, database: Database, account: pulumi.Input[str], claim: str | None
) -> PodSpecArgsDict:
    """A pod that the Pod Security level `restricted` admits; `claim` is of the volume for files, if there is one."""
    return {
        "service_account_name": account,
        "automount_service_account_token": False,
        "enable_service_links": False,
        "security_context": restricted.pod_security(USER_ID),
        "init_containers": [migration(settings, database)],
        "containers": [server(settings, database, with_volume=claim is not None)],
        "volumes": [restricted.scratch("tmp", "5Gi"), *([restricted.claimed("artifacts", claim)] if claim else [])],
    }


def migration(settings: MlflowSettings, database: Database) -> ContainerArgsDict:
    """Makes the tables, or brings them to the server's version, without which it refuses to start.

    It changes nothing where they are right. https://mlflow.org/docs/latest/self-hosting/migration
    """
    return {
        "name": "migrate",
        "image": server_image(settings),
        "command": ["sh", "-c", f'exec mlflow db upgrade "${URI_VARIABLE}"'],
        "env": environment(database),
        "resources": restricted.resources(settings.resources.cpu, settings.resources.memory),
        "volume_mounts": [{"name": "tmp", "mount_path": restricted.TMP}],
        "security_context": restricted.container_security(),
    }


def server(settings: MlflowSettings, database: Database, *, with_volume: bool) -> ContainerArgsDict:
    """The server itself, through which clients also send and fetch files."""
    mounts: list[VolumeMountArgsDict] = [{"name": "tmp", "mount_path": restricted.TMP}]
    if with_volume:
        mounts.append({"name": "artifacts", "mount_path": ARTIFACTS_FOLDER})
    return {
        "name": NAME,
        "image": server_image(settings),
        "command": ["mlflow"],
        "args": server_arguments(settings),
        "ports": [{"name": PORT_NAME, "container_port": PORT}],
        "env": environment(database),
        "resources": restricted.resources(settings.resources.cpu, settings.resources.memory),
        # Importing everything takes a slow node a minute.
        "startup_probe": healthy(period=5, failures=60),
        "liveness_probe": healthy(period=10, failures=6),
        "readiness_probe": healthy(period=5, failures=3),
        "volume_mounts": mounts,
        "security_context": restricted.container_security(),
    }


def healthy(*, period: int, failures: int) -> ProbeArgsDict:
    """Asks `/health`, which answers to any host name."""
    return {
        "http_get": {"path": "/health", "port": PORT_NAME},
        "period_seconds": period,
        "timeout_seconds": 5,
        "failure_threshold": failures,
    }
