"""A cluster of the stack as the machines of an online endpoint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pulumi
import pulumi_azure_native as azure
import pulumi_kubernetes as kubernetes
from pulumi_azure_native.machinelearningservices import (
    KubernetesArgs,
    KubernetesPropertiesArgs,
    ManagedServiceIdentityType,
)

from infra.clouds.azure.identity import BuiltInRole, role_assignment
from infra.clusters.gpu import GPU_RESOURCE
from infra.settings.azure_ml import ServerResources, TlsSettings

NAMESPACE, EXTENSION_NAMESPACE = "azure-ml", "azureml"
INSTANCE_TYPE = "model-server"
COMPUTE = "aks"

# https://learn.microsoft.com/azure/machine-learning/how-to-attach-kubernetes-to-workspace
WORKSPACE_ROLES = {
    "reads": BuiltInRole.READER,
    "extends": BuiltInRole.KUBERNETES_EXTENSION_CONTRIBUTOR,
    "administers": BuiltInRole.AKS_CLUSTER_ADMIN,
}
# https://learn.microsoft.com/azure/aks/trusted-access-feature
TRUSTED_ROLE = "Microsoft.MachineLearningServices/workspaces/mlworkload"

NODES_FOR_THREE_ROUTERS = 3


class AttachableCluster(Protocol):
    """An AKS cluster with nodes that are Azure ML's alone."""

    @property
    def cluster_id(self) -> pulumi.Output[str]:
        """Resource ID."""
        ...

    @property
    def cluster_name(self) -> pulumi.Output[str]:
        """Name in the resource group, which is the endpoint's too."""
        ...

    @property
    def provider(self) -> kubernetes.Provider:
        """Provider of every Kubernetes object on the cluster."""
        ...

    @property
    def ready(self) -> Sequence[pulumi.Resource]:
        """What is there before pods can run on every kind of node."""
        ...

    @property
    def azure_ml_label(self) -> tuple[str, str]:
        """Label of the nodes that are Azure ML's."""
        ...

    @property
    def system_nodes(self) -> int:
        """Number of nodes for services that need no GPU."""
        ...


@dataclass(frozen=True, kw_only=True)
class AttachedClusterArgs:
    """`identity_id` pulls the image; `has_prometheus` says whether the stack runs a Prometheus
    operator there, which is among what comes before, `after`.
    """

    cluster: AttachableCluster
    resources: ServerResources
    tls: TlsSettings | None
    workspace: azure.machinelearningservices.Workspace
    identity_id: pulumi.Input[str]
    resource_group_name: pulumi.Input[str]
    subscription_id: str
    has_prometheus: bool
    after: Sequence[pulumi.Resource] = ()


class AttachedCluster(pulumi.ComponentResource):
    """Azure ML's extension on the cluster, the workspace's rights there, and the cluster as a compute target.

    The subscription must know the provider Microsoft.KubernetesConfiguration:
    https://learn.microsoft.com/azure/machine-learning/how-to-deploy-kubernetes-extension
    """

    compute_id: pulumi.Output[str]

    def __init__(self, name: str, args: AttachedClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:managed:AttachedCluster", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        needed = [*self._roles(), self._trust(), self._namespace(), self._instance_type(self._extension())]
        self.compute_id = self._compute(needed).id
        self.register_outputs({"computeId": self.compute_id})

    def _roles(self) -> list[pulumi.Resource]:
        principal = self._args.workspace.identity.apply(lambda identity: identity.principal_id if identity else "")
        return [
            role_assignment(
                f"{self._name}-{short}",
                role=role,
                scope=self._args.cluster.cluster_id,
                principal_id=principal,
                subscription_id=self._args.subscription_id,
                opts=self._child,
            )
            for short, role in WORKSPACE_ROLES.items()
        ]

    def _trust(self) -> pulumi.Resource:
        """A way for the workspace to an API that is private or open to named ranges only.

        https://learn.microsoft.com/azure/templates/microsoft.containerservice/managedclusters/trustedaccessrolebindings
        """
        return azure.containerservice.TrustedAccessRoleBinding(
            self._name,
            resource_group_name=self._args.resource_group_name,
            resource_name_=self._args.cluster.cluster_name,
            # 24 characters are Azure's limit.
            trusted_access_role_binding_name="azure-ml",
            source_resource_id=self._args.workspace.id,
            roles=[TRUSTED_ROLE],
            opts=self._child,
        )

    def _extension(self) -> pulumi.Resource:
        """https://learn.microsoft.com/azure/templates/microsoft.kubernetesconfiguration/extensions"""
        cluster = self._args.cluster
        return azure.kubernetesconfiguration.Extension(
            f"{self._name}-extension",
            resource_group_name=self._args.resource_group_name,
            cluster_rp="Microsoft.ContainerService",
            cluster_resource_name="managedClusters",
            cluster_name=cluster.cluster_name,
            extension_type="Microsoft.AzureML.Kubernetes",
            identity={"type": azure.kubernetesconfiguration.ResourceIdentityType.SYSTEM_ASSIGNED},
            scope={"cluster": {"release_namespace": EXTENSION_NAMESPACE}},
            configuration_settings=extension_settings(
                self._args.tls, system_nodes=cluster.system_nodes, has_prometheus=self._args.has_prometheus
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*cluster.ready, *self._args.after]),
        )

    def _namespace(self) -> pulumi.Resource:
        return kubernetes.core.v1.Namespace(self._name, metadata={"name": NAMESPACE}, opts=self._on_cluster())

    def _instance_type(self, extension: pulumi.Resource) -> pulumi.Resource:
        return kubernetes.apiextensions.CustomResource(
            f"{self._name}-{INSTANCE_TYPE}",
            api_version="amlarc.azureml.com/v1alpha1",
            kind="InstanceType",
            metadata={"name": INSTANCE_TYPE},
            spec=instance_type(self._args.resources, self._args.cluster.azure_ml_label),
            # Its definition comes with the extension.
            opts=self._on_cluster(extension),
        )

    def _compute(self, needed: Sequence[pulumi.Resource]) -> azure.machinelearningservices.Compute:
        """https://learn.microsoft.com/azure/templates/microsoft.machinelearningservices/workspaces/computes"""
        args = self._args
        return azure.machinelearningservices.Compute(
            f"{self._name}-compute",
            resource_group_name=args.resource_group_name,
            workspace_name=args.workspace.name,
            compute_name=COMPUTE,
            identity={"type": ManagedServiceIdentityType.USER_ASSIGNED, "user_assigned_identities": [args.identity_id]},
            properties=KubernetesArgs(
                compute_type="Kubernetes",
                resource_id=args.cluster.cluster_id,
                properties=KubernetesPropertiesArgs(namespace=NAMESPACE, default_instance_type=INSTANCE_TYPE),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=needed,
                # To delete it is to say whether the cluster itself goes too, and the provider has no input for that
                # (https://learn.microsoft.com/rest/api/azureml/compute/delete). It goes with the workspace.
                retain_on_delete=True,
            ),
        )

    def _on_cluster(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, providers=[self._args.cluster.provider], depends_on=list(after))


def extension_settings(tls: TlsSettings | None, *, system_nodes: int, has_prometheus: bool) -> Mapping[str, str]:
    """What the extension is told, in words of its own; a second Prometheus operator would fight the first.

    https://learn.microsoft.com/azure/machine-learning/how-to-deploy-kubernetes-extension#review-azure-machine-learning-extension-configuration-settings
    """
    return {
        "enableInference": "True",
        "enableTraining": "False",
        "inferenceRouterHA": str(system_nodes >= NODES_FOR_THREE_ROUTERS),
        "installPromOp": str(not has_prometheus),
        **router(tls),
    }


def router(tls: TlsSettings | None) -> Mapping[str, str]:
    """Who reaches the endpoint: the network, over TLS; without a certificate, the cluster's own pods only."""
    if tls is None:
        return {"inferenceRouterServiceType": "ClusterIP", "allowInsecureConnections": "True"}
    return {
        "inferenceRouterServiceType": "LoadBalancer",
        "internalLoadBalancerProvider": "azure",
        "sslCname": tls.host,
        "sslSecret": tls.secret,
    }


def instance_type(resources: ServerResources, node_label: tuple[str, str]) -> dict[str, Any]:
    """What one server gets, and the nodes that it runs on.

    https://learn.microsoft.com/azure/machine-learning/how-to-manage-kubernetes-instance-types
    """
    share = {"cpu": resources.cpu, "memory": resources.memory}
    return {
        "nodeSelector": dict([node_label]),
        "resources": {"requests": share, "limits": {**share, GPU_RESOURCE: resources.gpus}},
    }
