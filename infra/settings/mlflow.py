"""The `mlflow` block."""

from typing import Annotated

from pydantic import AfterValidator, Field

from infra.settings.image import ImageByDigest
from infra.settings.model import ByteQuantity, CpuQuantity, DnsLabel, Settings, distinct, unit
from infra.settings.storage import ObjectUrl, OneOf

NAME = NAMESPACE = "mlflow"
PORT = 5000
URL = f"http://{NAME}.{NAMESPACE}.svc"
"""Where pods of the cluster find the server."""


class ArtifactSettings(OneOf):
    """Where the server keeps models and files; clients reach them through the server. Exactly one of its keys."""

    size: ByteQuantity | None = None
    """Size of a volume that the stack makes."""
    url: ObjectUrl | None = None
    """In an object store: `s3://bucket/prefix` or `https://account.blob.core.windows.net/container/prefix`."""


class ExternalDatabaseSettings(Settings):
    """A database that the stack does not make."""

    secret: DnsLabel
    """Secret of the namespace `mlflow` whose key `uri` has the address, login included; the server waits for it."""
    port: Annotated[int, Field(ge=1, le=65535), unit("TCP port")] = 5432
    """Port of the database, which the server's network policy opens."""


class DatabaseSettings(OneOf):
    """Where runs, parameters, metrics and the model registry are kept. Exactly one of its keys."""

    size: ByteQuantity | None = None
    """Size of the volume of a PostgreSQL server that the stack runs."""
    external: ExternalDatabaseSettings | None = None
    """A database that somebody else runs and backs up."""


class MlflowResources(Settings):
    """What the server may use."""

    cpu: CpuQuantity = "500m"
    """CPU requested: cores in quotes, `"2"`, or millicores, `500m`. There is no limit."""
    memory: ByteQuantity = "2Gi"
    """Memory requested and at most used; 300 MiB for each worker and as much for the server itself."""


class MlflowSettings(Settings):
    """An MLflow server on every cluster of the stack, reached from inside the cluster; it asks for no login."""

    image: ImageByDigest | None = None
    """Image by digest, for a mirror or a later version; absent means the pinned `ghcr.io/mlflow/mlflow`."""
    workers: Annotated[int, Field(ge=1, le=16), unit("processes")] = 2
    """Server processes."""
    resources: MlflowResources = MlflowResources()
    """Requests and limits of the server."""
    artifacts: ArtifactSettings = ArtifactSettings(size="20Gi")
    """Files of the runs."""
    database: DatabaseSettings = DatabaseSettings(size="10Gi")
    """The database."""
    client_namespaces: Annotated[tuple[DnsLabel, ...], AfterValidator(distinct)] = ()
    """Namespaces of the cluster whose pods may use the server, beside the training's."""
    delete_data: bool = True
    """Whether `destroy` deletes the namespace with its volumes; false refuses."""
