"""Whether the caller's policies allow what `up` does, as far as a simulation can tell.

The table holds the calls that make each type, not those that read, change, tag or delete it; and a simulation for any
resource denies what a policy allows for certain names only. So a refusal without an explicit deny is a warning.
"""

from collections.abc import Iterator, Sequence

from infra.preflight.answer import Answer, failed, ok, warning
from infra.preflight.aws.account import Principal
from infra.preflight.aws.client import Aws
from infra.preview import Plan

# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
ACTIONS = {
    "aws:ec2/vpc:Vpc": ("ec2:CreateVpc", "ec2:CreateTags"),
    "aws:ec2/subnet:Subnet": ("ec2:CreateSubnet",),
    "aws:ec2/natGateway:NatGateway": ("ec2:CreateNatGateway",),
    "aws:ec2/eip:Eip": ("ec2:AllocateAddress",),
    "aws:ec2/launchTemplate:LaunchTemplate": ("ec2:CreateLaunchTemplate", "ec2:RunInstances"),
    "aws:ec2/securityGroup:SecurityGroup": ("ec2:CreateSecurityGroup",),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("ec2:CreateVpcEndpoint",),
    "aws:ecr/repository:Repository": ("ecr:CreateRepository", "ecr:GetAuthorizationToken", "ecr:PutImage"),
    "aws:eks/cluster:Cluster": ("eks:CreateCluster",),
    "aws:eks/nodeGroup:NodeGroup": ("eks:CreateNodegroup",),
    "aws:eks/addon:Addon": ("eks:CreateAddon",),
    "aws:eks/accessEntry:AccessEntry": ("eks:CreateAccessEntry",),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": ("eks:CreatePodIdentityAssociation",),
    "aws:efs/fileSystem:FileSystem": ("elasticfilesystem:CreateFileSystem",),
    "aws:iam/role:Role": ("iam:CreateRole", "iam:PassRole"),
    "aws:iam/rolePolicy:RolePolicy": ("iam:PutRolePolicy",),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ("iam:AttachRolePolicy",),
    "aws:kms/key:Key": ("kms:CreateKey",),
    "aws:lambda/function:Function": ("lambda:CreateFunction",),
    "aws:s3/bucket:Bucket": ("s3:CreateBucket",),
    "aws:sagemaker/model:Model": ("sagemaker:CreateModel",),
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": ("sagemaker:CreateEndpointConfig",),
    "aws-native:sagemaker:Endpoint": ("sagemaker:CreateEndpoint", "cloudformation:CreateResource"),
    "aws:sns/topic:Topic": ("sns:CreateTopic",),
    "aws:sqs/queue:Queue": ("sqs:CreateQueue",),
    "aws:cloudwatch/logGroup:LogGroup": ("logs:CreateLogGroup",),
    "aws:cloudwatch/eventRule:EventRule": ("events:PutRule",),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("cloudwatch:PutMetricAlarm",),
    "aws:scheduler/schedule:Schedule": ("scheduler:CreateSchedule",),
    "aws:appautoscaling/target:Target": ("application-autoscaling:RegisterScalableTarget",),
}
ASKED = "permissions"


def questions(aws: Aws, plan: Plan) -> Iterator[Answer]:
    """One row: what the caller is denied of the actions that make the plan's resources."""
    wanted = actions(plan)
    principal = _policies(aws, aws.ask("sts", "get_caller_identity")["Arn"])
    given = {"PolicySourceArn": principal, "ActionNames": wanted}
    results = aws.ask_all("iam", "simulate_principal_policy", "EvaluationResults", **given)
    denied = {each["EvalActionName"]: each["EvalDecision"] for each in results if each["EvalDecision"] != "allowed"}
    yield _verdict(wanted, denied)


def actions(plan: Plan) -> list[str]:
    """The actions that the table has for the plan's types."""
    types = {resource.type for resource in plan.resources}
    return sorted({action for name, needed in ACTIONS.items() if name in types for action in needed})


def _policies(aws: Aws, arn: str) -> str:
    """The ARN that the policies hang on: a session's role, with the path that only IAM knows."""
    principal = Principal.of(arn)
    if principal.kind != "role":
        return arn
    return aws.ask("iam", "get_role", RoleName=principal.name)["Role"]["Arn"]


def _verdict(wanted: Sequence[str], denied: dict[str, str]) -> Answer:
    explicit = [action for action, decision in denied.items() if decision == "explicitDeny"]
    if explicit:
        return failed(ASKED, f"denied: {', '.join(explicit)}", "ask whoever keeps the account's policies to allow them")
    if denied:
        fix = "allow them to the caller, unless a policy does for this stack's names"
        return warning(ASKED, f"not allowed for every name: {', '.join(denied)}", fix)
    return ok(ASKED, f"{len(wanted)} actions allowed, from {wanted[0]} to {wanted[-1]}")
