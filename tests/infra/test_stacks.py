"""The stacks that ship, run whole: the real program with the real stack files."""

import json
import pkgutil
import re
import runpy
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import infra
from infra.preview import Plan, Resource, run, stack_file
from infra.preview.checks import check_plan
from infra.preview.manifests import is_object, kubernetes_object, manifests
from infra.preview.markers import MARKER, SECRET_PATH
from infra.preview.report import plain_plan
from infra.settings.serving import RESERVED_NAMESPACES
from tests.infra.samples import DIGEST

ROOT = Path(__file__).parents[2]
STACKS = ("dev", "prod")
IMAGE_REF = f"111122223333.dkr.ecr.eu-west-1.amazonaws.com/model-server@{DIGEST}"

pytestmark = pytest.mark.slow


def preview(
    name: str, *, without: tuple[str, ...] = (), outputs: Mapping[str, object] | None = None, preview: bool = False
) -> Plan:
    stack = stack_file.load(ROOT, name)
    config = {key: value for key, value in stack.config.items() if key.rpartition(":")[2] not in without}
    return run(program, config, name, project=stack.project, outputs=outputs, preview=preview)


def program() -> None:
    runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")


@pytest.fixture(scope="module", params=STACKS)
def plan(request: pytest.FixtureRequest, plans: dict[str, Plan]) -> Plan:
    return plans[request.param]


@pytest.fixture(scope="module")
def plans() -> dict[str, Plan]:
    return {name: preview(name) for name in STACKS}


def text(plan: Plan) -> str:
    return json.dumps([plain_plan(plan), plan.exports], sort_keys=True)


def components(plan: Plan) -> set[str]:
    return {resource.type for resource in plan.resources if not resource.custom}


def test_no_check_fails_and_every_kind_has_one_or_a_reason(plan: Plan) -> None:
    checked = check_plan(plan)

    assert [str(failure) for failure in checked.failures] == []
    assert [kind for kind in checked.kinds if (kind.check == "none") != bool(kind.reason)] == []
    assert {kind.provider for kind in checked.kinds} == {"aws", "kubernetes", "docker-build", "random"}
    assert list(plan.warnings) == []


def test_dev_and_prod_are_made_of_the_same_components(plans: dict[str, Plan]) -> None:
    dev, prod = plans["dev"], plans["prod"]

    assert components(dev) == components(prod)
    assert len(components(dev)) > 10
    assert dev.exports.keys() == prod.exports.keys() == {"image", "eks-kubeconfig", "eks-grafana", "eks-url"}
    assert text(dev) != text(prod)


def test_every_resource_belongs_to_a_component(plan: Plan) -> None:
    custom = {resource.urn for resource in plan.resources if resource.custom}
    alone = [each.name for each in plan.resources if each.custom and each.parent is None and not each.is_provider]

    assert alone == []
    assert [each.name for each in plan.resources if each.parent in custom] == []


def test_no_two_objects_of_a_cluster_are_one(plan: Plan) -> None:
    objects = [each for each in plan.resources if is_object(each)]
    metadata = {each.urn: kubernetes_object(each)["metadata"] for each in objects}
    names = Counter(
        (each.provider, each.inputs["kind"], metadata[each.urn].get("namespace"), metadata[each.urn]["name"])
        for each in objects
    )

    assert [name for name, count in names.items() if count > 1] == []
    assert len(names) > 15


def test_the_namespaces_of_other_components_are_reserved(plan: Plan) -> None:
    made = {each.inputs["metadata"]["name"] for each in plan.of_type("kubernetes:core/v1:Namespace")}

    assert made - {"serving"} <= set(RESERVED_NAMESPACES)
    assert "serving" in made


def test_every_namespace_that_an_object_names_is_made_or_kubernetes_own(plan: Plan) -> None:
    made = {each.inputs["metadata"]["name"] for each in plan.of_type("kubernetes:core/v1:Namespace")}
    objects = [each for each in plan.resources if is_object(each)]
    named = {each.inputs["metadata"].get("namespace") for each in objects} - {None}
    named |= {each.inputs["namespace"] for each in plan.of_type("kubernetes:helm.sh/v3:Release")}

    assert named - made == {"kube-system"}


def test_applied_in_the_order_of_their_numbers_nothing_misses_what_it_names(plan: Plan) -> None:
    brought_by = {"karpenter.k8s.aws": "karpenter-crd", "karpenter.sh": "karpenter-crd"}
    brought_by["monitoring.coreos.com"] = "kube-prometheus-stack"
    there, missing = {"kube-system"}, list[str]()
    for file in manifests(plan):
        inputs = file.resource.inputs
        group = str(inputs.get("apiVersion", "")).partition("/")[0]
        needs = {inputs.get("namespace"), inputs.get("metadata", {}).get("namespace"), brought_by.get(group)} - {None}
        missing += [f"{file.path} needs {need}" for need in needs - there]
        there.add(str(inputs["name"] if "name" in inputs else inputs["metadata"]["name"]))

    assert missing == []


def test_no_secret_is_shown(plan: Plan) -> None:
    secret = f"${{{SECRET_PATH}: string}}"

    assert plan.exports["eks-grafana"]["password"] == secret
    assert plan.one("docker-build:index:Image").inputs["registries"][0]["password"] == secret
    assert "eks-prometheus.result" not in text(plan)
    assert "getAuthorizationToken.password" not in text(plan)


def test_tags_of_the_stack_reach_the_provider_and_what_nodes_are_launched_with(plan: Plan) -> None:
    wanted = {
        "environment": plan.stack,
        "owner": "ml-platform",
        "project": "inference-platform",
        "stack": plan.stack,
        "managed-by": "pulumi",
    }
    launched = [
        each["tags"]
        for template in plan.of_type("aws:ec2/launchTemplate:LaunchTemplate")
        for each in template.inputs["tagSpecifications"]
    ]
    node_classes = [
        each.inputs["spec"]["tags"] for each in plan.of_type("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass")
    ]

    assert plan.one("pulumi:providers:aws").inputs["defaultTags"] == {"tags": wanted}
    assert [tags for tags in (*launched, *node_classes) if not wanted.items() <= tags.items()] == []
    assert len(launched) >= 6


@pytest.mark.parametrize("name", STACKS)
def test_with_what_up_reports_the_manifests_are_complete(name: str, plans: dict[str, Plan]) -> None:
    found = {match["path"] for file in manifests(plans[name]) for match in markers(file.text)} - {SECRET_PATH}
    values = {path: IMAGE_REF if path == "image.ref" else "given" for path in found}

    complete = preview(name, outputs=values)

    left = {match.group() for file in manifests(complete) for match in markers(file.text)}
    assert left == {f"${{{SECRET_PATH}: string}}"}
    deployment = complete.one("kubernetes:apps/v1:Deployment").inputs["spec"]["template"]["spec"]
    assert deployment["containers"][0]["image"] == IMAGE_REF


def markers(text: str) -> Iterator[re.Match[str]]:
    return MARKER.finditer(text)


def test_a_second_run_is_equal_to_the_byte(plans: dict[str, Plan]) -> None:
    again = preview("dev")

    assert text(again) == text(plans["dev"])
    assert [file.text for file in manifests(again)] == [file.text for file in manifests(plans["dev"])]


def test_a_first_preview_that_knows_no_output_sees_every_resource(plans: dict[str, Plan]) -> None:
    unknown = preview("dev", preview=True)

    assert {each.urn for each in unknown.resources} == {each.urn for each in plans["dev"].resources}


@pytest.mark.parametrize(
    ("absent", "components_gone", "traces"),
    [
        (("monitoring",), ["monitoring:Prometheus", "monitoring:ServiceMonitoring"], r"grafana|\bmonitoring\b"),
        (("serving",), ["serving:ModelServer", "monitoring:ServiceMonitoring"], r"\bserving\b|digits"),
        (("image", "serving"), ["images:EcrRepository", "images:ModelImage"], r"ecr/|docker-build|model-server|digits"),
        (("eks", "serving", "monitoring"), ["clusters:EksCluster", "addons:GpuOperator"], r"kubernetes|\beks\b"),
        (("aws", "eks", "image", "serving", "monitoring"), ["clusters:EksCluster", "images:ModelImage"], r"\w"),
        (("tags",), [], r"ml-platform"),
    ],
)  # fmt: skip
def test_a_stack_without_a_block_runs_and_holds_no_trace_of_it(
    absent: tuple[str, ...], components_gone: list[str], traces: str, plans: dict[str, Plan]
) -> None:
    plan = preview("dev", without=absent)

    kept = components(plans["dev"]) - components(plan)
    assert {f"inference:{name}" for name in components_gone} <= kept
    assert [(each.type, each.name) for each in plan.resources if mentions(each, traces)] == []
    assert re.findall(traces, json.dumps(plan.exports)) == []


def mentions(resource: Resource, pattern: str) -> bool:
    return bool(re.search(pattern, json.dumps([resource.type, resource.name, resource.inputs])))


def test_importing_a_module_makes_no_resource() -> None:
    modules = [module.name for module in pkgutil.walk_packages(infra.__path__, "infra.")]
    names = [name for name in modules if not name.startswith("infra.preview")]
    # A process of its own: here they are imported already.
    imports = f"""
import importlib
from infra.preview import run
plan = run(lambda: [importlib.import_module(name) for name in {names}] and None, {{}})
print([resource.urn for resource in plan.resources])"""

    done = subprocess.run([sys.executable, "-c", imports], cwd=ROOT, capture_output=True, text=True, check=True)

    assert len(names) > 30
    assert done.stdout == "[]\n"
