"""Volumes of pods: claimed from a StorageClass, or a directory of an NFS server."""

from typing import Protocol

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import PersistentVolumeClaimSpecArgsDict, PersistentVolumeSpecArgsDict
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from infra.settings.storage import NfsSettings

# Kubernetes wants a size of every volume and a claim; an NFS server has limits of its own.
NOMINAL_SIZE = "1Gi"


class Storage(Protocol):
    """The StorageClasses of a cluster; a `Cluster` satisfies it."""

    @property
    def storage_class(self) -> str:
        """For one node at a time."""
        ...

    @property
    def shared_storage_class(self) -> str | None:
        """For many nodes at once."""
        ...


def claim_spec(size: str, storage: Storage) -> PersistentVolumeClaimSpecArgsDict:
    """A volume that many nodes can mount where the cluster has such, else one for a node at a time."""
    shared = storage.shared_storage_class
    if shared is None:
        return node_claim_spec(size, storage.storage_class)
    return _claim_spec(size, shared, "ReadWriteMany")


def node_claim_spec(size: str, storage_class: str) -> PersistentVolumeClaimSpecArgsDict:
    """A volume for one node at a time."""
    return _claim_spec(size, storage_class, "ReadWriteOnce")


def _claim_spec(size: str, storage_class: str, access: str) -> PersistentVolumeClaimSpecArgsDict:
    return {
        "storage_class_name": storage_class,
        "access_modes": [access],
        "resources": {"requests": {"storage": size}},
    }


def nfs_volume_spec(nfs: NfsSettings, claim: ObjectMetaArgsDict, *, read_only: bool) -> PersistentVolumeSpecArgsDict:
    """A directory that is there before and after the volume; kept for the claim of that name and namespace.

    Pods of a restricted namespace cannot name an NFS server themselves
    (https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted).
    """
    return {
        "capacity": {"storage": NOMINAL_SIZE},
        "access_modes": [access_mode(read_only=read_only)],
        "persistent_volume_reclaim_policy": "Retain",
        "storage_class_name": "",
        "claim_ref": {"namespace": claim.get("namespace"), "name": claim.get("name")},
        "mount_options": ["nfsvers=4.1"],
        "nfs": {"server": nfs.server, "path": nfs.path, "read_only": read_only},
    }


def nfs_claim_spec(volume: pulumi.Input[str], *, read_only: bool) -> PersistentVolumeClaimSpecArgsDict:
    """The claim of exactly that volume; an empty class keeps the cluster's default one away."""
    return {
        "storage_class_name": "",
        "volume_name": volume,
        "access_modes": [access_mode(read_only=read_only)],
        "resources": {"requests": {"storage": NOMINAL_SIZE}},
    }


def access_mode(*, read_only: bool) -> str:
    """Of a directory that many nodes mount."""
    return "ReadOnlyMany" if read_only else "ReadWriteMany"


def nfs_claim(
    logical_name: str,
    nfs: NfsSettings,
    metadata: ObjectMetaArgsDict,
    opts: pulumi.ResourceOptions,
    *,
    read_only: bool,
) -> None:
    """A volume for the directory, and the claim that `metadata` names."""
    volume = kubernetes.core.v1.PersistentVolume(
        logical_name,
        spec=nfs_volume_spec(nfs, metadata, read_only=read_only),
        opts=opts,
    )
    kubernetes.core.v1.PersistentVolumeClaim(
        logical_name,
        metadata=metadata,
        spec=nfs_claim_spec(volume.metadata.name.apply(str), read_only=read_only),
        opts=opts,
    )
