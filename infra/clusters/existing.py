"""A cluster that the stack uses and does not make."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import yaml

from infra.clusters.cluster import (
    Access,
    BackupStore,
    Identity,
    InternalLoadBalancer,
    LogStore,
    SecretStore,
    ServiceAccount,
)
from infra.settings import SettingsError
from infra.settings.backups import BackupSettings
from infra.settings.existing import ExistingSettings, LoadBalancerSettings
from infra.settings.logs import CloudLogSettings

DEFAULT_KUBECONFIG = "~/.kube/config"


class ExistingCluster(pulumi.ComponentResource):
    """The cluster of a kubeconfig's context; satisfies `infra.clusters.cluster.Cluster`.

    Its GPU nodes must carry `infra.clusters.gpu.NODE_LABEL`.
    https://www.pulumi.com/registry/packages/kubernetes/api-docs/provider/
    """

    provider: kubernetes.Provider
    kubeconfig: pulumi.Output[str]
    ready: Sequence[pulumi.Resource] = ()

    def __init__(self, name: str, settings: ExistingSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:clusters:ExistingCluster", name, None, opts)
        require_context(settings.context, kubeconfig_files(settings.kubeconfig))
        self.name, self._identities = name, settings.identities
        self.gpu_time_slices = settings.gpu_time_slices
        self.network_cidr = str(settings.network_cidr)
        self.spot_labels = tuple(settings.spot_labels.items())
        self.gpu_taints = settings.taints
        self.loading_annotations = settings.loading_annotations
        self.gpu_runtime_class = settings.gpu_runtime_class
        self.has_gpu_operator = settings.has_gpu_operator
        self.has_external_secrets = settings.has_external_secrets
        self.storage_class = settings.storage_class
        self.shared_storage_class = settings.shared_storage_class
        self.internal_load_balancer = internal_load_balancer(settings.load_balancer)
        self.provider = kubernetes.Provider(
            name,
            # Empty, not absent: the SDK would fill in KUBECONFIG, whose list of files the provider takes for a name.
            kubeconfig=settings.kubeconfig or "",
            context=settings.context,
            # So that a file that moves, or a renewed certificate in it, is not another cluster.
            cluster_identifier=settings.context,
            opts=pulumi.ResourceOptions(parent=self),
        )
        # The file may hold credentials; whoever may use the cluster has it.
        self.kubeconfig = pulumi.Output.from_input(f"kubectl --context {settings.context}")
        self.register_outputs({"kubeconfig": self.kubeconfig})

    def group(self, name: str) -> str:
        """The name itself."""
        return name

    def identity(self, name: str, account: ServiceAccount, access: Access) -> Identity:
        """What the settings say; whoever made the cluster gave it its access."""
        del name, access
        given = self._identities.get(f"{account.namespace}/{account.name}")
        return Identity(annotations=given.annotations, pod_labels=given.pod_labels) if given else Identity()

    def secret_store(self, name: str, account: ServiceAccount, secrets: Sequence[str]) -> SecretStore | None:
        """None: no cloud of the stack runs the cluster."""
        del name, account, secrets

    def log_store(self, name: str, account: ServiceAccount, settings: CloudLogSettings) -> LogStore | None:
        """None: no cloud of the stack runs the cluster."""
        del name, account, settings

    def backup_store(self, name: str, account: ServiceAccount, settings: BackupSettings) -> BackupStore | None:
        """None: no cloud of the stack runs the cluster."""
        del name, account, settings


def internal_load_balancer(settings: LoadBalancerSettings | None) -> InternalLoadBalancer:
    """How Services ask for one; without settings none is ever asked for."""
    if settings is None:
        return InternalLoadBalancer()
    return InternalLoadBalancer(load_balancer_class=settings.class_name, annotations=settings.annotations)


def kubeconfig_files(path: str | None) -> list[Path]:
    """What the provider will read: the file at `path`, else those that KUBECONFIG names, else the usual one.

    Empty on a machine that knows no cluster, where the stack can still be previewed offline.
    Raises SettingsError when `path` is not a file.
    """
    if path is not None:
        file = Path(path).expanduser()
        if not file.is_file():
            raise SettingsError(f"existing.kubeconfig must be a file, got {path}; see `kubectl config view`")
        return [file]
    named = os.environ.get("KUBECONFIG") or DEFAULT_KUBECONFIG
    return [file for part in named.split(os.pathsep) if part and (file := Path(part).expanduser()).is_file()]


def require_context(context: str, files: Sequence[Path]) -> None:
    """Raise SettingsError unless one of `files`, if there are any, has `context`."""
    there = sorted({name for file in files for name in contexts(file)})
    if files and context not in there:
        where = ", ".join(map(str, files))
        raise SettingsError(
            f"existing.context must be a context of {where}, got {context}; there: {', '.join(there) or 'none'}"
        )


def contexts(file: Path) -> Iterable[str]:
    """Names of the contexts in a kubeconfig file. Raises SettingsError when it is none.

    https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
    """
    try:
        document: Any = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        entries: list[Any] = document.get("contexts") or []
        return [entry["name"] for entry in entries]
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, KeyError, TypeError):
        raise SettingsError(f"existing.kubeconfig must be a kubeconfig, which {file} is not") from None
