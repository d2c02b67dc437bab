"""NVIDIA GPU Operator: advertises GPUs to the scheduler, shares them in time slices, exports their metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import yaml

from infra.charts import PodSecurity, release, release_namespace
from infra.clusters.gpu import GPU_RESOURCE

NAMESPACE = "gpu-operator"
SHARING_CONFIG = "shared"


@dataclass(frozen=True, kw_only=True)
class GpuOperatorArgs:
    """`time_slices` is how many pods share a GPU; `taints` are the GPU nodes' own."""

    time_slices: int
    taints: Sequence[tuple[str, str, str]]
    runtime_class: str | None = None
    chart_mirror: str | None = None


class GpuOperator(pulumi.ComponentResource):
    """The operator without its driver and toolkit, which the node images of EKS and AKS already carry."""

    def __init__(self, name: str, args: GpuOperatorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:addons:GpuOperator", name, None, opts)
        # Device plugins mount host paths, which no stricter level allows.
        namespace = release_namespace(name, NAMESPACE, self, PodSecurity.PRIVILEGED)
        sharing = kubernetes.core.v1.ConfigMap(
            f"{name}-sharing",
            metadata={"name": "gpu-sharing", "namespace": NAMESPACE},
            data={SHARING_CONFIG: device_plugin_config(args.time_slices)},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace]),
        )
        release(
            name,
            "gpu-operator",
            namespace=NAMESPACE,
            values=values("gpu-sharing", args),
            mirror=args.chart_mirror,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[sharing]),
        )
        self.register_outputs({"namespace": NAMESPACE})


def device_plugin_config(time_slices: int) -> str:
    """The device plugin's configuration file (https://github.com/NVIDIA/k8s-device-plugin#shared-access-to-gpus)."""
    config: dict[str, Any] = {"version": "v1"}
    if time_slices > 1:
        config["sharing"] = {"timeSlicing": {"resources": [{"name": GPU_RESOURCE, "replicas": time_slices}]}}
    return yaml.safe_dump(config, sort_keys=False)


def values(sharing_config_map: str, args: GpuOperatorArgs) -> dict[str, Any]:
    """The chart's values (https://docs.nvidia.com/datacenter/cloud-native/gpu-operator/latest/amazon-eks.html)."""
    tolerations = [
        {"key": key, "operator": "Equal", "value": value, "effect": effect} for key, value, effect in args.taints
    ]
    return {
        **({"operator": {"runtimeClass": args.runtime_class}} if args.runtime_class else {}),
        "daemonsets": {"tolerations": tolerations},
        "node-feature-discovery": {"worker": {"tolerations": tolerations}},
        "driver": {"enabled": False},
        "toolkit": {"enabled": False},
        "devicePlugin": {"config": {"name": sharing_config_map, "default": SHARING_CONFIG}},
        # None of the instance types offered has MIG switched on, nor runs virtual machines.
        "migManager": {"enabled": False},
        "dcgmExporter": exporter(args.time_slices),
    }


def exporter(time_slices: int) -> dict[str, Any]:
    """The values of the exporter of GPU metrics."""
    made: dict[str, Any] = {
        "enabled": True,
        # The exporter's own pod and namespace labels name the GPU's user; Prometheus must not overwrite them.
        # The operator skips the ServiceMonitor where Prometheus's CRDs are absent.
        "serviceMonitor": {"enabled": True, "honorLabels": True},
    }
    if time_slices > 1:
        # Without it one of the pods that share a GPU is named (https://github.com/NVIDIA/dcgm-exporter/pull/432).
        made["env"] = [{"name": "KUBERNETES_VIRTUAL_GPUS", "value": "true"}]
    return made
