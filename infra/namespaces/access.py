"""What groups of people may do in a namespace, as rules of Kubernetes' RBAC."""

from collections.abc import Iterable, Sequence

from pulumi_kubernetes.rbac.v1 import PolicyRuleArgsDict, SubjectArgsDict

RBAC_GROUP = "rbac.authorization.k8s.io"
READ = ("get", "list", "watch")


def viewer_rules() -> list[PolicyRuleArgsDict]:
    """Read what the role `view` leaves out: metrics, and the custom resources of our namespaces.

    `view` has workloads, autoscalers, events and logs, and no Secrets
    (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles).
    """
    return [
        {"api_groups": ["metrics.k8s.io"], "resources": ["pods"], "verbs": ["get", "list"]},
        _reads("keda.sh", "scaledobjects"),
        _reads("external-secrets.io", "externalsecrets", "secretstores"),
        _reads("gateway.networking.k8s.io", "gateways", "httproutes"),
        _reads("networking.istio.io", "destinationrules", "virtualservices"),
        _reads("policy.linkerd.io", "httproutes"),
        _reads("serving.kserve.io", "inferenceservices"),
    ]


def deployer_rules(deployments: Sequence[str]) -> list[PolicyRuleArgsDict]:
    """Update, restart, roll back and scale the Deployments of those names."""
    return [
        {
            "api_groups": ["apps"],
            "resources": ["deployments", "deployments/scale"],
            "resource_names": list(deployments),
            "verbs": ["patch", "update"],
        }
    ]


def subjects(groups: Iterable[str]) -> list[SubjectArgsDict]:
    """Groups as the subjects of a binding."""
    return [{"kind": "Group", "name": group, "api_group": RBAC_GROUP} for group in groups]


def _reads(api_group: str, *resources: str) -> PolicyRuleArgsDict:
    return {"api_groups": [api_group], "resources": list(resources), "verbs": list(READ)}
