"""An endpoint that takes its input from S3 and puts the answer there."""

from dataclasses import dataclass

import pulumi
from pulumi_aws.appautoscaling import PolicyTargetTrackingScalingPolicyConfigurationArgsDict
from pulumi_aws.sagemaker import EndpointConfigurationAsyncInferenceConfigArgsDict

from infra.managed.sagemaker.autoscaling import Scaling
from infra.managed.sagemaker.context import Bucket, Hosting
from infra.managed.sagemaker.spec import EndpointSpec, instance_variant
from infra.settings.sagemaker import AsynchronousSettings, BacklogScaling

KIND = "asynchronous"
INPUTS, OUTPUTS, FAILURES = "inputs", "outputs", "failures"
"""Prefixes of the bucket."""


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where answers and errors go, and the ARNs of the topics that tell of them."""

    bucket: Bucket
    key_arn: pulumi.Input[str] | None
    answers: pulumi.Input[str]
    errors: pulumi.Input[str]


def asynchronous(settings: AsynchronousSettings, hosting: Hosting, destination: Destination) -> EndpointSpec:
    """What an asynchronous endpoint is made of."""
    instances, endpoint = settings.instances, hosting.endpoint_name(KIND)
    return EndpointSpec(
        kind=KIND,
        hardware=settings.instance_type,
        # SageMaker makes no variant without instances; the autoscaler takes them away.
        variant=instance_variant(settings, max(instances.min, 1)),
        rollout=settings.rollout,
        scaling=Scaling(bounds=instances, tracking=backlog(endpoint, settings.autoscaling)),
        instances=None if instances.scaled else instances.min,
        async_inference=inference(settings.max_concurrency, destination),
        reads=[INPUTS],
        writes=[OUTPUTS, FAILURES],
        topic_arns=[destination.answers, destination.errors],
        in_network=settings.in_network,
        interactive=False,
    )


def backlog(endpoint: str, scaling: BacklogScaling) -> PolicyTargetTrackingScalingPolicyConfigurationArgsDict:
    """Follow the requests that wait.

    https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html
    """
    return {
        "target_value": scaling.backlog_per_instance,
        "customized_metric_specification": {
            "namespace": "AWS/SageMaker",
            "metric_name": "ApproximateBacklogSizePerInstance",
            "dimensions": [{"name": "EndpointName", "value": endpoint}],
            "statistic": "Average",
        },
        "scale_out_cooldown": scaling.scale_out_seconds,
        "scale_in_cooldown": scaling.scale_in_seconds,
    }


def inference(
    max_concurrency: int | None, destination: Destination
) -> EndpointConfigurationAsyncInferenceConfigArgsDict:
    """What SageMaker does with answers and errors, and how many requests it gives an instance at once.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AsyncInferenceConfig.html
    """
    return {
        "output_config": {
            "s3_output_path": destination.bucket.uri(OUTPUTS),
            "s3_failure_path": destination.bucket.uri(FAILURES),
            "kms_key_id": destination.key_arn,
            "notification_config": {"success_topic": destination.answers, "error_topic": destination.errors},
        },
        "client_config": {"max_concurrent_invocations_per_instance": max_concurrency} if max_concurrency else None,
    }
