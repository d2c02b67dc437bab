"""Every opening of every network policy: a reason, and selectors that match the pods they mean.

An API server accepts policies that nothing enforces; who enforces them is in the plan, the VPC CNI on EKS and Cilium on
AKS.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from infra.namespaces.network import POD_IDENTITY_AGENT
from tests.cluster.stacks import Stack

CLUSTERS = ["eks", "aks"]
ALL = ("0.0.0.0/0", "::/0")

# Kubernetes' own pods, and those that the stack's charts bring, by namespace; no chart is rendered here.
FOREIGN = {
    "kube-system": [{"k8s-app": "kube-dns"}],
    "monitoring": [{"app.kubernetes.io/name": "prometheus"}, {"app.kubernetes.io/name": "fluent-bit"}],
    "envoy-gateway-system": [
        {"control-plane": "envoy-gateway"},
        {
            "app.kubernetes.io/managed-by": "envoy-gateway",
            "app.kubernetes.io/component": "proxy",
            "gateway.envoyproxy.io/owning-gateway-namespace": "serving",
            "gateway.envoyproxy.io/owning-gateway-name": "model-server",
        },
    ],
}

OWN = {"serving", "training", "mlflow", "tracing"}
"""Namespaces whose pods are all the stack's own."""

Labels = Mapping[str, str]


def pods(objects: Sequence[Mapping[str, Any]]) -> dict[str, list[Labels]]:
    """The labels of all pods that a stack's own objects make, by namespace."""
    found: dict[str, list[Labels]] = {name: list(labels) for name, labels in FOREIGN.items()}
    for document in objects:
        spec = document.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template and "containers" in template["spec"]:
            found.setdefault(document["metadata"]["namespace"], []).append(template["metadata"]["labels"])
    return found


def policies(objects: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [document for document in objects if document["kind"] == "NetworkPolicy"]


def matching(selector: Mapping[str, Any], among: Sequence[Labels]) -> list[Labels]:
    wanted = selector.get("matchLabels", {}).items()
    return [labels for labels in among if wanted <= labels.items()]


def peers(policy: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for rule in policy["spec"].get(direction, []):
            # A rule without peers, or without ports, is open to everybody, or on every port.
            assert rule[side], f"{policy['metadata']['name']} opens {direction} to everybody"
            assert rule["ports"], f"{policy['metadata']['name']} opens {direction} on every port"
            yield from ((direction, peer) for peer in rule[side])


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_nothing_passes_in_a_workloads_namespace_but_through_an_opening(prod: Stack, cluster: str) -> None:
    objects = prod.objects[cluster]
    closed = {
        each["metadata"]["namespace"]
        for each in policies(objects)
        if each["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    }

    assert closed == OWN


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_every_policy_is_of_pods_that_are_there(prod: Stack, cluster: str) -> None:
    objects = prod.objects[cluster]
    own = pods(objects)
    whole = [each for each in policies(objects) if not each["spec"]["podSelector"]]
    others = [each for each in policies(objects) if each["spec"]["podSelector"]]

    by_chart = {"envoy-gateway-system", "falco", "trivy-system", "model-server-secrets", "monitoring-secrets"}
    assert {each["metadata"]["namespace"] for each in whole} <= OWN | by_chart
    assert [
        each["metadata"]["name"]
        for each in others
        if len(matching(each["spec"]["podSelector"], own.get(each["metadata"]["namespace"], []))) != 1
    ] == ["backup", "backup"], "MLflow's and the training's: those that make backups, and those that bring them back"


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_every_opening_leads_to_pods_that_are_there_or_to_addresses_that_are_meant(prod: Stack, cluster: str) -> None:
    own = pods(prod.objects[cluster])
    lost: list[str] = []
    addresses: dict[str, set[str]] = {}
    for policy in policies(prod.objects[cluster]):
        name = policy["metadata"]["name"]
        for direction, peer in peers(policy):
            if "ipBlock" in peer:
                addresses.setdefault(f"{name} {direction}", set()).add(peer["ipBlock"]["cidr"])
                continue
            around = peer.get("namespaceSelector", {"matchLabels": {"": policy["metadata"]["namespace"]}})
            (namespace,) = around["matchLabels"].values()
            if not matching(peer.get("podSelector", {}), own.get(namespace, [])):
                lost.append(f"{name} {direction} {namespace}")

    assert lost == []
    # The load balancer's clients: all of the network. Nobody else comes in by an address. Lines go to CloudWatch and
    # backups to an object store, whose addresses are many; on AKS the cloud's own agent brings lines.
    clients = {"proxies ingress": {"10.32.0.0/16" if cluster == "eks" else "10.48.0.0/16"}}
    lines = {"fluent-bit egress": {*ALL, *POD_IDENTITY_AGENT}} if cluster == "eks" else {}
    backups = {"backup egress": {*ALL, *(POD_IDENTITY_AGENT if cluster == "eks" else ())}}
    assert addresses == clients | lines | backups


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_every_service_and_budget_selects_pods_that_are_there(prod: Stack, cluster: str) -> None:
    own = pods(prod.objects[cluster])
    found: list[tuple[str, int]] = []
    for document in prod.objects[cluster]:
        spec = document.get("spec", {})
        selector = {"Service": {"matchLabels": spec.get("selector", {})}, "PodDisruptionBudget": spec.get("selector")}
        if document["kind"] in selector:
            matched = matching(selector[document["kind"]], own[document["metadata"]["namespace"]])
            found.append((document["metadata"]["name"], len(matched)))

    assert len(found) >= 4
    assert [each for each in found if each[1] != 1] == []
