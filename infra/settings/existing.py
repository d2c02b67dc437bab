"""The `existing` block: a Kubernetes cluster that somebody else made."""

from ipaddress import IPv4Network
from typing import Annotated

from pydantic import AfterValidator, Field

from infra.clusters.gpu import NODE_TAINT
from infra.settings.clusters import ClusterSettings, ServiceAccountName
from infra.settings.model import DnsLabel, Settings, distinct

# `kubectl taint`'s own form (https://kubernetes.io/docs/reference/kubectl/generated/kubectl_taint/).
Taint = Annotated[str, Field(pattern=r"^[A-Za-z0-9./_-]+=[A-Za-z0-9._-]*:(NoSchedule|PreferNoSchedule|NoExecute)$")]


class LoadBalancerSettings(Settings):
    """How a Service asks for a load balancer that only the cluster's network reaches."""

    class_name: Annotated[str | None, Field(alias="class")] = None
    """The Service's `loadBalancerClass`; absent means the cluster's default implementation."""
    annotations: Annotated[dict[str, str], Field(default_factory=dict)]
    """The Service's annotations; on most clouds a load balancer faces the internet without the right ones."""


class IdentitySettings(Settings):
    """What a service account and its pods carry where the cluster's cloud knows them by it."""

    annotations: Annotated[dict[str, str], Field(default_factory=dict)]
    """Of the account, as `eks.amazonaws.com/role-arn` or `azure.workload.identity/client-id`."""
    pod_labels: Annotated[dict[str, str], Field(default_factory=dict)]
    """Of its pods, as `azure.workload.identity/use: "true"`."""


class ExistingSettings(ClusterSettings):
    """A cluster reached through a kubeconfig; what a cloud would tell of it is said here."""

    context: Annotated[str, Field(min_length=1)]
    """Context of the kubeconfig; it stands for the cluster, so another name means every object made anew."""
    kubeconfig: str | None = None
    """Path of the kubeconfig, `~` allowed; absent means `KUBECONFIG`, else `~/.kube/config`."""
    network_cidr: IPv4Network
    """Address range of nodes, pods and whoever may call an internal load balancer."""
    storage_class: DnsLabel
    """StorageClass of encrypted volumes for one node at a time; Prometheus keeps its series on one."""
    shared_storage_class: DnsLabel | None = None
    """StorageClass of volumes that many nodes mount at once; absent where the cluster has none."""
    gpu_taints: Annotated[tuple[Taint, ...], AfterValidator(distinct)] = ("{}={}:{}".format(*NODE_TAINT),)
    """Taints (`key=value:Effect`) of GPU nodes, which need `kubectl label nodes NODE inference-platform/gpu=true`."""
    loading_annotations: Annotated[dict[str, str], Field(default_factory=dict)]
    """Annotations of pods while whose model loads no node is to be taken away, as your node autoscaler knows them."""
    has_gpu_operator: bool = False
    """Whether the NVIDIA GPU Operator, or a device plugin, is there already; then the stack brings none."""
    has_external_secrets: bool = False
    """Whether External Secrets (https://external-secrets.io) is there already; then the stack brings no definitions."""
    gpu_runtime_class: DnsLabel | None = None
    """RuntimeClass that reaches the GPUs; absent where nodes' default runtime does."""
    spot_labels: Annotated[dict[str, str], Field(default_factory=dict)]
    """Labels of nodes that may be taken back; pods prefer these nodes. Empty where there are none."""
    load_balancer: LoadBalancerSettings | None = None
    """An internal load balancer, for `serving.exposure: network`."""
    identities: Annotated[dict[ServiceAccountName, IdentitySettings], Field(default_factory=dict)]
    """Identities of service accounts, by `namespace/name`; who made the cluster gave them their access."""

    @property
    def taints(self) -> tuple[tuple[str, str, str], ...]:
        """`gpuTaints` as key, value, effect."""
        return tuple(_parts(taint) for taint in self.gpu_taints)


def _parts(taint: str) -> tuple[str, str, str]:
    key, _, rest = taint.partition("=")
    value, _, effect = rest.partition(":")
    return key, value, effect
