"""A namespace for one workload: closed, bounded, and shared with the people that the settings name."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgsDict, RoleRefArgsDict

from infra.namespaces.access import RBAC_GROUP, deployer_rules, subjects, viewer_rules
from infra.namespaces.limits import Limits, limit_range_spec, quota_spec
from infra.namespaces.network import default_deny
from infra.settings.access import AccessSettings

QUOTA, CONTAINER_LIMITS = "namespace-quota", "container-limits"
VIEWER, DEPLOYER = "viewer", "deployer"


@dataclass(frozen=True, kw_only=True)
class WorkloadNamespaceArgs:
    """`deployments` are those that the deployers of `access` may change; `protect` refuses to delete the namespace."""

    namespace: str
    limits: Limits
    access: AccessSettings
    deployments: Sequence[str] = ()
    protect: bool = False


class WorkloadNamespace(pulumi.ComponentResource):
    """Admits restricted pods only, lets nothing in or out by itself, and holds so much and no more.

    Whoever depends on it finds all of that in force.
    """

    def __init__(self, name: str, args: WorkloadNamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:namespaces:WorkloadNamespace", name, None, opts)
        self._name, self._namespace = name, args.namespace
        namespace = kubernetes.core.v1.Namespace(
            name,
            metadata=namespace_metadata(args.namespace),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        self._child = pulumi.ResourceOptions(parent=self, depends_on=[namespace])
        kubernetes.networking.v1.NetworkPolicy(
            f"{name}-default-deny", metadata=self._metadata("default-deny"), spec=default_deny(), opts=self._child
        )
        kubernetes.core.v1.ResourceQuota(
            name, metadata=self._metadata(QUOTA), spec=quota_spec(args.limits), opts=self._child
        )
        kubernetes.core.v1.LimitRange(
            name, metadata=self._metadata(CONTAINER_LIMITS), spec=limit_range_spec(args.limits), opts=self._child
        )
        self._views(args.access.groups)
        self._deploys(args.access.deployers, args.deployments)
        self.register_outputs({"namespace": args.namespace})

    def _views(self, groups: Sequence[str]) -> None:
        """Kubernetes' own role `view`, and beside it what that leaves out."""
        if groups:
            self._bind("view", {"kind": "ClusterRole", "name": "view", "api_group": RBAC_GROUP}, groups)
            self._grant(VIEWER, viewer_rules(), groups)

    def _deploys(self, groups: Sequence[str], deployments: Sequence[str]) -> None:
        """Rights to change the Deployments of those names."""
        if groups and deployments:
            self._grant(DEPLOYER, deployer_rules(deployments), groups)

    def _grant(self, role: str, rules: Sequence[PolicyRuleArgsDict], groups: Sequence[str]) -> None:
        kubernetes.rbac.v1.Role(f"{self._name}-{role}", metadata=self._metadata(role), rules=rules, opts=self._child)
        self._bind(role, {"kind": "Role", "name": role, "api_group": RBAC_GROUP}, groups)

    def _bind(self, binding: str, role: RoleRefArgsDict, groups: Sequence[str]) -> None:
        kubernetes.rbac.v1.RoleBinding(
            f"{self._name}-{binding}",
            metadata=self._metadata(binding),
            role_ref=role,
            subjects=subjects(groups),
            opts=self._child,
        )

    def _metadata(self, object_name: str) -> ObjectMetaArgsDict:
        return {"name": object_name, "namespace": self._namespace}


def namespace_metadata(name: str) -> ObjectMetaArgsDict:
    """A namespace that admits restricted pods only (https://kubernetes.io/docs/concepts/security/pod-security-standards/)."""
    modes = ("enforce", "audit", "warn")
    return {"name": name, "labels": {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in modes}}
