"""The real Kubernetes provider, where it is on PATH, against the control plane of `make cluster-test`."""

import shutil
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from infra.clusters.gpu import GPU_RESOURCE, NODE_LABEL, NODE_TAINT
from tests.cluster.control_plane import ControlPlane
from tests.cluster.nodes import SIMULATED, SIZE
from tests.cluster.objects import applied, exists
from tests.engine.engine import Step, engine
from tests.engine.judged import figures, names
from tests.engine.standin.servicer import PACKAGES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PROVIDER = "pulumi-resource-kubernetes"
NAMESPACE = "serving"
LAB: dict[str, Any] = {
    "existing": {"context": "tests", "networkCidr": "10.8.0.0/16", "storageClass": "encrypted", "hasGpuOperator": True},
    "image": {"repository": "registry.example.com/model-server", "digest": f"sha256:{'0' * 64}"},
    "model": {"name": "digits"},
    "serving": {"replicas": {"min": 1, "max": 2}, "access": {"viewers": ["people"], "deployers": ["people"]}},
}
"""A stack without charts, which no package registry carries: all its objects are its own."""


@dataclass(frozen=True, kw_only=True)
class Lab:
    """The steps by name, and the stack's objects that the API server had after `up` and after `destroy`."""

    steps: Mapping[str, Step]
    planned: set[str]
    there: set[str]
    pods: int
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
def lab(provider: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Lab]:
    """The stack's life on a cluster with one GPU node."""
    del provider
    plane: ControlPlane = request.getfixturevalue("plane")  # which is not started for a test that is skipped
    folder = tmp_path_factory.mktemp("lab")
    config = {**LAB, "existing": {**LAB["existing"], "kubeconfig": str(plane.kubeconfig)}}
    document = {"config": {f"inference-platform:{block}": value for block, value in config.items()}}
    (folder / "Pulumi.lab.yaml").write_text(yaml.safe_dump(document))
    stood_in = [package for package in PACKAGES if package != "kubernetes"]
    with applied(plane.api, [_gpu_node()]), engine("lab", folder, stood_in) as made:
        made.preview()
        made.up()
        objects = [_object(each) for each in made.state() if each["type"].startswith("kubernetes:")]
        there = {_name(each) for each in objects if exists(plane.api, each)}
        pods = len(plane.api.list("v1 Pod", NAMESPACE))
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
            left={_name(each) for each in objects if exists(plane.api, each)},
        )


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
        "kubernetes:autoscaling/v2:HorizontalPodAutoscaler existing-model-server",
        "kubernetes:core/v1:ResourceQuota existing-model-server-namespace",
    }


def test_nothing_is_left_on_the_api_server(lab: Lab) -> None:
    assert lab.left == set()


def test_the_steps_are_on_record(lab: Lab, record_property: Any) -> None:
    record_property("engine: steps of an existing cluster", "\n".join(figures(lab.steps.values())))

    assert len(lab.steps) == 6


def _gpu_node() -> dict[str, Any]:
    key, value, effect = NODE_TAINT
    size = {**SIZE, GPU_RESOURCE: "4"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "gpu", "labels": dict([NODE_LABEL]), "annotations": SIMULATED},
        "spec": {"taints": [{"key": key, "value": value, "effect": effect}]},
        "status": {"capacity": size, "allocatable": size},
    }


def _object(resource: Mapping[str, Any]) -> dict[str, Any]:
    outputs = resource["outputs"]
    return {key: outputs[key] for key in ("apiVersion", "kind", "metadata")}


def _name(document: Mapping[str, Any]) -> str:
    return f"{document['kind']} {document['metadata'].get('namespace', '')}/{document['metadata']['name']}"
