"""`model.source`: where models come from that are not in the image."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from inference_app.contract import MODEL_URI
from infra.settings.image import ImageByDigest
from infra.settings.model import ByteQuantity, DnsLabel
from infra.settings.storage import NfsSettings, ObjectUrl, OneOf

_ENDPOINT = re.compile(
    r"https://[a-z0-9][a-z0-9.-]*(?::(?P<port>[0-9]{1,5}))?"
    r"|http://[a-z0-9-]+\.(?P<namespace>[a-z0-9-]+)\.svc(?:\.cluster\.local)?:(?P<service_port>[0-9]{1,5})"
)


def _of_s3(endpoint: str) -> str:
    match = _ENDPOINT.fullmatch(endpoint)
    port = match and int(match["port"] or match["service_port"] or 443)
    if not port or port > 65535:
        raise ValueError("must be https://host, or a Service with its port, as http://minio.storage.svc:9000")
    return endpoint


def _registered(uri: str) -> str:
    if not re.fullmatch(MODEL_URI, uri):
        raise ValueError("must be models:/name@alias or models:/name/number")
    return uri


class SourceSettings(OneOf):
    """A model repository outside the image: pulled from an object store or MLflow at start, or mounted."""

    alternatives = ("url", "mlflow", "size", "claim", "nfs", "image")

    url: ObjectUrl | None = None
    """Object store: `s3://bucket/prefix` or `https://account.blob.core.windows.net/container/prefix`. Every pod pulls
    the models at its start, and checks them against the version's SHA256SUMS."""
    mlflow: Annotated[str, AfterValidator(_registered)] | None = None
    """A version registered in the stack's MLflow: `models:/name@alias` or `models:/name/number`. Every pod pulls it at
    its start as from an object store; `model.extra` come by the same alias."""
    size: ByteQuantity | None = None
    """Size of a volume that the stack makes on the cluster's shared StorageClass, for somebody else to fill."""
    claim: DnsLabel | None = None
    """A PersistentVolumeClaim of the namespace `serving.namespace`, which somebody else makes there."""
    nfs: NfsSettings | None = None
    """A directory of an NFS server."""
    image: ImageByDigest | None = None
    """An image, by digest, whose root is the repository; nodes pull it as they pull the server's, and it is mounted."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """With `url` or `mlflow`, and `model.version`: SHA-256 of the version's SHA256SUMS, which so pins every byte."""
    space: ByteQuantity = "5Gi"
    """With `url` or `mlflow`: disk of the node that pulled models may take, requested for each pod."""
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")] | None = None
    """With an `s3://` URL: the bucket's region; absent means the cluster's, which pods on EKS know."""
    endpoint: Annotated[str, AfterValidator(_of_s3)] | None = None
    """With an `s3://` URL: another store with S3's API, `https://host` or, in the cluster, `http://name.namespace.svc:port`.
    Its keys come through `serving.secrets`."""
    delete_data: bool = True
    """With `size`: whether `destroy` deletes the volume with the models on it; false refuses."""

    @model_validator(mode="after")
    def _keys_belong_to_the_url(self) -> Self:
        is_s3 = self.url is not None and self.url.startswith("s3://")
        fits = {"sha256": self.pulled is not None, "region": is_s3, "endpoint": is_s3}
        for key, fit in fits.items():
            if getattr(self, key) is not None and not fit:
                needed = "url or mlflow" if key == "sha256" else "an s3:// url"
                raise ValueError(f"{key} must be absent without {needed}, got {getattr(self, key)}; remove it")
        return self

    @property
    def pulled(self) -> str | None:
        """What pods pull at their start, instead of mounting a volume that others fill."""
        return self.url or self.mlflow

    @property
    def reads(self) -> tuple[str, ...]:
        """What the pods' identity must let them read; a store at an endpoint of its own knows nothing of it."""
        return (self.url,) if self.url and not self.endpoint else ()

    @property
    def claims(self) -> int:
        """How many claims there are at once, a changed one beside the one that it replaces included."""
        return 2 if self.size or self.nfs else int(self.claim is not None)

    @property
    def service(self) -> tuple[str, int] | None:
        """Namespace and port of an endpoint inside the cluster."""
        match = _ENDPOINT.fullmatch(self.endpoint or "")
        return (match["namespace"], int(match["service_port"])) if match and match["namespace"] else None

    @property
    def port(self) -> int:
        """Where the store listens that is outside the cluster."""
        match = _ENDPOINT.fullmatch(self.endpoint or "")
        return int(match["port"] or 443) if match else 443
