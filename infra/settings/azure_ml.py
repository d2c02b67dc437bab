"""The `azureMl` block."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic.alias_generators import to_camel

from infra.compatibility.hardware import because
from infra.settings.aks import AZURE_VM_SIZES
from infra.settings.instance_types import GpuInstanceType
from infra.settings.model import Bounds, ByteQuantity, CpuQuantity, Settings, unit

WHOLE = 100
"""Percent that the traffic of all deployments adds up to."""

# https://learn.microsoft.com/azure/machine-learning/reference-managed-online-endpoints-vm-sku-list without what
# infra/compatibility/table.yaml refuses.
GPU_INSTANCE_TYPES: Mapping[str, GpuInstanceType] = {
    **AZURE_VM_SIZES,
    "Standard_ND96asr_v4": GpuInstanceType("A100", 8, 40),
    "Standard_ND96amsr_A100_v4": GpuInstanceType("A100", 8, 80),
    "Standard_ND96isr_H100_v5": GpuInstanceType("H100", 8, 80),
}

_GPU_FAMILIES = ("Standard_NC", "Standard_ND", "Standard_NV")


def _gpu_that_runs_the_image(name: str) -> str:
    if name.startswith(_GPU_FAMILIES) and name not in GPU_INSTANCE_TYPES:
        raise ValueError(f"must be a CPU type or one of {', '.join(GPU_INSTANCE_TYPES)}{because([name])}")
    return name


class InstanceSettings(Bounds):
    """How many virtual machines a deployment runs on; the autoscaler moves between the bounds."""

    min: Annotated[int, Field(ge=1), unit("instances")] = 2
    """Fewest instances; Azure's service-level agreement wants two."""
    max: Annotated[int, Field(ge=1), unit("instances")] = 10
    """Most instances. The subscription's quota must hold 20 percent more, which Azure keeps for its upgrades."""

    @model_validator(mode="after")
    def _the_same_around_the_clock(self) -> Self:
        if self.min_outside_office_hours is not None:
            raise ValueError(
                "minOutsideOfficeHours must be absent here: Azure Monitor's schedules know no IANA time zones, "
                f"got {self.min_outside_office_hours}; remove it"
            )
        return self


# https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas#azure-machine-learning-online-endpoints-and-batch-endpoints
DeploymentName = Annotated[str, Field(pattern=r"^[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]$")]


class DeploymentSettings(Settings):
    """One version of what is served, on instances of its own.

    To change what is served with care: name the `digest` that the first deployment runs, add a second one without it
    at 10 percent, shift the percentages, remove the first.
    """

    percent: Annotated[int, Field(ge=0, le=WHOLE), unit("percent")]
    """Share of the endpoint's requests, percent; all deployments together have 100."""
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    """Digest of the image it runs, in the stack's registry; absent means the stack's image, which `up` rolls out."""
    version: Annotated[str, Field(pattern=r"^[0-9]+$")] | None = None
    """Version of the model it serves, in quotes; absent means `model.version`."""


class Compute(StrEnum):
    """Whose machines the servers run on.

    https://learn.microsoft.com/azure/machine-learning/concept-endpoints-online#managed-online-endpoints-vs-kubernetes-online-endpoints
    """

    MANAGED = "managed"
    AKS = "aks"


class ServerResources(Settings):
    """What one server may use of a node of the cluster."""

    gpus: Annotated[int, Field(ge=1), unit("GPUs")] = 1
    """GPUs, or time slices of them."""
    cpu: CpuQuantity = "2"
    """CPU requested and at most used: cores in quotes, `"2"`, or millicores, `500m`."""
    memory: ByteQuantity = "8Gi"
    """Memory requested and at most used, for example `8Gi`."""


class TlsSettings(Settings):
    """The certificate that the cluster's endpoint shows."""

    host: Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")]
    """Host name in the certificate; its DNS record, which you make, leads to the load balancer `azureml-fe`."""
    secret: Annotated[str, Field(pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")]
    """Secret in the namespace `azureml` with `cert.pem` and `key.pem`; it must be there before this block is added."""


ABSENT: Mapping[Compute, Mapping[str, str]] = {
    Compute.MANAGED: {
        "resources": "a server has its machine to itself",
        "tls": "Azure's own certificate is shown",
    },
    Compute.AKS: {
        "instance_type": "servers run on aks.gpuPools with azureMl: true",
        "public_access": "the endpoint is in the cluster's network only",
        "private_egress": "servers leave as all pods of the cluster do",
        "usual_requests_per_minute": "Azure Monitor has no metrics of it",
    },
}
"""What has no meaning on a compute, and why."""


def _one() -> dict[str, DeploymentSettings]:
    return {"blue": DeploymentSettings(percent=WHOLE)}


class AzureMlSettings(Settings):
    """An online endpoint in an Azure Machine Learning workspace of its own."""

    compute: Compute = Compute.MANAGED
    """`managed`, or `aks`: nodes of the stack's cluster, without Azure Monitor's alarms and logs, called with a token
    of Azure ML."""
    instance_type: (
        Annotated[str, Field(pattern=r"^Standard_[A-Za-z0-9_]+$"), AfterValidator(_gpu_that_runs_the_image)] | None
    ) = None
    """Virtual machine size of every deployment, `Standard_NC4as_T4_v3` for one; with a GPU the model runs on it."""
    resources: ServerResources = ServerResources()
    """What each server gets of a node where `compute` is `aks`."""
    tls: TlsSettings | None = None
    """Where `compute` is `aks`: the certificate with which the network is let in; absent means pods of the cluster
    only."""
    instances: InstanceSettings = InstanceSettings()
    """Bounds of each deployment's instance count."""
    target_utilisation: Annotated[int, Field(ge=20, le=90), unit("percent")] = 70
    """Average use of GPU or CPU, percent, above which instances are added; on `aks`, of servers that have a request."""
    deployments: Annotated[dict[DeploymentName, DeploymentSettings], Field(min_length=1, default_factory=_one)]
    """What is served, by name; absent means one deployment, `blue`."""
    max_concurrent_requests: Annotated[int, Field(ge=1, le=1000), unit("requests")] = 64
    """Requests that one instance takes at once; more get 429. Batches form among them."""
    request_timeout_seconds: Annotated[int, Field(ge=1, le=180), unit("seconds")] = 30
    """How long a request may take in all, 180 at most."""
    usual_requests_per_minute: Annotated[int, Field(ge=1), unit("requests per minute")] = 600
    """Traffic that the alarm on errors assumes, which counts and cannot divide; with more it fires sooner."""
    public_access: bool = True
    """Answer on the internet, to callers with a token of Microsoft Entra; false leaves the workspace's private link."""
    private_egress: bool = False
    """Keep the servers off the internet: the workspace's managed network reaches its own parts by private link only."""
    log_retention_days: Annotated[int, Field(ge=30, le=730), unit("days")] = 30
    """Days that the containers' logs are kept."""

    @model_validator(mode="after")
    def _keys_have_a_meaning(self) -> Self:
        given = self.model_dump(mode="json", by_alias=True)
        for field, reason in ABSENT[self.compute].items():
            if field in self.model_fields_set:
                key = to_camel(field)
                got = json.dumps(given[key])
                raise ValueError(
                    f"{key} must be absent where compute is {self.compute}, got {got}: {reason}; remove it"
                )
        return self

    @model_validator(mode="after")
    def _managed_machines_have_a_type(self) -> Self:
        if self.compute is Compute.MANAGED and self.instance_type is None:
            raise ValueError("instanceType is required where compute is managed; add it, as Standard_NC4as_T4_v3")
        return self

    @model_validator(mode="after")
    def _traffic_adds_up(self) -> Self:
        total = sum(deployment.percent for deployment in self.deployments.values())
        if total != WHOLE:
            shares = " + ".join(str(deployment.percent) for deployment in self.deployments.values())
            raise ValueError(f"deployments.*.percent must add up to {WHOLE}, got {shares} = {total}")
        return self

    @property
    def has_gpu(self) -> bool:
        """Whether the instances carry GPUs."""
        return self.compute is Compute.AKS or self.instance_type in GPU_INSTANCE_TYPES
