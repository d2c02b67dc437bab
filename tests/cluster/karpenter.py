"""Karpenter on a control plane, with the provider that makes KWOK's nodes in the place of the one that makes machines.

https://github.com/kubernetes-sigs/karpenter/tree/main/kwok
"""

import json
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from infra.clusters.eks.karpenter import CAPACITY_LABEL
from infra.clusters.gpu import GPU_RESOURCE
from infra.settings.instance_types import AWS_INSTANCE_TYPES, vcpus
from tests.cluster.control_plane import ControlPlane
from tests.cluster.nodes import SIZE
from tests.processes import Process, free_port
from tests.programs.built import program

NODE_CLASS = {"apiVersion": "karpenter.kwok.sh/v1alpha1", "kind": "KWOKNodeClass", "metadata": {"name": "default"}}
ZONES = ("zone-a", "zone-b", "zone-c")
PRICES = {"spot": 0.4, "on-demand": 1.0}
"""US dollars an hour, made up: their order is all that counts."""


@contextmanager
def karpenter(plane: ControlPlane, offers: Sequence[str] = ("spot", "on-demand")) -> Generator[Process]:
    """Karpenter in a cloud that has capacity of these kinds only.

    What it finds out by a refusal of the cloud, that an offering is not to be had, its AWS provider keeps in the same
    place (https://karpenter.sh/docs/concepts/scheduling/#insufficient-capacity).
    """
    catalogue = plane.folder / "instance-types.json"
    catalogue.write_text(json.dumps([_instance_type(name, offers) for name in AWS_INSTANCE_TYPES]))
    environment = {
        **os.environ,
        "KUBECONFIG": str(plane.kubeconfig),
        "INSTANCE_TYPES_FILE_PATH": str(catalogue),
        "SYSTEM_NAMESPACE": "kube-system",
        "DISABLE_LEADER_ELECTION": "true",
        "METRICS_PORT": str(free_port()),
        "HEALTH_PROBE_PORT": str(free_port()),
    }
    with Process("karpenter-kwok", [program("karpenter-kwok")], plane.folder, environment) as process:
        yield process


def node_pool(document: Mapping[str, Any], after: str) -> dict[str, Any]:
    """A NodePool of a stack with KWOK's node class for EC2's, which looks for empty nodes `after` that time."""
    spec = document["spec"]
    template = spec["template"]
    reference = {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"}
    return {
        **document,
        "spec": {
            **spec,
            "disruption": {**spec["disruption"], "consolidateAfter": after},
            "template": {**template, "spec": {**template["spec"], "nodeClassRef": reference}},
        },
    }


def _instance_type(name: str, offers: Sequence[str]) -> dict[str, Any]:
    gpus = AWS_INSTANCE_TYPES[name].count
    return {
        "name": name,
        "architecture": "amd64",
        "operatingSystems": ["linux"],
        "resources": {**SIZE, "cpu": str(vcpus(name)), "ephemeral-storage": "100Gi", GPU_RESOURCE: str(gpus)},
        "offerings": [_offering(kind, zone, gpus) for kind in offers for zone in ZONES],
    }


def _offering(kind: str, zone: str, gpus: int) -> dict[str, Any]:
    values = {CAPACITY_LABEL: kind, "topology.kubernetes.io/zone": zone}
    requirements = [{"key": key, "operator": "In", "values": [value]} for key, value in values.items()]
    return {"Price": PRICES[kind] * gpus, "Available": True, "Requirements": requirements}
