"""An endpoint that answers at once."""

import pulumi
from pulumi_aws.appautoscaling import PolicyTargetTrackingScalingPolicyConfigurationArgsDict
from pulumi_aws.sagemaker import EndpointConfigurationDataCaptureConfigArgsDict

from infra.managed.sagemaker.autoscaling import Scaling
from infra.managed.sagemaker.context import Hosting
from infra.managed.sagemaker.spec import EndpointSpec, instance_variant
from infra.settings.sagemaker import InvocationScaling, RealTimeSettings

CAPTURED = "captured"
"""Prefix of what is captured."""


def real_time(settings: RealTimeSettings, hosting: Hosting) -> EndpointSpec:
    """What a real-time endpoint is made of."""
    instances, capture, bucket = settings.instances, settings.data_capture, hosting.bucket
    captured = data_capture(capture.percent, bucket.uri(CAPTURED), hosting.key_arn) if capture and bucket else None
    return EndpointSpec(
        kind="real-time",
        hardware=settings.instance_type,
        variant=instance_variant(settings, instances.min),
        rollout=settings.rollout,
        scaling=Scaling(bounds=instances, tracking=invocations(settings.autoscaling)) if settings.autoscaling else None,
        instances=None if instances.scaled else instances.min,
        data_capture=captured,
        writes=[CAPTURED] if captured else [],
        in_network=settings.in_network,
    )


def invocations(scaling: InvocationScaling) -> PolicyTargetTrackingScalingPolicyConfigurationArgsDict:
    """Follow the requests a minute of each instance.

    https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-loadtest.html
    """
    return {
        "target_value": scaling.requests_per_instance * 60 * scaling.utilisation / 100,
        "predefined_metric_specification": {"predefined_metric_type": "SageMakerVariantInvocationsPerInstance"},
        "scale_out_cooldown": scaling.scale_out_seconds,
        "scale_in_cooldown": scaling.scale_in_seconds,
    }


def data_capture(
    percent: int, destination: pulumi.Input[str], key_arn: pulumi.Input[str] | None
) -> EndpointConfigurationDataCaptureConfigArgsDict:
    """Keep requests and answers.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DataCaptureConfig.html
    """
    return {
        "enable_capture": True,
        "initial_sampling_percentage": percent,
        "destination_s3_uri": destination,
        "kms_key_id": key_arn,
        "capture_options": [{"capture_mode": "Input"}, {"capture_mode": "Output"}],
        # Bodies of other types are kept in base64.
        "capture_content_type_header": {"json_content_types": ["application/json"]},
    }
