"""What Argo CD is told to keep on one cluster, and all that it may touch there."""

import posixpath
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgsDict

from infra.clusters.cluster import ServiceAccount
from infra.delivery.kinds import kinds
from infra.settings.delivery import ArgoCdSettings
from infra.settings.serving import ServingSettings

API_VERSION = "argoproj.io/v1alpha1"
ROLE = "argocd"
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete")

# A GPU node takes minutes to come, and a registry may be away for some.
RETRY = {"limit": 10, "backoff": {"duration": "15s", "factor": 2, "maxDuration": "10m"}}


@dataclass(frozen=True, kw_only=True)
class ApplicationArgs:
    """The cluster, as Argo CD knows it by `server`, is to be what the folder `cluster` of the repository says.

    Argo CD runs in `namespace`, as `controller` where the program gives it its rights; None leaves them to whoever
    installed it. `after` brings that Argo CD, and all that the workload stands on.
    """

    settings: ArgoCdSettings
    serving: ServingSettings
    cluster: str
    server: str
    namespace: str
    controller: ServiceAccount | None
    after: Sequence[pulumi.Resource]


class Application(pulumi.ComponentResource):
    """An Application, in a project that holds it to its repository, its namespace and its kinds of objects.

    It has no finalizer: what it made stays when it goes, and goes with the namespace.
    """

    def __init__(self, name: str, args: ApplicationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:delivery:Application", name, None, opts)
        self._name, self._args = name, args
        ground = pulumi.ResourceOptions(parent=self, depends_on=args.after)
        rights: Sequence[pulumi.Resource] = self._rights(args.controller, ground) if args.controller else ()
        project = self._object("AppProject", project_spec(args), ground)
        after = pulumi.ResourceOptions(parent=self, depends_on=[project, *rights, *args.after])
        self._object("Application", application_spec(args), after)
        self.register_outputs({"folder": folder(args)})

    def _object(
        self, kind: str, spec: Mapping[str, Any], opts: pulumi.ResourceOptions
    ) -> kubernetes.apiextensions.CustomResource:
        return kubernetes.apiextensions.CustomResource(
            f"{self._name}-{kind.lower()}",
            api_version=API_VERSION,
            kind=kind,
            metadata={"name": self._args.serving.namespace, "namespace": self._args.namespace},
            spec=spec,
            opts=opts,
        )

    def _rights(self, controller: ServiceAccount, opts: pulumi.ResourceOptions) -> Sequence[pulumi.Resource]:
        serving = self._args.serving
        role = kubernetes.rbac.v1.Role(
            self._name, metadata={"name": ROLE, "namespace": serving.namespace}, rules=rules(serving), opts=opts
        )
        binding = kubernetes.rbac.v1.RoleBinding(
            self._name,
            metadata={"name": ROLE, "namespace": serving.namespace},
            role_ref={"kind": "Role", "name": ROLE, "api_group": "rbac.authorization.k8s.io"},
            subjects=[{"kind": "ServiceAccount", "name": controller.name, "namespace": controller.namespace}],
            opts=opts,
        )
        return [role, binding]


def folder(args: ApplicationArgs) -> str:
    """Where in the repository the cluster's manifests are."""
    return posixpath.normpath(posixpath.join(args.settings.path, args.cluster))


def application_spec(args: ApplicationArgs) -> Mapping[str, Any]:
    """Kept as the repository says at all times (https://argo-cd.readthedocs.io/en/release-3.5/user-guide/application-specification/).

    No difference is ignored: no manifest states what an autoscaler changes, and Argo CD leaves alone what none states.
    """
    return {
        "project": args.serving.namespace,
        "source": {
            "repoURL": args.settings.repository,
            "targetRevision": args.settings.revision,
            "path": folder(args),
        },
        "destination": {"server": args.server, "namespace": args.serving.namespace},
        "syncPolicy": {
            # An empty folder is somebody's mistake, and no order to delete everything.
            "automated": {"prune": True, "selfHeal": True, "allowEmpty": False},
            "syncOptions": ["CreateNamespace=true", "ServerSideApply=true", "PruneLast=true"],
            "retry": RETRY,
        },
        "revisionHistoryLimit": 5,
    }


def project_spec(args: ApplicationArgs) -> Mapping[str, Any]:
    """One repository, one namespace, and the kinds of the workload, none of which gives rights or opens the network.

    Nothing of the whole cluster, not even the namespace: who writes to the repository could take away the label that
    refuses privileged pods (https://argo-cd.readthedocs.io/en/release-3.5/user-guide/projects/).
    """
    return {
        "description": f"The model that is served in {args.serving.namespace}",
        "sourceRepos": [args.settings.repository],
        "destinations": [{"server": args.server, "namespace": args.serving.namespace}],
        "clusterResourceWhitelist": [],
        "namespaceResourceWhitelist": [{"group": each.group, "kind": each.kind} for each in kinds(args.serving)],
    }


def rules(serving: ServingSettings) -> list[PolicyRuleArgsDict]:
    """Whatever the project permits, and a look at the namespace, for which `CreateNamespace` asks."""
    resources: defaultdict[str, list[str]] = defaultdict(list)
    for each in kinds(serving):
        resources[each.group].append(each.resource)
    made: list[PolicyRuleArgsDict] = [
        {"api_groups": [group], "resources": found, "verbs": list(VERBS)} for group, found in resources.items()
    ]
    return [*made, {"api_groups": [""], "resources": ["namespaces"], "verbs": ["get"]}]
