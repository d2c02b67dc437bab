"""What a stack `dev` of the project `p` may leave in AWS, one of each kind that moto's list of tags knows."""

from collections.abc import Callable
from typing import Any

from infra.audit.aws.arn import Arn
from tests.infra.audit.conftest import REGION, tags

Clients = Callable[[str], Any]
Found = set[tuple[str, str]]
"""Kinds and names."""

OF_CLUSTER = [{"Key": "elbv2.k8s.aws/cluster", "Value": "p-dev"}]


def orphans(amazon: Clients) -> Found:
    """All of them."""
    ec2 = amazon("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(
        VpcId=vpc, CidrBlock="10.0.0.0/20", AvailabilityZone=f"{REGION}a", TagSpecifications=tagged("subnet")
    )["Subnet"]["SubnetId"]
    own = {("ec2:vpc", vpc), ("ec2:subnet", subnet)}
    return own | in_network(ec2, vpc, subnet) | machines(ec2, subnet) | balanced(amazon, vpc, subnet) | others(amazon)


def tagged(kind: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": tags()}]


def in_network(ec2: Any, vpc: str, subnet: str) -> Found:
    group = ec2.create_security_group(
        GroupName="k8s-traffic", Description="d", VpcId=vpc, TagSpecifications=tagged("security-group")
    )
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    gateway = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, TagSpecifications=tagged("natgateway"))
    interface = ec2.create_network_interface(SubnetId=subnet, TagSpecifications=tagged("network-interface"))
    return {
        ("ec2:security-group", group["GroupId"]),
        ("ec2:natgateway", gateway["NatGateway"]["NatGatewayId"]),
        ("ec2:network-interface", interface["NetworkInterface"]["NetworkInterfaceId"]),
    }


def machines(ec2: Any, subnet: str) -> Found:
    image = ec2.describe_images()["Images"][0]["ImageId"]
    (instance,) = ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet, TagSpecifications=tagged("instance")
    )["Instances"]
    place = {"AvailabilityZone": f"{REGION}a", "Size": 1}
    volume = ec2.create_volume(**place, TagSpecifications=tagged("volume"))["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume, TagSpecifications=tagged("snapshot"))["SnapshotId"]
    return {("ec2:instance", instance["InstanceId"]), ("ec2:volume", volume), ("ec2:snapshot", snapshot)}


def balanced(amazon: Clients, vpc: str, subnet: str) -> Found:
    balancers = amazon("elbv2").create_load_balancer(
        Name="k8s-serving", Subnets=[subnet], Type="network", Tags=OF_CLUSTER
    )["LoadBalancers"]
    targets = amazon("elbv2").create_target_group(
        Name="k8s-target", Protocol="TCP", Port=80, VpcId=vpc, Tags=OF_CLUSTER
    )["TargetGroups"]
    arns = [balancers[0]["LoadBalancerArn"], targets[0]["TargetGroupArn"]]
    return {(Arn.of(arn).kind, Arn.of(arn).name) for arn in arns}


def others(amazon: Clients) -> Found:
    files = amazon("efs").create_file_system(CreationToken="t", Tags=tags())["FileSystemId"]
    key = amazon("kms").create_key(Tags=[{"TagKey": each["Key"], "TagValue": each["Value"]} for each in tags()])
    amazon("s3").create_bucket(Bucket="p-dev-data", CreateBucketConfiguration={"LocationConstraint": REGION})
    amazon("s3").put_bucket_tagging(Bucket="p-dev-data", Tagging={"TagSet": tags()})
    amazon("sns").create_topic(Name="alarms", Tags=tags())
    groups = {"/aws/eks/p-dev/cluster", "/aws/sagemaker/Endpoints/p-dev-real-time"}
    for group in groups:
        amazon("logs").create_log_group(logGroupName=group)
    amazon("iam").create_role(RoleName="eks-nodes-1234567", AssumeRolePolicyDocument="{}", Tags=tags())
    amazon("iam").create_instance_profile(InstanceProfileName="p-dev_1", Path=f"/karpenter/{REGION}/p-dev/uid/")
    return {
        ("elasticfilesystem:file-system", files),
        ("kms:key", key["KeyMetadata"]["KeyId"]),
        ("s3", "p-dev-data"),
        ("sns", "alarms"),
        ("iam:role", "eks-nodes-1234567"),
        ("iam:instance-profile", "p-dev_1"),
        *(("logs:log-group", group) for group in groups),
    }
