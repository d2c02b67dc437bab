from dataclasses import replace
from typing import Any

import pytest

from infra.preview import Plan
from infra.preview.checks import check_resource
from infra.preview.wire import is_list

ENDPOINT, MODEL = "aws-native:sagemaker:Endpoint", "aws:sagemaker/model:Model"
CONFIG = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
TARGET, POLICY = "aws:appautoscaling/target:Target", "aws:appautoscaling/policy:Policy"
ACTION, BUCKET = "aws:appautoscaling/scheduledAction:ScheduledAction", "aws:s3/bucket:Bucket"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
ACCESS = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
MISSING = object()


def planted(inputs: Any, path: str, value: object) -> Any:
    """A copy with `value` at the dotted path; MISSING takes the key away."""
    key, _, rest = path.partition(".")
    if is_list(inputs):
        index = int(key)
        return [planted(each, rest, value) if i == index else each for i, each in enumerate(inputs)]
    if rest:
        return {**inputs, key: planted(inputs[key], rest, value)}
    return {name: each for name, each in inputs.items() if name != key} | ({} if value is MISSING else {key: value})


@pytest.mark.parametrize(
    ("token", "path", "value"),
    [
        (ENDPOINT, "retainVariantProperties", True),
        (ENDPOINT, "retainAllVariantProperties", "yes"),
        (ENDPOINT, "endpointConfigName", MISSING),
        (ENDPOINT, "deploymentConfig.blueGreenUpdatePolicy.trafficRoutingConfiguration", MISSING),
        (ENDPOINT, "deploymentConfig.autoRollbackConfiguration.alarms.0.name", "latency"),
        (ENDPOINT, "deploymentConfig.blueGreenUpdatePolicy.trafficRoutingConfiguration.canarySize.value", "20"),
        (CONFIG, "productionVariants.0.instanceTypes", ["ml.g5.xlarge"]),
        (CONFIG, "productionVariants.0.initialInstanceCount", "one"),
        (CONFIG, "dataCaptureConfig.destinationS3Uri", MISSING),
        (CONFIG, "kmsKeyId", "key"),
        (MODEL, "executionRoleArn", MISSING),
        (MODEL, "primaryContainer.modelUrl", "s3://models/a.tar.gz"),
        (MODEL, "vpcConfig.subnets", MISSING),
        (TARGET, "minCapacity", MISSING),
        (POLICY, "targetTrackingScalingPolicyConfiguration.targetValue", MISSING),
        (POLICY, "policyType", "TargetTracking"),
        (ACTION, "timeZone", "Europe/Berlin"),
        (ACTION, "scalableTargetAction.minCapacity", "1"),
        (ENCRYPTION, "rules.0.applyServerSideEncryptionByDefault.sseAlgorithm", MISSING),
        (LIFECYCLE, "rules.0.expiration.day", 30),
        (ACCESS, "blockPublicAcls", "true"),
        (BUCKET, "forceDestroy", "no"),
    ],
)
def test_a_planted_mistake_is_found_where_it_is(plan: Plan, token: str, path: str, value: object) -> None:
    resource = next(each for each in plan.of_type(token) if "real-time" in each.name or "data" in each.name)
    assert list(check_resource(resource)) == []

    (problem,) = check_resource(replace(resource, inputs=planted(resource.inputs, path, value)))

    indexed = "".join(f"[{step}]" if step.isdecimal() else f".{step}" for step in path.split(".")).removeprefix(".")
    assert problem.path == indexed
