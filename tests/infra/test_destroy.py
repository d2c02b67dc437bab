"""What `destroy` of the stacks that ship takes, what it refuses to take, and in which order."""

from collections.abc import Iterator

import pytest

from infra.audit.aws.logs import groups
from infra.audit.subject import Subject
from infra.held_data import DATA, setting
from infra.preview import Plan, Resource
from infra.preview.program import stack_plan
from tests.infra.samples import waits_for

NAMESPACE, RELEASE = "kubernetes:core/v1:Namespace", "kubernetes:helm.sh/v3:Release"
UNPROTECTED = {
    "azureml": "Azure ML's own files: the models are in the image",
    "azure-ml-vault": "Azure ML's own, and empty",
    "aks-tracing-jaeger": "traces, for a week",
    "eks-tracing-jaeger": "traces, for a week",
}
"""What holds data in `prod` and goes with it, and why."""
CLEANERS = {
    "kubernetes:apps/v1:StatefulSet": ["eks-cluster-aws-ebs-csi-driver"],
    "kubernetes:core/v1:Namespace": ["eks-cluster-aws-ebs-csi-driver"],
    "kubernetes:core/v1:PersistentVolumeClaim": ["eks-cluster-aws-ebs-csi-driver"],
    "kubernetes:gateway.networking.k8s.io/v1:Gateway": ["eks-envoy-gateway", "eks-load-balancer-controller"],
    "kubernetes:gateway.networking.k8s.io/v1:GatewayClass": ["eks-envoy-gateway"],
    "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass": ["eks-karpenter"],
    "kubernetes:karpenter.sh/v1:NodePool": ["eks-karpenter"],
    "kubernetes:keda.sh/v1alpha1:ScaledObject": ["eks-keda"],
}
"""Who must still run when an object of EKS goes: they alone delete what it stands for, and take its finalizer off."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def prod() -> Plan:
    return stack_plan("prod")


@pytest.fixture(scope="module", params=["dev", "prod"])
def plan(request: pytest.FixtureRequest, prod: Plan) -> Plan:
    return prod if request.param == "prod" else stack_plan("dev")


def kept(plan: Plan, resource: Resource) -> bool:
    """Whether the resource, or the namespace that it is in, is protected."""
    namespaces = {each.inputs["metadata"]["name"] for each in plan.of_type(NAMESPACE) if each.protect}
    return resource.protect or resource.inputs.get("metadata", {}).get("namespace") in namespaces


def cleaners(plan: Plan) -> Iterator[tuple[Resource, Resource]]:
    """Each object on EKS that stands for more than itself, with what cleans up after it."""
    for each in plan.resources:
        if each.provider_name != "eks":
            continue
        names = CLEANERS.get(each.type, [])
        if each.type == "kubernetes:core/v1:Service" and each.inputs.get("spec", {}).get("type") == "LoadBalancer":
            names = ["eks-load-balancer-controller"]
        for name in names:
            token = "aws:eks/addon:Addon" if "csi-driver" in name else RELEASE
            yield each, plan.one(token, name)


def test_whoever_cleans_up_after_an_object_outlives_it(plan: Plan) -> None:
    pairs = list(cleaners(plan))

    wrong = [f"{each.name} outlives {cleaner.name}" for each, cleaner in pairs if not waits_for(plan, each, cleaner)]

    assert wrong == []
    kinds = {each.type.rpartition(":")[2] for each, _ in pairs}
    assert kinds >= {"NodePool", "Namespace", "ScaledObject", "Gateway" if plan.stack == "prod" else "Service"}


def test_controllers_outlive_nothing_that_they_run_on(plan: Plan) -> None:
    """Their nodes, the way out to AWS, their roles, and the deployer's access to the cluster go after them."""
    access = plan.of_type("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
    below = [
        plan.one("aws:eks/nodeGroup:NodeGroup", "eks-system"),
        *access,
        *plan.of_type("aws:ec2/natGateway:NatGateway"),
    ]
    releases = [each for each in plan.of_type(RELEASE) if each.provider_name == "eks"]
    roles = {each.name: each for each in plan.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")}

    wrong = [(each.name, under.name) for each in releases for under in below if not waits_for(plan, each, under)]
    own = [(each.name, roles[each.name]) for each in releases if each.name in roles]
    roleless = [name for name, role in own if not waits_for(plan, plan.one(RELEASE, name), role)]

    assert wrong == []
    assert roleless == []
    assert {"eks-karpenter", "eks-load-balancer-controller"} <= {name for name, _ in own}


def test_the_controllers_of_eks_end_after_what_they_made(plan: Plan) -> None:
    hooks = {each.name: each.options["hooks"]["beforeDelete"] for each in plan.resources if drains(each)}

    assert hooks == {
        "eks-load-balancer-controller": ["eks-drain-load-balancers"],
        "eks-cluster-aws-ebs-csi-driver": ["eks-drain-volumes"],
    }


def drains(each: Resource) -> bool:
    return bool(each.options.get("hooks", {}).get("beforeDelete"))


def test_what_holds_data_in_prod_is_protected_or_has_a_reason(prod: Plan) -> None:
    unprotected = {each.name for each in prod.resources if each.type in DATA and not kept(prod, each)}

    assert unprotected == UNPROTECTED.keys()


def test_every_protection_of_prod_names_a_setting_that_takes_it_away(prod: Plan) -> None:
    settings = {each.name: setting(each.urn) for each in prod.resources if each.protect}

    freed = stack_plan("prod", [found.replace(": ", "=") for found in set(settings.values()) if found])

    assert [name for name, found in settings.items() if found is None] == []
    assert [each.name for each in freed.resources if each.protect] == []


def test_the_audit_looks_for_every_log_group_of_the_stack(prod: Plan) -> None:
    names = {each.inputs["name"] for each in prod.of_type("aws:cloudwatch/logGroup:LogGroup")}

    assert names == groups(Subject(project=prod.project, stack=prod.stack))
