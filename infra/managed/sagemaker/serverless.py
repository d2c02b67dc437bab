"""An endpoint without instances of its own."""

from pulumi_aws.appautoscaling import PolicyTargetTrackingScalingPolicyConfigurationArgsDict
from pulumi_aws.sagemaker import EndpointConfigurationProductionVariantServerlessConfigArgsDict

from infra.managed.sagemaker.autoscaling import Dimension, Scaling
from infra.managed.sagemaker.spec import EndpointSpec
from infra.settings.sagemaker import ProvisionedConcurrency, ServerlessSettings

HARDWARE = "ml.m5.large"
"""Stands for its hardware where a list knows instance types only: a machine without GPU."""


def serverless(settings: ServerlessSettings) -> EndpointSpec:
    """What a serverless endpoint is made of."""
    warm = settings.provisioned_concurrency
    return EndpointSpec(
        kind="serverless",
        hardware=HARDWARE,
        variant={"initial_variant_weight": 1.0, "serverless_config": serverless_config(settings)},
        scaling=warm and Scaling(bounds=warm, tracking=utilisation(warm), dimension=Dimension.PROVISIONED_CONCURRENCY),
    )


def serverless_config(settings: ServerlessSettings) -> EndpointConfigurationProductionVariantServerlessConfigArgsDict:
    """Its size (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariantServerlessConfig.html)."""
    warm = settings.provisioned_concurrency
    return {
        "memory_size_in_mb": settings.memory_mib,
        "max_concurrency": settings.max_concurrency,
        "provisioned_concurrency": warm.min if warm else None,
    }


def utilisation(warm: ProvisionedConcurrency) -> PolicyTargetTrackingScalingPolicyConfigurationArgsDict:
    """Follow the share of the warm concurrency that is in use, 0 to 1.

    https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-autoscale.html
    """
    metric = "SageMakerVariantProvisionedConcurrencyUtilization"
    return {
        "target_value": warm.utilisation / 100,
        "predefined_metric_specification": {"predefined_metric_type": metric},
    }
