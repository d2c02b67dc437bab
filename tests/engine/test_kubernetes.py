"""The real Kubernetes provider, where it is on PATH, against the control plane of `make cluster-test`."""

import json
import shutil
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.addons import keda
from infra.clusters.gpu import NODE_LABEL, NODE_TAINT
from infra.preview.manifests import RELEASE
from tests.cluster.control_plane import ControlPlane
from tests.cluster.custom_resources import definitions
from tests.cluster.nodes import Pool
from tests.cluster.objects import applied, exists, remove, stored
from tests.engine import charts
from tests.engine.engine import Step, engine
from tests.engine.judged import figures, names
from tests.engine.keda_chart import VALUES, push_keda
from tests.engine.standin.servicer import PACKAGES
from tests.registry import PROGRAM, Registry, registry

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PROVIDER = "pulumi-resource-kubernetes"
NAMESPACE = "serving"
LAB: dict[str, Any] = {
    "existing": {"context": "tests", "networkCidr": "10.8.0.0/16", "storageClass": "encrypted", "hasGpuOperator": True},
    "image": {"repository": "registry.example.com/model-server", "digest": f"sha256:{'0' * 64}"},
    "model": {"name": "digits"},
    "officeHours": {"timeZone": "Europe/Berlin"},
    "serving": {
        "replicas": {"min": 1, "max": 2, "minOutsideOfficeHours": 1},
        "access": {"viewers": ["people"], "deployers": ["people"]},
    },
}
"""A stack whose autoscaler is KEDA's, which a chart brings."""

_TAINT: dict[str, str] = dict(zip(("key", "value", "effect"), NODE_TAINT, strict=True))
NODES = [
    Pool(name="system", labels={}, taints=[], gpus=0).node("system"),
    Pool(name="gpu", labels=dict([NODE_LABEL]), taints=[_TAINT], gpus=4).node("gpu"),
]

UNWANTED = "nobody deploys today"
_POLICY = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "holiday"}}
_DEPLOYMENTS = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}
_RULE = {
    "matchConstraints": {"resourceRules": [_DEPLOYMENTS]},
    "validations": [{"expression": f"object.metadata.namespace != '{NAMESPACE}'", "message": UNWANTED}],
}
_BINDING = {"policyName": "holiday", "validationActions": ["Deny"]}
REFUSAL = [
    {**_POLICY, "kind": "ValidatingAdmissionPolicy", "spec": _RULE},
    {**_POLICY, "kind": "ValidatingAdmissionPolicyBinding", "spec": _BINDING},
]
"""The model server cannot be made while these are there."""


@dataclass(frozen=True, kw_only=True)
class Lab:
    """The steps by name, and the stack's objects that the API server had after `up` and after `destroy`.

    `values` are what Helm gave the chart.
    """

    steps: Mapping[str, Step]
    planned: set[str]
    there: set[str]
    pods: int
    values: Mapping[str, Any]
    left: set[str]


@pytest.fixture(scope="module")
def provider(cli: str) -> str:
    """The path of the real provider; skips where there is none."""
    del cli
    found = shutil.which(PROVIDER)
    if found is None:
        pytest.skip(f"Pulumi CLI is there, {PROVIDER} is not on PATH; put the plugin's folder on it")
    return found


@pytest.fixture(scope="module")
def charts_registry(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[Registry]:
    """An empty one, with TLS, as Helm wants it."""
    del provider
    if shutil.which(PROGRAM) is None:
        pytest.skip(f"{PROGRAM} needed: install Debian's package of that name")
    with registry(tmp_path_factory.mktemp("charts") / "registry", tls=True) as made:
        yield made


@pytest.fixture(scope="module")
def lab(
    charts_registry: Registry, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Lab]:
    """The stack's life on a cluster with one GPU node, first without the chart in the registry, then unwanted."""
    plane: ControlPlane = request.getfixturevalue("plane")  # which is not started for a test that is skipped
    kedas = [each for each in definitions() if each["spec"]["group"].endswith("keda.sh")]
    remove(plane.api, kedas)  # the chart brings them
    folder = tmp_path_factory.mktemp("lab")
    _write_stack_file(folder / "Pulumi.lab.yaml", plane, charts_registry)
    stood_in = [package for package in PACKAGES if package != "kubernetes"]
    trusted = {"SSL_CERT_FILE": str(charts_registry.authority)}
    with applied(plane.api, NODES), engine("lab", folder, stood_in, trusted) as made:
        made.preview("preview, no chart", may_fail=True)
        push_keda(charts_registry, kedas)
        made.preview()
        with applied(plane.api, REFUSAL):
            made.up("up, refused", may_fail=True)
        made.up()
        objects = [_object(each) for each in made.state() if _is_object(each)]
        there = {_name(each) for each in objects if exists(plane.api, each)}
        pods = len(plane.api.list("v1 Pod", NAMESPACE))
        values = json.loads(stored(plane.api, VALUES)["data"]["values"])
        made.preview("preview again", "--expect-no-changes", may_fail=True)
        made.refresh()
        made.set(lambda blocks: blocks["serving"]["replicas"].update(max=3))
        made.up("up, one setting changed")
        made.destroy()
        yield Lab(
            steps={step.name: step for step in made.steps},
            planned={_name(each) for each in objects},
            there=there,
            pods=pods,
            values=values,
            left={_name(each) for each in [*objects, VALUES, *kedas] if exists(plane.api, each)},
        )


def test_a_preview_without_the_chart_says_which(lab: Lab) -> None:
    refused = lab.steps["preview, no chart"]

    assert any("charts/keda" in error and "not found" in error for error in refused.errors), refused.errors


def test_an_up_that_the_cluster_refuses_says_where(lab: Lab) -> None:
    refused = lab.steps["up, refused"]

    assert any(UNWANTED in error for error in refused.errors), refused.errors
    assert refused.changed["create"]


def test_the_chart_of_the_registry_is_installed_with_the_stacks_values(lab: Lab) -> None:
    assert lab.values == {"replicas": 1, **keda.values()}


def test_every_object_is_on_the_api_server_and_the_model_has_its_pod(lab: Lab) -> None:
    assert len(lab.there) >= 15
    assert lab.there == lab.planned
    assert lab.pods == 1


@pytest.mark.parametrize("step", ["preview again", "refresh"])
def test_what_is_up_has_no_change(step: str, lab: Lab) -> None:
    assert names(lab.steps[step].urns) == set()


def test_one_setting_changes_what_it_names(lab: Lab) -> None:
    changed = names(lab.steps["up, one setting changed"].urns)

    assert changed == {
        "kubernetes:core/v1:ResourceQuota existing-model-server-namespace",
        "kubernetes:keda.sh/v1alpha1:ScaledObject existing-model-server",
    }


def test_nothing_is_left_on_the_api_server(lab: Lab) -> None:
    assert lab.left == set()


def test_the_steps_are_on_record(lab: Lab, record_property: Any) -> None:
    record_property("engine: steps of an existing cluster", "\n".join(figures(lab.steps.values())))

    assert [name for name, step in lab.steps.items() if step.status != 0] == ["preview, no chart", "up, refused"]


def _write_stack_file(path: Path, plane: ControlPlane, charts_registry: Registry) -> None:
    existing = {**LAB["existing"], "kubeconfig": str(plane.kubeconfig)}
    mirror = {"mirror": f"oci://{charts_registry.address}/{charts.REPOSITORY}"}
    config = {**LAB, "existing": existing, "charts": mirror}
    document = {"config": {f"inference-platform:{block}": value for block, value in config.items()}}
    path.write_text(yaml.safe_dump(document))


def _is_object(resource: Mapping[str, Any]) -> bool:
    return resource["type"].startswith("kubernetes:") and resource["type"] != RELEASE


def _object(resource: Mapping[str, Any]) -> dict[str, Any]:
    outputs = resource["outputs"]
    return {key: outputs[key] for key in ("apiVersion", "kind", "metadata")}


def _name(document: Mapping[str, Any]) -> str:
    return f"{document['kind']} {document['metadata'].get('namespace', '')}/{document['metadata']['name']}"
