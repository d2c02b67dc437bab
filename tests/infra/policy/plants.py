"""A violation of each rule: one input of one resource of the real stacks, and what is put there."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from infra.preview import Resource

GONE = object()
"""In place of a value: the input is taken away."""
WORLD = "0.0.0.0/0"
EVERYTHING = '{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
EVERYBODY = '{"Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sns:Publish"}}'
ROLES = "/subscriptions/1/providers/Microsoft.Authorization/roleDefinitions"
POD = "spec.template.spec"
FIRST = f"{POD}.containers.0"


@dataclass(frozen=True)
class Plant:
    """`rule` is broken in `stack` when the input `path` of its first resource of `type` is `value`."""

    rule: str
    stack: str
    type: str
    path: str
    value: Any = GONE
    name: str = ""
    """The resource's, where another than the first is meant."""

    def __str__(self) -> str:
        return f"{self.rule}-{self.type.rpartition(':')[2]}-{self.path}"

    def where(self, resources: Sequence[Resource]) -> int:
        """The place of the resource among those of its stack."""
        wanted = (self.type, self.name)
        return next(i for i, each in enumerate(resources) if wanted in ((each.type, ""), (each.type, each.name)))

    def planted(self, resources: Sequence[Resource]) -> list[Resource]:
        """The stack with the violation in it."""
        at = self.where(resources)
        return [*resources[:at], self._changed(resources[at]), *resources[at + 1 :]]

    def _changed(self, resource: Resource) -> Resource:
        if self.path == "protect":
            return replace(resource, options={"protect": self.value})
        inputs = deepcopy(dict(resource.inputs))
        put(inputs, self.path, self.value)
        return replace(resource, inputs=inputs)


def put(inputs: Mapping[str, Any], path: str, value: object) -> None:
    """Change what lies at a dotted path, through maps and lists."""
    *parents, last = path.split(".")
    at: Any = inputs
    for key in parents:
        at = at[int(key) if key.isdecimal() else key]
    if value is GONE:
        del at[last]
    else:
        at[last] = value


PLANTS = [
    Plant("disks-encrypted", "dev", "aws:ec2/launchTemplate:LaunchTemplate", "blockDeviceMappings.0.ebs.encrypted"),
    Plant("disks-encrypted", "dev", "aws:ec2/launchTemplate:LaunchTemplate", "blockDeviceMappings"),
    Plant("disks-encrypted", "dev", "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass", "spec.blockDeviceMappings", []),
    Plant("volumes-encrypted", "dev", "kubernetes:storage.k8s.io/v1:StorageClass", "parameters.encrypted", "false"),
    Plant(
        "volumes-encrypted",
        "prod",
        "kubernetes:storage.k8s.io/v1:StorageClass",
        "parameters.encryptInTransit",
        name="aks-azurefile-nfs-encrypted",
    ),
    Plant("files-encrypted", "prod", "aws:efs/fileSystem:FileSystem", "encrypted", False),
    Plant(
        "buckets-encrypted",
        "prod",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "rules.0.applyServerSideEncryptionByDefault",
        {"sseAlgorithm": "AES256"},
    ),
    Plant("images-encrypted", "dev", "aws:ecr/repository:Repository", "encryptionConfigurations"),
    Plant("messages-encrypted", "prod", "aws:sns/topic:Topic", "kmsMasterKeyId"),
    Plant("messages-encrypted", "dev", "aws:sqs/queue:Queue", "sqsManagedSseEnabled", False),
    Plant("kubernetes-secrets-encrypted", "dev", "aws:eks/cluster:Cluster", "encryptionConfig"),
    Plant(
        "endpoint-data-encrypted",
        "prod",
        "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
        "dataCaptureConfig.kmsKeyId",
        name="sagemaker-real-time",
    ),
    Plant("transport-encrypted", "prod", "azure-native:storage:StorageAccount", "minimumTlsVersion", "TLS1_0"),
    Plant("keys-rotate", "dev", "aws:kms/key:Key", "enableKeyRotation"),
    Plant("no-open-ingress", "prod", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "cidrIpv4", WORLD),
    Plant("no-open-ingress", "prod", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "cidrIpv6", "::/0"),
    Plant(
        "no-open-ingress",
        "dev",
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        "ingress",
        [{"cidrBlocks": ["10.0.0.0/8", WORLD]}],
    ),
    Plant(
        "no-open-ingress",
        "dev",
        "azure-native:network:NetworkSecurityGroup",
        "securityRules",
        [{"direction": "Inbound", "access": "Allow", "sourceAddressPrefix": "Internet"}],
    ),
    Plant("api-servers-closed", "dev", "aws:eks/cluster:Cluster", "vpcConfig.publicAccessCidrs", [WORLD]),
    Plant("api-servers-closed", "dev", "aws:eks/cluster:Cluster", "vpcConfig.publicAccessCidrs"),
    Plant(
        "api-servers-closed",
        "prod",
        "azure-native:containerservice:ManagedCluster",
        "apiServerAccessProfile.authorizedIPRanges",
        [],
    ),
    Plant(
        "buckets-not-public",
        "prod",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "restrictPublicBuckets",
        False,
    ),
    Plant("no-anonymous-readers", "prod", "azure-native:storage:StorageAccount", "allowBlobPublicAccess"),
    Plant("no-anonymous-readers", "dev", "azure-native:containerregistry:Registry", "anonymousPullEnabled", True),
    Plant(
        "data-behind-a-network",
        "prod",
        "azure-native:keyvault:Vault",
        "properties.networkAcls",
        name="aks-vault",
    ),
    Plant("callers-known", "prod", "aws:lambda/functionUrl:FunctionUrl", "authorizationType", "NONE"),
    Plant("callers-known", "prod", "azure-native:machinelearningservices:OnlineEndpoint", "properties.authMode", "Key"),
    Plant(
        "load-balancers-closed",
        "dev",
        "kubernetes:core/v1:Service",
        "metadata.annotations",
        {},
        name="eks-model-server",
    ),
    Plant(
        "load-balancers-closed",
        "prod",
        "kubernetes:gateway.envoyproxy.io/v1alpha1:EnvoyProxy",
        "spec.provider.kubernetes.envoyService.annotations",
    ),
    Plant("containers-private", "dev", "azure-native:containerinstance:ContainerGroup", "ipAddress.type", "Public"),
    Plant("no-administrators", "prod", "aws:iam/rolePolicy:RolePolicy", "policy", EVERYTHING),
    Plant("no-administrators", "dev", "aws:iam/role:Role", "inlinePolicies", [{"policy": EVERYTHING}]),
    Plant(
        "no-administrators",
        "dev",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "policyArn",
        "arn:aws:iam::aws:policy/AdministratorAccess",
    ),
    Plant(
        "no-owners",
        "dev",
        "azure-native:authorization:RoleAssignment",
        "roleDefinitionId",
        f"{ROLES}/b24988ac-6180-42a0-ab88-20f7382dd24c",
    ),
    Plant("no-everybody", "prod", "aws:sns/topicPolicy:TopicPolicy", "policy", EVERYBODY),
    Plant("no-everybody", "prod", "aws:lambda/permission:Permission", "principal", "*"),
    Plant("aws-tagged", "dev", "pulumi:providers:aws", "defaultTags.tags.owner"),
    Plant("aws-tagged", "dev", "pulumi:providers:aws-native", "defaultTags"),
    Plant("azure-tagged", "dev", "azure-native:resources:ResourceGroup", "tags.environment"),
    Plant("machines-tagged", "dev", "aws:ec2/launchTemplate:LaunchTemplate", "tagSpecifications", []),
    Plant("machines-tagged", "dev", "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass", "spec.tags.owner", ""),
    Plant("data-protected", "prod", "aws:efs/fileSystem:FileSystem", "protect", False),
    Plant("data-protected", "prod", "aws:s3/bucket:Bucket", "protect", False, "sagemaker-data"),
    Plant("logs-end", "dev", "aws:cloudwatch/logGroup:LogGroup", "retentionInDays", 0),
    Plant("images-by-digest", "dev", "kubernetes:apps/v1:Deployment", f"{FIRST}.image", "registry/server:v1"),
    Plant("images-by-digest", "prod", "kubernetes:apps/v1:StatefulSet", f"{FIRST}.image", "postgres:18"),
    Plant("images-by-digest", "dev", "azure-native:containerinstance:ContainerGroup", "containers.0.image", "a:b"),
    Plant("images-by-digest", "prod", "aws:lambda/function:Function", "imageUri", "${ecr.url: string}:latest"),
    Plant("images-by-digest", "prod", "aws:sagemaker/model:Model", "primaryContainer.image", "a"),
    Plant(
        "images-by-digest",
        "prod",
        "azure-native:machinelearningservices:EnvironmentVersion",
        "properties.image",
        "a:b",
    ),
    Plant("charts-by-version", "dev", "kubernetes:helm.sh/v3:Release", "version", "^2.0.0"),
    Plant("charts-by-version", "dev", "kubernetes:helm.sh/v3:Release", "version"),
    Plant("containers-limited", "dev", "kubernetes:apps/v1:Deployment", f"{FIRST}.resources.limits", {}),
    Plant(
        "containers-limited",
        "prod",
        "kubernetes:apps/v1:Deployment",
        f"{POD}.initContainers.0.resources",
        name="eks-mlflow",
    ),
    Plant("containers-limited", "dev", "azure-native:containerinstance:ContainerGroup", "containers.0.resources"),
    Plant("servers-probed", "dev", "kubernetes:apps/v1:Deployment", f"{FIRST}.readinessProbe"),
    Plant("servers-probed", "dev", "azure-native:containerinstance:ContainerGroup", "containers.0.livenessProbe"),
    Plant(
        "servers-probed",
        "prod",
        "azure-native:machinelearningservices:OnlineDeployment",
        "properties.livenessProbe",
    ),
    Plant("pods-restricted", "dev", "kubernetes:apps/v1:Deployment", f"{POD}.securityContext.runAsNonRoot"),
    Plant("pods-restricted", "dev", "kubernetes:apps/v1:Deployment", f"{POD}.hostNetwork", True),
    Plant("pods-restricted", "dev", "kubernetes:apps/v1:Deployment", f"{POD}.volumes", [{"hostPath": {"path": "/"}}]),
    Plant(
        "pods-restricted",
        "prod",
        "kubernetes:batch/v1:CronJob",
        "spec.jobTemplate.spec.template.spec.containers.0.securityContext.readOnlyRootFilesystem",
        False,
    ),
    Plant("pods-restricted", "prod", "kubernetes:apps/v1:StatefulSet", f"{FIRST}.securityContext.privileged", True),
    Plant("no-on-demand-gpu-in-dev", "dev", "aws:eks/nodeGroup:NodeGroup", "capacityType", "ON_DEMAND", "eks-t4-spot"),
    Plant(
        "no-on-demand-gpu-in-dev",
        "dev",
        "kubernetes:karpenter.sh/v1:NodePool",
        "spec.template.spec.requirements.0.values",
        ["spot", "on-demand"],
    ),
    Plant(
        "spot-has-a-fallback",
        "prod",
        "azure-native:containerservice:AgentPool",
        "vmSize",
        "Standard_D4as_v5",
        "aks-t4",
    ),
]
