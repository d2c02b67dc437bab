"""What EKS and the nodes need to exist: the Kubernetes version, the machine images, the role for spot."""

from collections.abc import Iterator

from infra.machines import NODE_GROUP
from infra.preflight.answer import Answer, failed, ok, warning
from infra.preflight.aws.client import Aws
from infra.preflight.errors import Absent
from infra.preview import Plan

CLUSTER = "aws:eks/cluster:Cluster"
SUPPORTED = "STANDARD_SUPPORT"

# https://docs.aws.amazon.com/eks/latest/userguide/retrieve-ami-id.html
IMAGES = {"AL2023_x86_64_STANDARD": "x86_64/standard", "AL2023_x86_64_NVIDIA": "x86_64/nvidia"}

SPOT_ROLE = "AWSServiceRoleForEC2Spot"


def versions(aws: Aws, plan: Plan) -> Iterator[Answer]:
    """A row for each cluster's Kubernetes version."""
    for cluster in plan.of_type(CLUSTER):
        wanted = cluster.inputs["version"]
        found = aws.ask_all("eks", "describe_cluster_versions", "clusterVersions", clusterVersions=[wanted])
        yield _version(wanted, found[0].get("versionStatus", "") if found else "not offered")


def _version(wanted: str, status: str) -> Answer:
    asked, fix = f"EKS with Kubernetes {wanted}", "set eks.kubernetesVersion to a version in standard support"
    found = status.lower().replace("_", " ")
    if status == SUPPORTED:
        return ok(asked, found)
    # The cluster asks for standard support only, so AWS would upgrade it by itself.
    return warning(asked, found, fix) if status == "EXTENDED_SUPPORT" else failed(asked, found, fix)


def images(aws: Aws, plan: Plan) -> Iterator[Answer]:
    """A row for each kind of machine image that node groups start from."""
    wanted = sorted({(group.inputs["version"], group.inputs["amiType"]) for group in plan.of_type(NODE_GROUP)})
    for version, kind in wanted:
        if kind in IMAGES:
            yield _image(aws, version, kind)


def _image(aws: Aws, version: str, kind: str) -> Answer:
    asked = f"image {kind} for {version}"
    name = f"/aws/service/eks/optimized-ami/{version}/amazon-linux-2023/{IMAGES[kind]}/recommended/release_version"
    try:
        return ok(asked, f"release {aws.ask('ssm', 'get_parameter', Name=name)['Parameter']['Value']}")
    except Absent:
        return failed(asked, f"there is no {name}", "set eks.kubernetesVersion to a version that AWS builds images for")


def spot_role(aws: Aws) -> Iterator[Answer]:
    """Whether the account may ask for spot instances at all; Karpenter's own role must not make it so.

    https://karpenter.sh/docs/troubleshooting/#missing-service-linked-role
    """
    asked = f"role {SPOT_ROLE}"
    try:
        aws.ask("iam", "get_role", RoleName=SPOT_ROLE)
    except Absent:
        fix = "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com"
        yield failed(asked, "the account has none, so Karpenter gets no spot node", fix)
    else:
        yield ok(asked, "there")
