from pathlib import Path

import pytest

from infra.manifests.workload import WAVE, workload
from infra.preview import Plan
from infra.preview.manifests import Manifest, is_object
from infra.preview.program import stack_plan
from tests.infra.manifests.stack import OBJECTS, project

CANARY = {
    "traffic": "istio",
    "tracks": {"stable": {"weight": 90, "modelVersion": "1"}, "canary": {"weight": 10, "modelVersion": "2"}},
}
OWNERS = ("program", "argocd")


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Plan]:
    root = project(tmp_path_factory.mktemp("lab"))
    found = {owner: stack_plan("lab", [f"delivery.owner={owner}"], root) for owner in OWNERS}
    return {**found, "alone": stack_plan("lab", ["delivery=null"], root)}


@pytest.fixture(scope="module")
def files(plans: dict[str, Plan]) -> list[Manifest]:
    return workload(plans["program"], plans["argocd"])


def objects(plan: Plan) -> set[str]:
    return {resource.urn for resource in plan.resources if is_object(resource)}


def in_serving(plan: Plan) -> set[str]:
    found = [each for each in plan.resources if is_object(each)]
    return {each.inputs["kind"] for each in found if each.inputs["metadata"].get("namespace") == "serving"}


def test_each_object_has_one_owner(plans: dict[str, Plan], files: list[Manifest]) -> None:
    moved = {file.resource.urn for file in files}

    assert moved & objects(plans["argocd"]) == set()
    assert objects(plans["alone"]) <= moved | objects(plans["argocd"])
    assert {file.document["kind"].lower() for file in files} == OBJECTS


def test_a_stack_whose_workload_argo_cd_owns_has_none(plans: dict[str, Plan]) -> None:
    left = in_serving(plans["argocd"])

    assert left == {"LimitRange", "NetworkPolicy", "ResourceQuota", "Role", "RoleBinding", "ServiceAccount"}
    assert plans["argocd"].one("kubernetes:argoproj.io/v1alpha1:Application")


def test_while_the_program_owns_it_argo_cd_is_there_and_told_nothing(plans: dict[str, Plan]) -> None:
    assert plans["program"].one("inference:addons:ArgoCd")
    assert [each for each in plans["program"].resources if "argoproj.io" in each.type] == []


def test_what_moves_stays_on_the_cluster_when_the_program_forgets_it(
    plans: dict[str, Plan], files: list[Manifest]
) -> None:
    moved = {file.resource.urn for file in files}
    retained = {each.urn for each in plans["program"].resources if each.options.get("retainOnDelete")}

    assert moved <= retained
    assert [each.name for each in plans["argocd"].resources if each.options.get("retainOnDelete")] == []
    assert [each.name for each in plans["alone"].resources if each.options.get("retainOnDelete")] == []


def test_what_the_workload_stands_on_is_the_same_whoever_owns_it(plans: dict[str, Plan]) -> None:
    ground = {each.urn: each.inputs for each in plans["argocd"].resources}
    before = {each.urn: each.inputs for each in plans["program"].resources}

    assert {urn for urn in before.keys() & ground.keys() if before[urn] != ground[urn]} == set()
    assert plans["argocd"].exports["endpoints"] == plans["program"].exports["endpoints"]


def test_the_application_comes_after_all_of_that(plans: dict[str, Plan]) -> None:
    names = [each.type for each in plans["argocd"].resources]
    application = names.index("kubernetes:argoproj.io/v1alpha1:Application")

    assert all(names.index(f"kubernetes:{kind}") < application for kind in ("core/v1:Namespace", "helm.sh/v3:Release"))
    assert names.index("kubernetes:networking.k8s.io/v1:NetworkPolicy") < application


def test_an_object_waits_for_those_that_it_names(files: list[Manifest]) -> None:
    waves = {file.document["kind"]: int(file.document["metadata"]["annotations"][WAVE]) for file in files}

    assert waves["ConfigMap"] < waves["Deployment"] < waves["HorizontalPodAutoscaler"]


def test_weights_come_after_the_pods_that_they_point_to(tmp_path: Path) -> None:
    root = project(tmp_path, serving={"gpus": 0, "replicas": {"min": 2, "max": 4}, "rollout": CANARY})
    plans = [stack_plan("lab", [f"delivery.owner={owner}"], root) for owner in OWNERS]
    files = workload(plans[0], plans[1])
    waves = {file.path.name: int(file.document["metadata"]["annotations"][WAVE]) for file in files}

    route = next(file for file in files if file.document["kind"] == "VirtualService")
    assert {each["weight"] for rule in route.document["spec"]["http"] for each in rule["route"]} == {90, 10}
    assert waves[route.path.name] > max(wave for name, wave in waves.items() if name.startswith("deployment-"))
    assert len(waves) == len(files)


def test_no_manifest_states_what_an_autoscaler_changes(files: list[Manifest]) -> None:
    (deployment,) = (file.document for file in files if file.document["kind"] == "Deployment")

    assert "replicas" not in deployment["spec"]
