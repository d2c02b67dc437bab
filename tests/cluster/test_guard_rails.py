"""What the namespaces of a stack refuse, and who may do what there, by the API server's own word."""

from collections.abc import Generator, Mapping
from typing import Any

import pytest

from tests.cluster.api import Api, RefusedError
from tests.cluster.control_plane import ControlPlane
from tests.cluster.objects import applied
from tests.cluster.served import NAMESPACE, SERVER, of_serving
from tests.cluster.stacks import Stack
from tests.processes import until

VIEWERS, DEPLOYERS = "ml-viewers", "ml-deployers"
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture(scope="module")
def namespace(plane: ControlPlane, prod: Stack) -> Generator[Api]:
    """The model server's namespace on EKS."""
    api = plane.api
    with applied(api, [each for each in prod.objects["eks"] if of_serving(each)]):
        quota = lambda: api.get("v1 ResourceQuota", "namespace-quota", NAMESPACE)  # noqa: E731
        until(lambda: quota().get("status", {}).get("hard"), "quota that is in force")
        yield api


def pod(resources: Mapping[str, Any] | None = None, **security: Any) -> dict[str, Any]:
    container = {
        "name": "other",
        "image": "example.com/other",
        "securityContext": {**RESTRICTED, **security},
        "resources": resources or {},
    }
    metadata = {"name": "other", "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}


def test_the_servers_own_pods_are_admitted(namespace: Api) -> None:
    found = until(lambda: namespace.list("v1 Pod", NAMESPACE, f"app.kubernetes.io/name={SERVER}"), "pod of the server")

    assert found
    assert [each for each in namespace.list("v1 Event", NAMESPACE) if each["reason"] == "FailedCreate"] == []


@pytest.mark.parametrize(
    "security", [{"privileged": True, "allowPrivilegeEscalation": True}, {"runAsUser": 0, "runAsNonRoot": False}]
)
def test_a_pod_with_privileges_is_refused(namespace: Api, security: Mapping[str, Any]) -> None:
    with pytest.raises(RefusedError, match='violates PodSecurity "restricted:latest"') as refused:
        namespace.create(pod(**security))

    assert refused.value.status == 403


@pytest.mark.parametrize(
    "resources",
    [
        {"requests": {"cpu": "100"}},
        {"limits": {"nvidia.com/gpu": "100"}},
    ],
)
def test_an_oversized_pod_is_refused_with_the_quotas_name(namespace: Api, resources: Mapping[str, Any]) -> None:
    with pytest.raises(RefusedError, match="exceeded quota: namespace-quota"):
        namespace.create(pod(resources))


def test_a_container_larger_than_the_server_is_refused(namespace: Api) -> None:
    with pytest.raises(RefusedError, match="maximum memory usage per Container is 8Gi"):
        namespace.create(pod({"limits": {"memory": "16Gi"}}))


def test_a_pod_that_states_nothing_gets_little(namespace: Api) -> None:
    with applied(namespace, [pod()]):
        (container,) = namespace.get("v1 Pod", "other", NAMESPACE)["spec"]["containers"]

    assert container["resources"] == {
        "limits": {"memory": "256Mi"},
        "requests": {"cpu": "100m", "memory": "256Mi"},
    }


SEEN = [("list", "pods"), ("get", "pods/log"), ("list", "events"), ("get", "deployments"),
        ("list", "horizontalpodautoscalers"), ("list", "scaledobjects"), ("list", "externalsecrets"),
        ("list", "networkpolicies"), ("get", "resourcequotas"), ("get", "configmaps")]  # fmt: skip
FORBIDDEN = [("get", "secrets"), ("list", "secrets"), ("delete", "pods"), ("create", "pods"), ("create", "pods/exec"),
             ("create", "pods/attach"), ("create", "pods/portforward"), ("create", "pods/eviction"),
             ("create", "serviceaccounts/token"), ("patch", "resourcequotas"), ("patch", "roles"),
             ("create", "rolebindings"), ("patch", "networkpolicies"), ("delete", "deployments"),
             ("create", "deployments"), ("patch", "scaledobjects")]  # fmt: skip
GROUPS = {
    "deployments": "apps",
    "horizontalpodautoscalers": "autoscaling",
    "scaledobjects": "keda.sh",
    "externalsecrets": "external-secrets.io",
    "networkpolicies": "networking.k8s.io",
    "roles": "rbac.authorization.k8s.io",
    "rolebindings": "rbac.authorization.k8s.io",
}


@pytest.mark.parametrize("group", [VIEWERS, DEPLOYERS])
def test_viewers_and_deployers_see_all_but_secrets_and_take_nothing_away(namespace: Api, group: str) -> None:
    user = namespace.as_user("someone", group, "system:authenticated")

    def may(verb: str, resource: str, where: str = NAMESPACE) -> bool:
        return user.may(verb, resource, where, GROUPS.get(resource.partition("/")[0], ""))

    assert [each for each in SEEN if not may(*each)] == []
    assert [each for each in FORBIDDEN if may(*each)] == []
    assert [each for each in SEEN if may(*each, "default")] == []


@pytest.mark.parametrize(("group", "allowed"), [(VIEWERS, False), (DEPLOYERS, True)])
def test_deployers_alone_change_the_deployment_and_no_other(namespace: Api, group: str, allowed: bool) -> None:
    user = namespace.as_user("someone", group, "system:authenticated")
    change = {"metadata": {"annotations": {"example.com/changed": group}}}

    assert patched(user, SERVER, change) is allowed
    assert not patched(user, "other", change)


def patched(user: Api, name: str, change: Mapping[str, Any]) -> bool:
    try:
        user.patch("apps/v1 Deployment", name, change, NAMESPACE)
    except RefusedError as refused:
        if refused.status != 403:
            raise
        return False
    return True


def test_strangers_see_nothing(namespace: Api) -> None:
    user = namespace.as_user("someone", "system:authenticated")

    assert not user.may("list", "pods", NAMESPACE)
