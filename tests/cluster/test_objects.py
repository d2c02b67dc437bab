"""Every Kubernetes object of every stack, judged by a real API server."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any, cast

import pytest

from tests.cluster.api import Api, Document, RefusedError
from tests.cluster.control_plane import ControlPlane
from tests.cluster.custom_resources import SHARED, UNREGISTERED
from tests.cluster.objects import applied, remove, stored
from tests.cluster.stacks import Stack
from tests.cluster.variants import STACKS

CLUSTERS = [
    ("dev", "eks"),
    ("prod", "eks"),
    ("prod", "aks"),
    ("everything on EKS", "eks"),
    ("everything on AKS", "aks"),
    ("everything elsewhere", "existing"),
    ("models on a volume", "eks"),
    ("models in an image", "eks"),
    ("canary behind a gateway", "eks"),
    ("a gateway with tokens and a public certificate", "eks"),
    ("canary in Istio", "eks"),
    ("canary in Linkerd", "eks"),
    ("blue and green", "eks"),
    ("KServe", "eks"),
    ("KServe with a transformer", "eks"),
    ("TensorFlow Serving", "eks"),
    ("left to Argo CD", "existing"),
]


NOTED = ("volume.kubernetes.io", "volume.beta.kubernetes.io", "deployment.kubernetes.io")
"""Domains of annotations that controllers write."""


@pytest.fixture(scope="module", params=CLUSTERS, ids="-".join)
def objects(request: pytest.FixtureRequest, plane: ControlPlane) -> Generator[Sequence[Document]]:
    """The objects of one cluster of one stack, which leave the API server again, last made first."""
    name, cluster = request.param
    found = STACKS[name]().objects[cluster]
    if not SHARED.is_dir() and any(each["apiVersion"].partition("/")[0] in UNREGISTERED for each in found):
        pytest.skip("KServe and Linkerd have their definitions in no package registry; put them below ../shared/crds")
    yield found
    remove(plane.api, found)


def test_every_object_is_accepted_without_a_warning_and_a_second_time_changes_nothing(
    api: Api, objects: Sequence[Document]
) -> None:
    refused = [f"{document['kind']} {document['metadata']['name']}: {said}"
               for document in objects if (said := refusal(api, document))]  # fmt: skip
    assert refused == []

    first = [stated(api, document) for document in objects]
    again = [stated(api, api.apply(document)) for document in objects]

    assert again == first
    assert api.warnings == []


def refusal(api: Api, document: Document) -> str:
    """Why the API server does not take an object, empty when it does."""
    try:
        api.apply(document)
    except RefusedError as refused:
        return str(refused)
    return ""


def stated(api: Api, document: Document) -> Document:
    """An object as the API server keeps it, without what tells of its state and of who wrote when.

    Controllers of Kubernetes note on volumes and Deployments what they are about to do, in their own time.
    """
    kept = stored(api, document)
    told = {key: value for key, value in kept["metadata"].items() if key not in ("managedFields", "resourceVersion")}
    notes = told.pop("annotations", {})
    told["annotations"] = {key: value for key, value in notes.items() if not key.partition("/")[0].endswith(NOTED)}
    return {**{key: value for key, value in kept.items() if key != "status"}, "metadata": told}


MISTAKES: Mapping[str, tuple[str, Any]] = {
    "BackendTrafficPolicy": ("spec.rateLimit.local.rules.0.limit.unit", "Fortnight"),
    "Deployment": ("spec.template.spec.containers.0.resorces", {}),
    "EC2NodeClass": ("spec.amiSelectorTerms.0.alias", "al2023"),
    "ExternalSecret": ("spec.data.0.remoteRef.proprty", "value"),
    "HTTPRoute": ("spec.rules.0.backendRefs.0.weight", "many"),
    "NodePool": ("spec.disruption.consolidateAfter", "five minutes"),
    "PrometheusRule": ("spec.groups.0.rules.0.for", "10 minutes"),
    "ResourceQuota": ("spec.hard.pods", "many"),
    "ScaledObject": ("spec.trigger", []),
    "SecurityPolicy": ("spec.apiKeyAuth.credentialRef", []),
    "ServiceMonitor": ("spec.endpoints.0.interval", "15 s"),
}
"""For each of these kinds a path, and a value that a server must not take there."""


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_is_refused(api: Api, prod: Stack, kind: str) -> None:
    document = next(each for each in prod.objects["eks"] if each["kind"] == kind)
    name = document["metadata"].get("namespace")
    around = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}] if name else []
    path, value = MISTAKES[kind]
    wrong = spoiled(document, path.split("."), value)

    with applied(api, around):
        accepted = refusal(api, document)
        remove(api, [document])
        said = refusal(api, wrong)

    assert accepted == ""
    assert said


def spoiled(value: Any, path: Sequence[str], wrong: Any) -> Any:
    """A copy of `value` with something else at the end of a path; a list's items go by their number."""
    if not path:
        return wrong
    first, *rest = path
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [spoiled(item, rest, wrong) if str(number) == first else item for number, item in enumerate(items)]
    return {**value, first: spoiled(value.get(first), rest, wrong)}
