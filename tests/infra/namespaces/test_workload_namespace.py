from collections import Counter
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from infra.namespaces.access import deployer_rules, viewer_rules
from infra.namespaces.limits import Limits, limit_range_spec, quota_spec, times
from infra.namespaces.workload_namespace import WorkloadNamespace, WorkloadNamespaceArgs
from infra.preview import Plan
from infra.preview.checks import check_plan, check_resource
from infra.serving import pod
from infra.serving.limits import serving_limits
from infra.settings.access import AccessSettings
from infra.settings.serving import ROLLOUT_SURGE, ServingSettings
from tests.infra.samples import children, on_cluster, waits_for

QUOTA, LIMITS = "kubernetes:core/v1:ResourceQuota", "kubernetes:core/v1:LimitRange"
ROLE, BINDING = "kubernetes:rbac.authorization.k8s.io/v1:Role", "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"
NAMESPACE, POLICY = "kubernetes:core/v1:Namespace", "kubernetes:networking.k8s.io/v1:NetworkPolicy"
COMPONENT = "inference:namespaces:WorkloadNamespace"
RBAC = "rbac.authorization.k8s.io"


def settings(**changes: object) -> ServingSettings:
    return ServingSettings.model_validate(changes, strict=False)


def preview(**access: tuple[str, ...]) -> Plan:
    def build(cluster: Any, opts: pulumi.ResourceOptions) -> None:
        del cluster
        args = WorkloadNamespaceArgs(
            namespace="models",
            limits=Limits(pods=6, cpu="500m", memory="2Gi", gpus=1),
            access=AccessSettings(**access),
            deployments=["model-server"],
        )
        WorkloadNamespace("rails", args, opts)

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview(viewers=("ml-viewers", "ml-oncall"), deployers=("ml-deployers", "ml-oncall"))


def hard(**changes: object) -> Any:
    return quota_spec(serving_limits(settings(**changes)))["hard"]  # pyright: ignore[reportTypedDictNotRequiredAccess]


def container_limits(memory: str) -> Any:
    spec: Any = limit_range_spec(Limits(pods=1, cpu="1", memory=memory))
    return spec["limits"][0]


def test_a_namespace_gets_bounds_and_rights_of_its_own_once_it_is_there(plan: Plan) -> None:
    objects = [each for each in plan.resources if "namespace" in each.inputs.get("metadata", {})]

    made = Counter({NAMESPACE: 1, POLICY: 1, QUOTA: 1, LIMITS: 1, ROLE: 2, BINDING: 3})
    assert children(plan, COMPONENT) == made
    assert {each.inputs["metadata"]["namespace"] for each in objects} == {"models"}
    assert all(waits_for(plan, each, plan.one(NAMESPACE)) for each in objects)
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_it_admits_restricted_pods_only_and_lets_nothing_in_or_out(plan: Plan) -> None:
    labels = plan.one(NAMESPACE).inputs["metadata"]["labels"]

    assert set(labels.values()) == {"restricted"}
    assert len(labels) == 3
    assert plan.one(POLICY).inputs["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_a_namespace_that_holds_data_can_be_protected() -> None:
    def build(cluster: Any, opts: pulumi.ResourceOptions) -> None:
        del cluster
        limits = Limits(pods=1, cpu="1", memory="1Gi")
        args = WorkloadNamespaceArgs(namespace="kept", limits=limits, access=AccessSettings(), protect=True)
        WorkloadNamespace("kept", args, opts)

    assert on_cluster(build).one(NAMESPACE).protect


def test_every_replica_a_rollout_and_as_many_ending_pods_fit_the_quota_and_no_more() -> None:
    most = 2 * (10 + ROLLOUT_SURGE)

    assert hard(replicas={"max": 10}, resources={"cpu": "1500m", "memory": "8Gi"}, gpus=2) == {
        "pods": str(most),
        "requests.cpu": "33000m",
        "requests.memory": "176Gi",
        "limits.memory": "176Gi",
        "requests.nvidia.com/gpu": str(2 * most),
        "services.loadbalancers": "0",
        "services.nodeports": "0",
        "persistentvolumeclaims": "0",
    }


def test_where_the_model_runs_on_cpu_no_pod_gets_a_gpu() -> None:
    assert hard(gpus=0)["requests.nvidia.com/gpu"] == "0"


@pytest.mark.parametrize(("grpc", "ports"), [(False, "1"), (True, "2")])
def test_a_server_for_the_network_has_one_balancer_and_a_node_port_for_each_of_its_ports(
    grpc: bool, ports: str
) -> None:
    found = hard(exposure="network", grpc=grpc)

    assert (found["services.loadbalancers"], found["services.nodeports"]) == ("1", ports)


@pytest.mark.parametrize(
    ("memory", "given"), [("64Mi", "64Mi"), ("256Mi", "256Mi"), ("1Gi", "256Mi"), ("2Ti", "256Mi")]
)
def test_limits_never_refuse_the_server_itself_nor_contradict_themselves(memory: str, given: str) -> None:
    limits = container_limits(memory)
    server: Any = pod.resources(settings(resources={"memory": memory}), None)

    assert server["limits"]["memory"] == limits["max"]["memory"]
    assert limits["default_request"]["memory"] == limits["default"]["memory"] == given


def test_whatever_the_quota_counts_of_a_pod_a_container_gets_where_it_states_nothing() -> None:
    limits = container_limits("8Gi")
    given = {f"requests.{key}" for key in limits["default_request"]} | {f"limits.{key}" for key in limits["default"]}

    assert {key for key in hard() if key.startswith(("requests.", "limits."))} - given == {"requests.nvidia.com/gpu"}


def test_no_limit_of_cpu_or_gpus_reaches_a_container_by_default() -> None:
    limits = container_limits("8Gi")

    # Kubernetes takes a most for a default limit too.
    assert set(limits["max"]) == set(limits["default"]) == {"memory"}


@pytest.mark.parametrize(
    ("quantity", "count", "product"),
    [("8Gi", 22, "176Gi"), ("500m", 3, "1500m"), ("0.5", 22, "11"), ("2", 10, "20"), ("1.25", 3, "3.75")],
)
def test_quantities_are_multiplied_in_their_own_unit(quantity: str, count: int, product: str) -> None:
    assert times(quantity, count) == product


def bindings(plan: Plan) -> dict[str, Any]:
    return {each.inputs["metadata"]["name"]: each.inputs for each in plan.of_type(BINDING)}


def groups(binding: Any) -> list[str]:
    assert {(each["kind"], each["apiGroup"]) for each in binding["subjects"]} == {("Group", RBAC)}
    return [each["name"] for each in binding["subjects"]]


def test_deployers_see_what_viewers_see_and_viewers_change_nothing(plan: Plan) -> None:
    found = bindings(plan)

    assert groups(found["view"]) == groups(found["viewer"]) == ["ml-viewers", "ml-oncall", "ml-deployers"]
    assert groups(found["deployer"]) == ["ml-deployers", "ml-oncall"]
    assert found["view"]["roleRef"] == {"kind": "ClusterRole", "name": "view", "apiGroup": RBAC}
    for name in ("viewer", "deployer"):
        role = plan.one(ROLE, f"rails-{name}").inputs["metadata"]["name"]
        assert found[name]["roleRef"] == {"kind": "Role", "name": role, "apiGroup": RBAC}
    assert {verb for rule in viewer_rules() for verb in rule["verbs"]} == {"get", "list", "watch"}  # pyright: ignore


def test_without_groups_nobody_gets_rights() -> None:
    assert children(preview(), COMPONENT) == Counter([NAMESPACE, POLICY, QUOTA, LIMITS])


def test_viewers_alone_leave_nobody_who_deploys() -> None:
    assert set(bindings(preview(viewers=("ml-viewers",)))) == {"view", "viewer"}


def test_deployers_change_the_named_deployments_and_nothing_else() -> None:
    assert deployer_rules(["model-server"]) == [
        {
            "api_groups": ["apps"],
            "resources": ["deployments", "deployments/scale"],
            "resource_names": ["model-server"],
            "verbs": ["patch", "update"],
        }
    ]


def test_no_right_is_given_by_a_wildcard_and_none_to_secrets_shells_or_rights(plan: Plan) -> None:
    rules = [rule for role in plan.of_type(ROLE) for rule in role.inputs["rules"]]
    named = [(group, resource) for rule in rules for group in rule["apiGroups"] for resource in rule["resources"]]

    assert len(named) > 5
    assert "*" not in str(rules)
    assert [each for each in named if each[0] in ("", RBAC)] == []


@pytest.mark.parametrize(
    ("type_", "key", "wrong"),
    [
        (QUOTA, "spec", {"hrad": {}}),
        (LIMITS, "spec", {"limits": [{"max": {"memory": "1Gi"}}]}),
        (ROLE, "rules", [{"apiGroups": ["apps"], "resources": ["deployments"]}]),
        (BINDING, "roleRef", None),
        (BINDING, "subjects", [{"kind": "Group"}]),
    ],
)
def test_a_mistake_in_any_of_them_is_found_before_up(plan: Plan, type_: str, key: str, wrong: object) -> None:
    resource = plan.of_type(type_)[0]
    inputs = {name: value for name, value in {**resource.inputs, key: wrong}.items() if value is not None}

    assert list(check_resource(resource)) == []
    assert list(check_resource(replace(resource, inputs=inputs))) != []
