"""Why something is still there, and the command that removes it."""

from collections.abc import Mapping

from infra.audit.aws.arn import Arn

COMMANDS = {
    "cloudwatch:alarm": "cloudwatch delete-alarms --alarm-names {name}",
    "ec2:elastic-ip": "ec2 release-address --allocation-id {name}",
    "ec2:instance": "ec2 terminate-instances --instance-ids {name}",
    "ec2:internet-gateway": "ec2 delete-internet-gateway --internet-gateway-id {name}",
    "ec2:launch-template": "ec2 delete-launch-template --launch-template-id {name}",
    "ec2:natgateway": "ec2 delete-nat-gateway --nat-gateway-id {name}",
    "ec2:network-interface": "ec2 delete-network-interface --network-interface-id {name}",
    "ec2:route-table": "ec2 delete-route-table --route-table-id {name}",
    "ec2:security-group": "ec2 delete-security-group --group-id {name}",
    "ec2:snapshot": "ec2 delete-snapshot --snapshot-id {name}",
    "ec2:subnet": "ec2 delete-subnet --subnet-id {name}",
    "ec2:volume": "ec2 delete-volume --volume-id {name}",
    "ec2:vpc": "ec2 delete-vpc --vpc-id {name}",
    "ec2:vpc-endpoint": "ec2 delete-vpc-endpoints --vpc-endpoint-ids {name}",
    "ecr:repository": "ecr delete-repository --force --repository-name {name}",
    "eks:cluster": "eks delete-cluster --name {name}",
    "elasticfilesystem:file-system": "efs delete-file-system --file-system-id {name}",
    "elasticloadbalancing:loadbalancer": "elbv2 delete-load-balancer --load-balancer-arn {arn}",
    "elasticloadbalancing:targetgroup": "elbv2 delete-target-group --target-group-arn {arn}",
    "events:rule": "events delete-rule --name {name}",
    "kms:key": "kms schedule-key-deletion --pending-window-in-days 7 --key-id {name}",
    "lambda:function": "lambda delete-function --function-name {name}",
    "logs:log-group": "logs delete-log-group --log-group-name {name}",
    "s3": "s3 rb --force s3://{name}",
    "sagemaker:endpoint": "sagemaker delete-endpoint --endpoint-name {name}",
    "sagemaker:endpoint-config": "sagemaker delete-endpoint-config --endpoint-config-name {name}",
    "sagemaker:model": "sagemaker delete-model --model-name {name}",
    "sns": "sns delete-topic --topic-arn {arn}",
}
"""Of the AWS CLI, by kind."""

PULUMI = "made by Pulumi: its deletion failed, or its state was lost"
MAKERS = {
    "karpenter.sh/nodepool": "started by Karpenter",
    "elbv2.k8s.aws/cluster": "made by the load balancer controller for a Service",
    "ebs.csi.aws.com/cluster": "the volume of a claim",
    "node.k8s.amazonaws.com/instance_id": "left by a node that ended: the network of its pods",
    "eks:nodegroup-name": "started by a node group",
    "aws:eks:cluster-name": "made by EKS for the cluster",
}
"""Who made something for a cluster, by the tag that they put on it; the first that fits."""

KEPT = "kept when its endpoint changed, for the way back"


def command(arn: Arn, region: str) -> str:
    """How to remove it; where no command is known, where to look."""
    known = COMMANDS.get(arn.kind)
    if known is None:
        return f"see the console: {arn.text}"
    return f"aws {known.format(name=arn.name, arn=arn.text)} --region {region}"


def reason(arn: Arn, tags: Mapping[str, str]) -> str:
    """Who left it, by its tags."""
    if arn.kind in ("sagemaker:model", "sagemaker:endpoint-config"):
        return KEPT
    claim = [tags.get(f"kubernetes.io/created-for/pvc/{part}", "") for part in ("namespace", "name")]
    found = next((maker for tag, maker in MAKERS.items() if tag in tags), PULUMI)
    return f"{found} {'/'.join(claim)}" if all(claim) else found
