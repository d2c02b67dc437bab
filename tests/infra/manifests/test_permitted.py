"""Whatever serves the model, Argo CD may make all of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.manifests.workload import workload
from infra.preview import Plan
from infra.preview.program import stack_plan
from tests.infra.manifests.stack import project
from tests.infra.samples import DIGEST

SERVING: Mapping[str, Any] = {"gpus": 0, "replicas": {"min": 2, "max": 4}}
GATEWAY = {"hostName": "predict.example.com", "tls": {"clusterIssuer": "own"}}
CANARIES = {"stable": {"weight": 90, "modelVersion": "1"}, "canary": {"weight": 10, "modelVersion": "2"}}
FLIP = {"blue": {"weight": 100, "modelVersion": "1"}, "green": {"weight": 0, "modelVersion": "2"}}
SAVED_MODELS = {"name": "digits", "version": "3", "source": {"claim": "models"}}
IMAGE = {"image": f"tensorflow/serving:2.20.0@{DIGEST}"}

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "a gateway and hours": {"serving": {**SERVING, "gateway": GATEWAY}, "officeHours": {"timeZone": "Europe/Dublin"}},
    "Istio": {"serving": {**SERVING, "rollout": {"traffic": "istio", "tracks": CANARIES}}},
    "Linkerd": {"serving": {**SERVING, "rollout": {"traffic": "linkerd", "tracks": CANARIES}}},
    "blue and green": {"serving": {**SERVING, "rollout": {"traffic": "blue-green", "tracks": FLIP}}},
    "KServe": {"serving": {**SERVING, "runtime": "kserve", "gateway": GATEWAY}},
    "KServe on Knative": {"serving": {**SERVING, "runtime": "kserve", "kserve": {"deploymentMode": "Knative"}}},
    "TensorFlow Serving": {
        "model": SAVED_MODELS,
        "serving": {**SERVING, "runtime": "tensorflow-serving", "tensorFlowServing": IMAGE},
    },
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_kind_of_a_workload_is_permitted_and_nothing_of_it_is_left_to_the_program(
    variant: str, tmp_path: Path
) -> None:
    root = project(tmp_path, **VARIANTS[variant])
    own, others = (stack_plan("lab", [f"delivery.owner={owner}"], root) for owner in ("program", "argocd"))
    made = {group_kind(file.document) for file in workload(own, others)}
    project_spec = others.one("kubernetes:argoproj.io/v1alpha1:AppProject").inputs["spec"]

    assert made <= {(each["group"], each["kind"]) for each in project_spec["namespaceResourceWhitelist"]}
    assert len(made) >= 3
    assert serving_kinds(others) & made <= {("policy", "PodDisruptionBudget")}
    assert others.exports["endpoints"]["existing"]["address"].startswith("http")


def group_kind(document: Mapping[str, Any]) -> tuple[str, str]:
    return document["apiVersion"].rpartition("/")[0], document["kind"]


def serving_kinds(plan: Plan) -> set[tuple[str, str]]:
    """Kinds that the program makes for the runtime itself."""
    return {
        group_kind(each.inputs)
        for each in plan.resources
        if "inference:serving:" in each.urn and "kind" in each.inputs and "Gateway$" not in each.urn
    }
