"""The custom resource definitions of everything that a stack's charts install, out of pinned Go modules."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.api import Api, condition
from tests.processes import until
from tests.programs.built import source

# Module, the folder below `programs/` that pins it, and where its definitions lie.
SOURCES = (
    ("sigs.k8s.io/karpenter", "karpenter", "pkg/apis/crds/*.yaml"),
    ("sigs.k8s.io/karpenter", "karpenter", "kwok/apis/crds/*.yaml"),
    ("github.com/aws/karpenter-provider-aws", "crds", "pkg/apis/crds/karpenter.k8s.aws_*.yaml"),
    ("github.com/kedacore/keda/v2", "keda", "config/crd/bases/*.yaml"),
    ("github.com/external-secrets/external-secrets", "crds", "config/crds/bases/*.yaml"),
    ("github.com/prometheus-operator/prometheus-operator", "crds", "example/prometheus-operator-crd-full/*.yaml"),
    ("github.com/cert-manager/cert-manager", "crds", "deploy/crds/*.yaml"),
    ("github.com/envoyproxy/gateway", "crds", "charts/gateway-helm/charts/crds/crds/generated/*.yaml"),
    ("sigs.k8s.io/gateway-api", "crds", "config/crd/standard/*.yaml"),
    ("istio.io/api", "crds", "kubernetes/customresourcedefinitions.gen.yaml"),
    ("github.com/argoproj/argo-cd/v3", "crds", "manifests/crds/*-crd.yaml"),
)

SHARED = Path(__file__).parents[3] / "shared" / "crds"
"""Definitions that no package registry carries, KServe's and Linkerd's, on machines that have them."""

UNREGISTERED = ("linkerd.io", "policy.linkerd.io", "serving.kserve.io")
"""The API groups that are defined there."""


class _Loader(yaml.CSafeLoader):
    """Takes a bare `=` for text, as Kubernetes does; PyYAML takes it for a key of YAML 1.1 that it cannot make."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: str(node.value))


def definitions() -> list[dict[str, Any]]:
    """Every definition, by name, ready to apply."""
    found = {document["metadata"]["name"]: document for file in _files() for document in _documents(file)}
    return [found[name] for name in sorted(found)]


def install(api: Api) -> None:
    """Apply every definition and wait until the API server serves it."""
    wanted = definitions()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(api.apply, wanted))
    until(lambda: len(_established(api)) >= len(wanted), "custom resources that are served", 180)


def _established(api: Api) -> list[str]:
    found = api.list("apiextensions.k8s.io/v1 CustomResourceDefinition")
    return [each["metadata"]["name"] for each in found if condition(each, "Established")]


def _files() -> Iterator[Path]:
    for module, requirer, pattern in SOURCES:
        files = sorted(source(module, requirer).glob(pattern))
        assert files, f"{module} has no {pattern}"
        yield from files
    yield from sorted(SHARED.glob("*.yaml"))


def _documents(file: Path) -> Iterator[dict[str, Any]]:
    documents = yaml.load_all(file.read_text(encoding="utf-8"), Loader=_Loader)
    for document in documents:
        if document and document.get("kind") == "CustomResourceDefinition":
            yield {key: value for key, value in document.items() if key != "status"}
