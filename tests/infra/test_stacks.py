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
from typing import Any, cast

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
REGISTRIES = {"ecr.repositoryUrl": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/model-server",
              "acr.loginServer": "example.azurecr.io"}  # fmt: skip

OF_SEVERAL = {
    "aks-backups.name": "azure-native:storage:StorageAccount::aks-backups.name",
    "eks-backups.bucket": "aws:s3/bucket:Bucket::eks-backups.bucket",
}
"""Outputs whose resource shares its name with others that are of it."""

ENGINES = {
    "dev": {"aws", "aws-native", "azure-native", "kubernetes", "docker-build", "random"},
    "prod": {"aws", "aws-native", "azure-native", "kubernetes", "docker-build", "random"},
    "local": {"docker", "docker-build", "random"},
}
TARGETS = {
    "eks": ["clusters:EksCluster"],
    "aks": ["clusters:AksCluster"],
    "serving": ["serving:ModelServer", "addons:Keda"],
    "sagemaker": ["managed:SageMakerEndpoints"],
    "lambda": ["managed:LambdaFunction"],
    "azureMl": ["managed:AzureMl"],
    "containerInstances": ["managed:ContainerInstances"],
    "training": ["training:TrainingImage", "training:TrainingJob"],
    "mlflow": ["training:Mlflow", "training:Postgres"],
    "security": ["addons:Falco", "addons:TrivyOperator"],
    "monitoring": [f"monitoring:{name}" for name in ("Prometheus", "ServiceMonitoring", "Tracing", "FluentBit")],
}
"""What every target's block makes, by the block's name in the stack file."""
EXPORTED = (
    "gateway",
    "grafana",
    "kubeconfig",
    "mlflow",
    "mlflow-backup",
    "tracing",
    "training",
    "training-backup",
)
"""What a cluster exports, after its name."""

pytestmark = pytest.mark.slow


def preview(
    name: str, *, without: tuple[str, ...] = (), outputs: Mapping[str, object] | None = None, preview: bool = False
) -> Plan:
    stack = stack_file.load(ROOT, name)
    config = {
        key: less(value, key.rpartition(":")[2], without)
        for key, value in stack.config.items()
        if key.rpartition(":")[2] not in without
    }
    return run(program, config, name, project=stack.project, outputs=outputs, preview=preview)


def less(value: Any, path: str, without: tuple[str, ...]) -> Any:
    """A block without the settings at those dotted paths."""
    if not isinstance(value, dict):
        return value
    block = cast("dict[str, Any]", value)
    below = {key: f"{path}.{key}" for key in block}
    return {key: less(item, below[key], without) for key, item in block.items() if below[key] not in without}


def program() -> None:
    runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")


@pytest.fixture(scope="module", params=[*STACKS, "local"])
def plan(request: pytest.FixtureRequest, plans: dict[str, Plan]) -> Plan:
    return plans[request.param]


@pytest.fixture(scope="module")
def plans() -> dict[str, Plan]:
    return {name: preview(name) for name in (*STACKS, "local")}


def text(plan: Plan) -> str:
    return json.dumps([plain_plan(plan), plan.exports], sort_keys=True)


def components(plan: Plan) -> set[str]:
    return {resource.type for resource in plan.resources if not resource.custom}


def test_no_check_fails_and_every_kind_has_one_or_a_reason(plan: Plan) -> None:
    checked = check_plan(plan)

    assert [str(failure) for failure in checked.failures] == []
    assert [kind for kind in checked.kinds if (kind.check == "none") != bool(kind.reason)] == []
    assert {kind.provider for kind in checked.kinds} == ENGINES[plan.stack]
    assert list(plan.warnings) == []


def test_prod_shows_every_target_from_one_file(plans: dict[str, Plan]) -> None:
    expected = {f"inference:{name}" for made in TARGETS.values() for name in made}
    exports = plans["prod"].exports

    assert expected - components(plans["prod"]) == {"inference:managed:ContainerInstances"}
    assert set(exports) == {
        "image",
        "endpoints",
        "aks-key-vault",
        *(f"{c}-{what}" for c in ("aks", "eks") for what in EXPORTED),
    }
    assert {name: each["kind"] for name, each in exports["endpoints"].items()} == {
        "aks": "http",
        "azure-ml": "azure-ml",
        "eks": "http",
        "lambda": "lambda",
        "sagemaker-asynchronous": "sagemaker-async",
        "sagemaker-real-time": "sagemaker",
        "sagemaker-serverless": "sagemaker",
    }
    assert {each["model"] for each in exports["endpoints"].values()} == {"digits"}


def test_dev_is_made_of_the_components_of_prod_and_a_cheap_container(plans: dict[str, Plan]) -> None:
    more = components(plans["dev"]) - components(plans["prod"])

    assert more == {"inference:managed:ContainerInstances"}
    assert set(plans["dev"].exports["endpoints"]) == {"container-instances", "eks"}


def test_one_image_by_one_digest_runs_on_every_target(plans: dict[str, Plan]) -> None:
    plan = plans["prod"]
    references = set(re.findall(r"\$\{[^}]*\}[^\s\"{}]*@\$\{image\.digest: string\}", text(plan)))
    running = {
        each.type for each in plan.resources if each.custom and "@${image.digest: string}" in json.dumps(each.inputs)
    }

    assert references == set(plan.exports["image"].values())
    assert [each.name for each in plan.of_type("docker-build:index:Image")] == ["image", "training-image"]
    assert running == {
        "aws:lambda/function:Function",
        "aws:sagemaker/model:Model",
        "azure-native:machinelearningservices:EnvironmentVersion",
        "kubernetes:apps/v1:Deployment",
    }


def test_every_resource_belongs_to_a_component(plan: Plan) -> None:
    custom = {resource.urn for resource in plan.resources if resource.custom}
    alone = [each.name for each in plan.resources if each.custom and each.parent is None and not each.is_provider]

    assert [name for name in alone if name != "azure"] == []  # the resource group, which holds all components
    assert [each.name for each in plan.resources if each.parent in custom] == []


def test_no_two_objects_of_a_cluster_are_one(plan: Plan) -> None:
    objects = [each for each in plan.resources if is_object(each)]
    metadata = {each.urn: kubernetes_object(each)["metadata"] for each in objects}
    names = Counter(
        (each.provider, each.inputs["kind"], metadata[each.urn].get("namespace"), metadata[each.urn]["name"])
        for each in objects
    )

    assert [name for name, count in names.items() if count > 1] == []
    assert len(names) > 15 or plan.stack == "local"


def test_the_namespaces_of_other_components_are_reserved(plan: Plan) -> None:
    made = {each.inputs["metadata"]["name"] for each in plan.of_type("kubernetes:core/v1:Namespace")}

    assert made - {"serving"} <= set(RESERVED_NAMESPACES)
    assert ("serving" in made) == (plan.stack != "local")


def test_every_namespace_that_an_object_names_is_made_or_kubernetes_own(plan: Plan) -> None:
    made = {each.inputs["metadata"]["name"] for each in plan.of_type("kubernetes:core/v1:Namespace")}
    objects = [each for each in plan.resources if is_object(each)]
    named = {each.inputs.get("metadata", {}).get("namespace") for each in objects} - {None}
    named |= {each.inputs["namespace"] for each in plan.of_type("kubernetes:helm.sh/v3:Release")}

    assert named - made <= {"kube-system"}


def test_applied_in_the_order_of_their_numbers_nothing_misses_what_it_names(plan: Plan) -> None:
    brought_by = {"karpenter.k8s.aws": "karpenter-crd", "karpenter.sh": "karpenter-crd"}
    brought_by |= {"monitoring.coreos.com": "kube-prometheus-stack", "keda.sh": "keda"}
    brought_by |= {"external-secrets.io": "external-secrets"}
    there, missing = {"kube-system"}, list[str]()
    for file in manifests(plan):
        inputs = file.resource.inputs
        group = str(inputs.get("apiVersion", "")).partition("/")[0]
        needs = {inputs.get("namespace"), inputs.get("metadata", {}).get("namespace"), brought_by.get(group)} - {None}
        missing += [f"{file.path} needs {need}" for need in needs - there]
        there.add(str(inputs.get("name") or inputs.get("metadata", {}).get("name")))

    assert missing == []


def test_no_secret_is_shown(plan: Plan) -> None:
    secret = f"${{{SECRET_PATH}: string}}"
    logins = [
        login for image in plan.of_type("docker-build:index:Image") for login in image.inputs.get("registries", [])
    ]
    passwords = {name: each["password"] for name, each in plan.exports.items() if name.endswith("grafana")}

    assert set(passwords.values()) == {secret}
    assert {login["password"] for login in logins} <= {secret}
    builds = len(plan.of_type("docker-build:index:Image"))
    assert len(logins) == (0 if plan.stack == "local" else 2 * builds)
    assert "-prometheus.result" not in text(plan)
    assert "local-grafana.result" not in text(plan)
    assert "getAuthorizationToken.password" not in text(plan)
    assert "listRegistryCredentials.passwords" not in text(plan)


@pytest.mark.parametrize("name", STACKS)
def test_tags_of_the_stack_reach_all_that_is_paid_for(name: str, plans: dict[str, Plan]) -> None:
    plan = plans[name]
    wanted = {
        "environment": name,
        "owner": "ml-platform",
        "project": "inference-platform",
        "stack": name,
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
    in_azure = [
        each.inputs["tags"] for each in plan.resources if each.package == "azure-native" and "tags" in each.inputs
    ]

    assert plan.one("pulumi:providers:aws").inputs["defaultTags"] == {"tags": wanted}
    assert plan.one("pulumi:providers:aws-native").inputs["defaultTags"] == {"tags": wanted}
    assert [tags for tags in (*launched, *node_classes, *in_azure) if not wanted.items() <= tags.items()] == []
    assert len(launched) >= 6
    assert len(in_azure) >= 6


@pytest.mark.parametrize("name", STACKS)
def test_every_resource_of_a_cloud_uses_the_stacks_own_provider(name: str, plans: dict[str, Plan]) -> None:
    used = {
        (each.package, each.provider_name)
        for each in plans[name].resources
        if each.custom and not each.is_provider and each.package in {"aws", "aws-native", "azure-native"}
    }

    assert used <= {("aws", "aws"), ("aws-native", "aws-native"), ("azure-native", "azure")}
    assert {package for package, _ in used} >= {"aws", "azure-native"}


@pytest.mark.parametrize("name", STACKS)
def test_with_what_up_reports_the_manifests_are_complete(name: str, plans: dict[str, Plan]) -> None:
    found = {match["path"] for file in manifests(plans[name]) for match in markers(file.text)} - {SECRET_PATH}
    found = {OF_SEVERAL.get(path, path) for path in found}
    values = dict.fromkeys(found, "given") | {path: REGISTRIES[path] for path in found & REGISTRIES.keys()}
    values |= dict.fromkeys(found & {"image.digest", "training-image.digest"}, DIGEST)

    complete = preview(name, outputs=values)

    left = {match.group() for file in manifests(complete) for match in markers(file.text)}
    assert left == {f"${{{SECRET_PATH}: string}}"}
    images = {
        each.name: each.inputs["spec"]["template"]["spec"]["containers"][0]["image"]
        for each in complete.of_type("kubernetes:apps/v1:Deployment")
    }
    assert images["eks-model-server"] == f"{REGISTRIES['ecr.repositoryUrl']}@{DIGEST}"
    assert [image for image in images.values() if "@sha256:" not in image] == []


def markers(text: str) -> Iterator[re.Match[str]]:
    return MARKER.finditer(text)


def test_a_second_run_is_equal_to_the_byte(plans: dict[str, Plan]) -> None:
    again = preview("dev")

    assert text(again) == text(plans["dev"])
    assert [file.text for file in manifests(again)] == [file.text for file in manifests(plans["dev"])]


@pytest.mark.parametrize("name", [*STACKS, "local"])
def test_a_first_preview_that_knows_no_output_sees_every_resource(name: str, plans: dict[str, Plan]) -> None:
    unknown = preview(name, preview=True)

    assert {each.urn for each in unknown.resources} == {each.urn for each in plans[name].resources}


@pytest.mark.parametrize("block", TARGETS)
def test_a_target_is_removed_alone(block: str, plans: dict[str, Plan]) -> None:
    stack = "dev" if block == "containerInstances" else "prod"
    whole, without = plans[stack], preview(stack, without=(block, *FOLLOWING.get(block, ())))

    left = {each.urn: each.inputs for each in without.resources}
    before = {each.urn: each.inputs for each in whole.resources}
    gone = {urn.split("::")[2] for urn in before.keys() - left.keys()}
    assert {f"inference:{name}" for name in TARGETS[block]} & components(without) == set()
    assert [urn for urn in left if urn not in before] == []
    assert [urn for urn, inputs in left.items() if inputs != before[urn] and not of_removed(block, urn)] == []
    assert gone


REFERRING = {
    # The budget is of the resource groups, of which AKS makes one.
    "aks": ("azure:Budget$azure-native:consumption:Budget",),
    # No alarm guards an endpoint's update, no port is open to Prometheus, and nobody counts requests. The server has no
    # latency target and no collector, and Azure's agent no lines to collect.
    "monitoring": (
        "sagemaker:Endpoint::",
        "NetworkPolicy::",
        "-falco",
        "-trivy-operator",
        "ScaledObject::",
        "ConfigMap::aks-model-server",
        "ConfigMap::eks-model-server",
        "Deployment::aks-model-server",
        "Deployment::eks-model-server",
        "ManagedCluster::aks",
    ),
    # Nothing is scanned that is not there, and nobody sends traces.
    "serving": ("-trivy-operator", "-tracing-collector"),
    # No run reaches MLflow.
    "training": ("-mlflow", "-trivy-operator"),
    "mlflow": ("-training", "-trivy-operator"),
}
"""What, by the block that is gone, spoke of it, and no longer does."""
FOLLOWING = {"monitoring": ("serving.autoscaling.requestsPerSecond", "serving.autoscaling.queueTimeMs")}
"""Settings that stand on a block, and go with it."""


def of_removed(block: str, urn: str) -> bool:
    return any(part in urn for part in REFERRING.get(block, ()))


@pytest.mark.parametrize(
    ("absent", "components_gone", "traces"),
    [
        (("monitoring", *FOLLOWING["monitoring"]), ["monitoring:Prometheus", "monitoring:ServiceMonitoring"],
         r"grafana|\bmonitoring\.coreos"),
        (("image", "serving", "containerInstances"), ["images:EcrRepository", "images:ModelImage"],
         r"ecr/repo|docker-build|digits"),
        (("aws", "eks", "serving", "monitoring", "budget"), ["clusters:EksCluster"], r"kubernetes:|\beks\b|^aws:"),
        (("azure", "containerInstances", "budget"), ["images:AcrRepository", "azure:Network"], r"azure"),
        (("tags", "budget"), [], r"ml-platform"),
    ],
)  # fmt: skip
def test_a_stack_without_a_cloud_or_a_base_runs_and_holds_no_trace_of_it(
    absent: tuple[str, ...], components_gone: list[str], traces: str, plans: dict[str, Plan]
) -> None:
    plan = preview("dev", without=absent)

    gone = components(plans["dev"]) - components(plan)
    assert {f"inference:{name}" for name in components_gone} <= gone
    assert [(each.type, each.name) for each in plan.resources if mentions(each, traces)] == []


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
