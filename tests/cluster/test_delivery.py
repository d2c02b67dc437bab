"""What Argo CD is told and may do, by the word of a real API server: its workload, and nothing beside it."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import pytest

from infra.addons.argocd import CONTROLLER
from infra.manifests.workload import WAVE, workload
from tests.cluster.api import Api, RefusedError
from tests.cluster.control_plane import ControlPlane
from tests.cluster.objects import applied, remove
from tests.cluster.stacks import Stack, known
from tests.cluster.test_objects import spoiled
from tests.cluster.variants import delivered

CLUSTER, NAMESPACE = "existing", "serving"


@pytest.fixture(scope="module")
def stack() -> Stack:
    return delivered("argocd")


@pytest.fixture(scope="module")
def manifests(stack: Stack) -> Sequence[dict[str, Any]]:
    """The published objects, in the order in which Argo CD applies them."""
    found = [known(file.document) for file in workload(delivered("program").plan, stack.plan)]
    return sorted(found, key=lambda document: int(document["metadata"]["annotations"][WAVE]))


@pytest.fixture(scope="module")
def argo_cd(plane: ControlPlane, stack: Stack) -> Generator[Api]:
    """The API server as Argo CD's controller knows it, once the stack is up."""
    with applied(plane.api, stack.objects[CLUSTER]):
        yield plane.api.as_user(f"system:serviceaccount:{CONTROLLER.namespace}:{CONTROLLER.name}")


def test_it_makes_and_deletes_every_published_object_in_the_order_of_the_waves(
    argo_cd: Api, manifests: Sequence[dict[str, Any]]
) -> None:
    made = [argo_cd.apply(document) for document in manifests]
    again = [argo_cd.apply(document) for document in manifests]
    listed = [argo_cd.list(f"{each['apiVersion']} {each['kind']}", NAMESPACE) for each in manifests]
    remove(argo_cd, manifests)

    assert [each["metadata"]["namespace"] for each in made] == [NAMESPACE] * len(manifests)
    assert [each["metadata"].get("generation") for each in again] == [
        each["metadata"].get("generation") for each in made
    ]
    assert all(listed)
    assert argo_cd.warnings == []
    assert {each["kind"] for each in manifests} >= {"Deployment", "Service", "HTTPRoute", "ScaledObject"}


def test_it_takes_over_in_place_what_the_program_made(
    plane: ControlPlane, argo_cd: Api, manifests: Sequence[dict[str, Any]]
) -> None:
    later = next(each for each in manifests if each["kind"] == "Service")
    annotations = {**later["metadata"]["annotations"], "example.com/note": "left out later"}
    first = {**later, "metadata": {**later["metadata"], "annotations": annotations}}
    name = later["metadata"]["name"]

    made = plane.api.create(first)
    taken = argo_cd.apply(first)
    kept = argo_cd.apply(later)
    # As docs/delivery.md tells people to: what a commit leaves out stays as long as the program's entry is there.
    argo_cd.apply(first)
    entries = [each for each in taken["metadata"]["managedFields"] if each["operation"] == "Apply"]
    plane.api.patch("v1 Service", name, {"metadata": {"managedFields": entries}}, NAMESPACE)
    left_out = argo_cd.apply(later)
    remove(plane.api, [later])

    assert left_out["metadata"]["uid"] == taken["metadata"]["uid"] == made["metadata"]["uid"]
    assert kept["metadata"]["annotations"] == annotations
    assert left_out["metadata"]["annotations"] == later["metadata"]["annotations"]


def test_the_weights_are_the_last_to_come(manifests: Sequence[dict[str, Any]]) -> None:
    kinds = [each["kind"] for each in manifests]
    route = manifests[kinds.index("HTTPRoute")]["spec"]["rules"][0]["backendRefs"]

    assert {each["name"]: each["weight"] for each in route} == {"model-server-stable": 90, "model-server-canary": 10}
    assert kinds.index("HTTPRoute") > len(kinds) - kinds[::-1].index("Deployment") - 1


@pytest.mark.parametrize(
    ("resource", "group"),
    [
        ("secrets", ""),
        ("serviceaccounts", ""),
        ("persistentvolumeclaims", ""),
        ("pods/exec", ""),
        ("networkpolicies", "networking.k8s.io"),
        ("roles", "rbac.authorization.k8s.io"),
        ("rolebindings", "rbac.authorization.k8s.io"),
        ("externalsecrets", "external-secrets.io"),
        ("gateways", "gateway.networking.k8s.io"),
    ],
)
def test_it_may_neither_read_secrets_nor_change_what_the_workload_stands_on(
    argo_cd: Api, resource: str, group: str
) -> None:
    assert not any(argo_cd.may(verb, resource, NAMESPACE, group) for verb in ("get", "create", "patch", "delete"))


def test_it_keeps_one_namespace_which_it_sees_and_cannot_change(argo_cd: Api) -> None:
    assert argo_cd.get("v1 Namespace", NAMESPACE)["metadata"]["name"] == NAMESPACE
    assert not any(argo_cd.may(verb, "namespaces", NAMESPACE) for verb in ("create", "patch", "delete"))
    assert argo_cd.may("create", "deployments", NAMESPACE, "apps")
    assert not any(argo_cd.may("get", "deployments", other, "apps") for other in ("default", "kube-system"))


MISTAKES: Mapping[str, tuple[str, Any]] = {
    "Application": ("spec.syncPolicy.automated.selfHeal", "always"),
    "AppProject": ("spec.destinations", {"namespace": "serving"}),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_in_what_it_is_told_is_refused(plane: ControlPlane, argo_cd: Api, stack: Stack, kind: str) -> None:
    del argo_cd
    document = next(each for each in stack.objects[CLUSTER] if each["kind"] == kind)
    path, value = MISTAKES[kind]

    with pytest.raises(RefusedError):
        plane.api.apply(spoiled(document, path.split("."), value))
