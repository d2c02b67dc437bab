"""Nothing that holds data is public, and no door is open to the whole internet."""

from collections.abc import Iterator, Mapping, Sequence

from infra.policy.rule import Judged, Plain, Rule, StackRule, Violation, at, each, is_map, is_true, is_unknown, must, of
from infra.policy.rules.encryption import BUCKET, STORAGE_ACCOUNT

AKS = "azure-native:containerservice:ManagedCluster"
BUCKET_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
CONTAINER_GROUP = "azure-native:containerinstance:ContainerGroup"
EKS = "aws:eks/cluster:Cluster"
FUNCTION_URL = "aws:lambda/functionUrl:FunctionUrl"
ONLINE_ENDPOINT = "azure-native:machinelearningservices:OnlineEndpoint"
PROXY = "kubernetes:gateway.envoyproxy.io/v1alpha1:EnvoyProxy"
REGISTRY = "azure-native:containerregistry:Registry"
MADE = "spec.provider.kubernetes.envoyService"
"""Where an EnvoyProxy describes the Service that is made from it."""
SERVICE = "kubernetes:core/v1:Service"
VAULT = "azure-native:keyvault:Vault"

WORLD = frozenset({"0.0.0.0/0", "::/0", "*", "Any", "Internet"})
GROUPS = frozenset({"aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"})
GROUP_RULES = frozenset(
    {"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "aws:ec2/securityGroupRule:SecurityGroupRule"}
)
AZURE_GROUP = "azure-native:network:NetworkSecurityGroup"
AZURE_RULE = "azure-native:network:SecurityRule"
INTERNAL = {
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
}
"""What makes a load balancer one of the network alone, by annotation."""
CLOUD_CLASS, CLOUD_ANNOTATION = "service.k8s.aws/nlb", "service.beta.kubernetes.io/"
"""The class of AWS's controller, and how the clouds' annotations begin."""


def ingress(resource: Judged) -> Iterator[Violation]:
    """Rules written inside a group, and those that are resources of their own."""
    if resource.type in GROUPS:
        for path, rule in each(resource.inputs, "ingress"):
            yield from _open(rule, path, "cidrBlocks", "ipv6CidrBlocks")
    elif resource.type == AZURE_GROUP:
        for path, rule in each(resource.inputs, "securityRules"):
            yield from _open_in_azure(rule, path)
    elif resource.type == AZURE_RULE:
        yield from _open_in_azure(resource.inputs, "")
    elif at(resource.inputs, "type") != "egress":
        yield from _open(resource.inputs, "", "cidrIpv4", "cidrIpv6", "cidrBlocks", "ipv6CidrBlocks")


def _open(rule: Plain, below: str, *keys: str) -> Iterator[Violation]:
    for key in keys:
        yield from must(rule, key, lambda found: not WORLD & set(_as_list(found)), below)


def _open_in_azure(rule: Plain, below: str) -> Iterator[Violation]:
    if at(rule, "direction") == "Inbound" and at(rule, "access") == "Allow":
        yield from _open(rule, below, "sourceAddressPrefix", "sourceAddressPrefixes")


def _as_list(value: Plain) -> Sequence[Plain]:
    return [value] if value is None or isinstance(value, str) else value


def api_servers(resource: Judged) -> Iterator[Violation]:
    """An empty list of addresses means all of them, on both clouds."""
    if resource.type == EKS:
        is_private = at(resource.inputs, "vpcConfig.endpointPublicAccess") is False
        path = "vpcConfig.publicAccessCidrs"
    else:
        is_private = is_true(at(resource.inputs, "apiServerAccessProfile.enablePrivateCluster"))
        path = "apiServerAccessProfile.authorizedIPRanges"
    if not is_private:
        yield from must(resource.inputs, path, _is_narrow)


def public_buckets(resource: Judged, stack: Sequence[Judged]) -> Iterator[Violation]:
    """All four, for each closes another way."""
    blocks = [
        other.inputs
        for other in stack
        if other.type == BUCKET_BLOCK and resource.urn in other.property_dependencies.get("bucket", ())
    ]
    if not blocks:
        yield Violation("public access block", None)
    for block in blocks:
        for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"):
            yield from must(block, key, is_true)


def anonymous(resource: Judged) -> Iterator[Violation]:
    """A blob of a public container needs no key, an image of an anonymous registry no login."""
    if resource.type == REGISTRY:
        yield from must(resource.inputs, "anonymousPullEnabled", lambda found: not is_true(found))
    else:
        yield from must(resource.inputs, "allowBlobPublicAccess", lambda found: found is False)


def behind_network(resource: Judged) -> Iterator[Violation]:
    """Closed to the internet, or open to the addresses alone that are named."""
    below = "properties." if resource.type == VAULT else ""
    access = at(resource.inputs, f"{below}publicNetworkAccess")
    rules = {VAULT: "networkAcls", STORAGE_ACCOUNT: "networkRuleSet", REGISTRY: "networkRuleSet"}[resource.type]
    action = at(resource.inputs, f"{below}{rules}.defaultAction")
    if str(access).lower() != "disabled" and action != "Deny" and not is_unknown(access) and not is_unknown(action):
        yield Violation(f"{below}{rules}.defaultAction", action)


def callers(resource: Judged) -> Iterator[Violation]:
    """A URL or a key that leaks is no door without an identity."""
    if resource.type == FUNCTION_URL:
        yield from must(resource.inputs, "authorizationType", lambda found: found == "AWS_IAM")
    else:
        yield from must(resource.inputs, "properties.authMode", lambda found: found == "AADToken")


def balancers(resource: Judged) -> Iterator[Violation]:
    """A Service of the type LoadBalancer, or the one that Envoy Gateway makes from its EnvoyProxy."""
    own, annotations = ("spec", "metadata.annotations") if resource.type == SERVICE else (MADE, f"{MADE}.annotations")
    found = at(resource.inputs, annotations)
    named: Mapping[str, Plain] = found if is_map(found) else {}
    is_internal = any(named.get(key) == value for key, value in INTERNAL.items())
    is_owners = _is_owners(named, at(resource.inputs, f"{own}.loadBalancerClass"))
    if at(resource.inputs, f"{own}.type") == "LoadBalancer" and not is_internal and not is_owners:
        yield from must(resource.inputs, f"{own}.loadBalancerSourceRanges", _is_narrow)


def _is_owners(annotations: Mapping[str, Plain], class_: Plain) -> bool:
    """Whether it is of a kind that the owner of a cluster of no cloud made, and named in `existing.loadBalancer`."""
    return class_ not in (None, CLOUD_CLASS) or any(not key.startswith(CLOUD_ANNOTATION) for key in annotations)


def _is_narrow(ranges: Sequence[str] | None) -> bool:
    """Whether addresses are named; none means all of them."""
    return bool(ranges) and not WORLD & set(ranges or ())


RULES = [
    Rule(
        name="no-open-ingress",
        demands="No firewall lets the whole internet in.",
        fix="name the addresses or the security group that may come in",
        source="https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html",
        judges=lambda resource: resource.type in {*GROUPS, *GROUP_RULES, AZURE_GROUP, AZURE_RULE},
        check=ingress,
    ),
    Rule(
        name="api-servers-closed",
        demands="A cluster's API server answers to named addresses only.",
        fix="set `eks.publicAccessCidrs` or `aks.publicAccessCidrs` to your office or VPN",
        source="https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html",
        judges=of(EKS, AKS),
        check=api_servers,
    ),
    StackRule(
        name="buckets-not-public",
        demands="No bucket can be made public.",
        fix="give it a BucketPublicAccessBlock with all four flags true",
        source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
        judges=of(BUCKET),
        compare=public_buckets,
    ),
    Rule(
        name="no-anonymous-readers",
        demands="Nobody reads storage or images without an identity.",
        fix="set `allowBlobPublicAccess: false` on the account, leave `anonymousPullEnabled` off on the registry",
        source="https://learn.microsoft.com/azure/storage/blobs/anonymous-read-access-prevent",
        judges=of(STORAGE_ACCOUNT, REGISTRY),
        check=anonymous,
    ),
    Rule(
        name="data-behind-a-network",
        demands="Storage, vaults and registries answer to named networks only.",
        fix="set its default action to Deny and name the networks, or write an exemption with its reason",
        source="https://learn.microsoft.com/azure/key-vault/general/network-security",
        judges=of(STORAGE_ACCOUNT, VAULT, REGISTRY),
        check=behind_network,
    ),
    Rule(
        name="callers-known",
        demands="An endpoint's URL asks for an identity of the cloud.",
        fix="set `authorizationType: AWS_IAM` or `authMode: AADToken`",
        source="https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",
        judges=of(FUNCTION_URL, ONLINE_ENDPOINT),
        check=callers,
    ),
    Rule(
        name="load-balancers-closed",
        demands="A load balancer is of the network alone, or lets named addresses in.",
        fix="annotate it as internal, or set `loadBalancerSourceRanges`",
        source="https://kubernetes.io/docs/tasks/access-application-cluster/create-external-load-balancer/",
        judges=of(SERVICE, PROXY),
        check=balancers,
    ),
    Rule(
        name="containers-private",
        demands="A container group has an address of the network alone.",
        fix="set `ipAddress.type: Private` and a subnet",
        source="https://learn.microsoft.com/azure/container-instances/container-instances-vnet",
        judges=of(CONTAINER_GROUP),
        check=lambda resource: must(resource.inputs, "ipAddress.type", lambda found: found in (None, "Private")),
    ),
]
