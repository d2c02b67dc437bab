"""The queue through which Karpenter hears that AWS will take a node back."""

import json

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.iam import policy

# https://karpenter.sh/docs/reference/cloudformation/#interruption-handling
EVENTS = {
    "health": ("aws.health", "AWS Health Event"),
    "spot-interruption": ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
    "rebalance": ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
    "state-change": ("aws.ec2", "EC2 Instance State-change Notification"),
    "capacity-reservation": ("aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning"),
}


def queue_policy(queue_arn: str) -> str:
    """EventBridge may send to the queue; nobody may use it without TLS."""
    send = {
        "Effect": "Allow",
        "Principal": {"Service": ["events.amazonaws.com", "sqs.amazonaws.com"]},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
    }
    plain = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": queue_arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return policy(send, plain)


class InterruptionQueue(pulumi.ComponentResource):
    """An SQS queue fed by EventBridge with spot notices, rebalance advice and instance events."""

    queue_name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:clusters:InterruptionQueue", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # A notice is worth nothing after five minutes: the node is gone.
        queue = aws.sqs.Queue(name, message_retention_seconds=300, sqs_managed_sse_enabled=True, opts=child)
        aws.sqs.QueuePolicy(name, queue_url=queue.url, policy=queue.arn.apply(queue_policy), opts=child)
        for short, (source, detail_type) in EVENTS.items():
            pattern = json.dumps({"source": [source], "detail-type": [detail_type]})
            rule = aws.cloudwatch.EventRule(f"{name}-{short}", event_pattern=pattern, opts=child)
            aws.cloudwatch.EventTarget(f"{name}-{short}", rule=rule.name, arn=queue.arn, opts=child)
        self.queue_name, self.arn = queue.name, queue.arn
        self.register_outputs({"queueName": self.queue_name, "arn": self.arn})
