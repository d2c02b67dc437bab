"""Where the alarms of an AWS account's endpoints go."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.iam import policy

ALARMS = "cloudwatch.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class AlarmTopicArgs:
    """`emails` are addresses; each gets a mail with a link to confirm by."""

    account_id: str
    partition: str
    emails: Sequence[str]


def key_policy(partition: str, account_id: str) -> str:
    """The account governs the key; CloudWatch may encrypt what it publishes, which AWS's own key for SNS refuses.

    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
    """
    account = {"AWS": f"arn:{partition}:iam::{account_id}:root"}
    return policy(
        {"Effect": "Allow", "Principal": account, "Action": "kms:*", "Resource": "*"},
        {
            "Effect": "Allow",
            "Principal": {"Service": ALARMS},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Resource": "*",
        },
    )


def topic_policy(topic_arn: str, account_id: str) -> str:
    """Only alarms of the same account may publish.

    https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
    """
    return policy(
        {
            "Effect": "Allow",
            "Principal": {"Service": ALARMS},
            "Action": "sns:Publish",
            "Resource": topic_arn,
            "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
        }
    )


class AlarmTopic(pulumi.ComponentResource):
    """An encrypted SNS topic with mail subscriptions (https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html)."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: AlarmTopicArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:managed:AlarmTopic", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        key = aws.kms.Key(
            name,
            description="Alarms on their way to those who want to hear of them",
            policy=key_policy(args.partition, args.account_id),
            enable_key_rotation=True,
            deletion_window_in_days=7,
            opts=child,
        )
        topic = aws.sns.Topic(name, kms_master_key_id=key.key_id, opts=child)
        publishers = topic.arn.apply(lambda arn: topic_policy(arn, args.account_id))
        aws.sns.TopicPolicy(name, arn=topic.arn, policy=publishers, opts=child)
        for email in args.emails:
            aws.sns.TopicSubscription(f"{name}-{email}", topic=topic.arn, protocol="email", endpoint=email, opts=child)
        self.arn = topic.arn
        self.register_outputs({"arn": self.arn})
