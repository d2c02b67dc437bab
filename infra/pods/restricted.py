"""What every pod of ours shares: no privileges, and nothing to write to but its volumes."""

from collections.abc import Mapping

from pulumi_kubernetes.core.v1 import (
    PodSecurityContextArgsDict,
    ResourceRequirementsArgsDict,
    SecurityContextArgsDict,
    VolumeArgsDict,
)

TMP = "/tmp"  # noqa: S108 an emptyDir of the pod's own


def pod_security(user: int) -> PodSecurityContextArgsDict:
    """What the Pod Security level `restricted` asks of a pod."""
    return {
        "run_as_non_root": True,
        "run_as_user": user,
        "run_as_group": user,
        "fs_group": user,
        # A large volume is not walked through at every start.
        "fs_group_change_policy": "OnRootMismatch",
        "seccomp_profile": {"type": "RuntimeDefault"},
    }


def container_security() -> SecurityContextArgsDict:
    """What it asks of a container, and a root file system that nobody writes to."""
    return {
        "allow_privilege_escalation": False,
        "read_only_root_filesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def resources(cpu: str, memory: str, extended: Mapping[str, str] | None = None) -> ResourceRequirementsArgsDict:
    """Memory and `extended` resources are limits; CPU is not, since idle cores are there to be used."""
    limits = {"memory": memory, **(extended or {})}
    return {"requests": {"cpu": cpu, **limits}, "limits": limits}


def scratch(name: str, size: str) -> VolumeArgsDict:
    """An empty folder that goes with the pod."""
    return {"name": name, "empty_dir": {"size_limit": size}}


def claimed(name: str, claim: str, *, read_only: bool = False) -> VolumeArgsDict:
    """A PersistentVolumeClaim of the namespace."""
    return {"name": name, "persistent_volume_claim": {"claim_name": claim, "read_only": read_only}}
