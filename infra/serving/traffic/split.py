"""What is split: the requests to one name, between the Services of tracks."""

from collections.abc import Sequence
from dataclasses import dataclass

from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from inference_app.contract import GRPC_PORT
from infra.serving.service import HTTP_PORT
from infra.serving.track import APP, LABELS, Track
from infra.settings.serving import ServingSettings

CLUSTER_DOMAIN = "cluster.local"
"""What meshes end the names of Services with."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """The share of the requests to the service that each track gets."""

    settings: ServingSettings
    tracks: Sequence[Track]

    @property
    def ports(self) -> Sequence[int]:
        """Ports of the tracks' Services, and of the one that stands for all."""
        return [HTTP_PORT, GRPC_PORT] if self.settings.grpc else [HTTP_PORT]

    def metadata(self, object_name: str = APP) -> ObjectMetaArgsDict:
        """Metadata of an object that concerns all tracks."""
        return {"name": object_name, "namespace": self.settings.namespace, "labels": LABELS}

    def host(self, service: str = APP) -> str:
        """The full name of a Service."""
        return f"{service}.{self.settings.namespace}.svc.{CLUSTER_DOMAIN}"
