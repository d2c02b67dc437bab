"""Where the pods find models that are not in the image: the volume, its claim, and what fills it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import VolumeArgsDict
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from inference_app.contract import Env
from infra.clusters.cluster import Cluster
from infra.namespaces.limits import in_bytes
from infra.pods.restricted import scratch
from infra.pods.volumes import claim_spec, nfs_claim
from infra.serving.environment import stated
from infra.settings import mlflow
from infra.settings.model import SettingsError
from infra.settings.source import SourceSettings
from infra.settings.storage import NfsSettings

VOLUME = "models"


@dataclass(frozen=True, kw_only=True)
class ModelVolume:
    """A volume that holds the repository, or that a pull with the variables `pull` fills at each start of a pod.

    `space` is what it then takes of the node's disk.
    """

    volume: VolumeArgsDict
    pull: Mapping[str, str] = field(default_factory=dict[str, str])
    space: str | None = None


def model_volume(source: SourceSettings, claim: pulumi.Input[str] | None = None) -> ModelVolume:
    """The models' volume; `claim` is the name of the one that the stack makes, where it makes one.

    Images as volumes are on in Kubernetes from 1.35, and `restricted` admits them
    (https://kubernetes.io/docs/tasks/configure-pod-container/image-volumes/).
    """
    if source.pulled:
        return ModelVolume(volume=scratch(VOLUME, source.space), pull=pull_variables(source), space=source.space)
    if source.image:
        return ModelVolume(volume={"name": VOLUME, "image": {"reference": source.image, "pull_policy": "IfNotPresent"}})
    name = source.claim or claim
    if name is None:
        raise ValueError("model_volume must be told the claim that the stack makes for this source")
    return ModelVolume(volume={"name": VOLUME, "persistent_volume_claim": {"claim_name": name, "read_only": True}})


def pull_variables(source: SourceSettings) -> dict[str, str]:
    """What a pull is told beside the server's variables, from which it knows the models' names."""
    store = {
        "AWS_REGION": source.region,
        "AWS_ENDPOINT_URL_S3": source.endpoint,
        "MLFLOW_TRACKING_URI": mlflow.URL if source.mlflow else None,
    }
    pull = {
        Env.MODEL_SOURCE: source.pulled,
        Env.MODEL_SOURCE_SHA256: source.sha256,
        Env.MODEL_SOURCE_MAX_BYTES: in_bytes(source.space),
    }
    return stated(pull) | {name: value for name, value in store.items() if value}


@dataclass(frozen=True, kw_only=True)
class ModelClaimArgs:
    """`source` has `size` or `nfs`; the claim is made in `namespace`, which is there."""

    source: SourceSettings
    cluster: Cluster
    namespace: str
    labels: Mapping[str, str]


class ModelClaim(pulumi.ComponentResource):
    """The claim of a new volume that many nodes mount, or of an NFS server's directory.

    A claim that pods mount cannot go (https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection),
    so one that changes is another, to which the pods move first.
    """

    claim: pulumi.Output[str]

    def __init__(self, name: str, args: ModelClaimArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:serving:ModelClaim", name, None, opts)
        metadata: ObjectMetaArgsDict = {"namespace": args.namespace, "labels": args.labels}
        if args.source.nfs:
            claim = nfs_claim_name(args.source.nfs)
            opts = pulumi.ResourceOptions(parent=self)
            nfs_claim(name, args.source.nfs, metadata | {"name": claim}, opts, read_only=True)
            self.claim = pulumi.Output.from_input(claim)
        else:
            self.claim = self._new(name, args, metadata)
        self.register_outputs({"claim": self.claim})

    def _new(self, name: str, args: ModelClaimArgs, metadata: ObjectMetaArgsDict) -> pulumi.Output[str]:
        """A claim under a name that Pulumi makes.

        Raises SettingsError on a cluster where no volume can be mounted by many nodes.
        """
        if not args.source.size or not args.cluster.shared_storage_class:
            raise SettingsError(
                f"model.source.size needs volumes that many nodes mount, which {args.cluster.name} has not; add "
                "eks.sharedStorage or existing.sharedStorageClass, or name another source"
            )
        claim = kubernetes.core.v1.PersistentVolumeClaim(
            name,
            metadata=metadata,
            spec=claim_spec(args.source.size, args.cluster),
            opts=pulumi.ResourceOptions(parent=self, protect=not args.source.delete_data),
        )
        return claim.metadata.name.apply(str)


def nfs_claim_name(nfs: NfsSettings) -> str:
    """Another one for another directory."""
    return f"{VOLUME}-{hashlib.sha256(f'{nfs.server}:{nfs.path}'.encode()).hexdigest()[:10]}"
