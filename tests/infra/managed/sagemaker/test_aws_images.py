from typing import Any

import pytest

from infra.managed.sagemaker.aws_images import aws_image_uri
from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.settings import SettingsError
from infra.settings.sagemaker import AwsImageSettings

# The SDK's own imports.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
REGISTRY = "763104351884.dkr.ecr.eu-west-1.amazonaws.com"


def uri(framework: str, version: str, region: str, instance_type: str) -> str:
    image = AwsImageSettings.model_validate({"framework": framework, "version": version})
    return aws_image_uri(image, region, instance_type)


def test_an_image_is_that_of_the_region_and_the_hardware() -> None:
    assert uri("pytorch", "2.6", "eu-west-1", "ml.g5.xlarge") == f"{REGISTRY}/pytorch-inference:2.6-gpu-py312"
    assert uri("pytorch", "2.6", "eu-west-1", "ml.m5.large") == f"{REGISTRY}/pytorch-inference:2.6-cpu-py312"
    assert uri("tensorflow", "2.18", "cn-north-1", "ml.m5.large").startswith(
        "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn/tensorflow-inference:2.18-cpu"
    )


def test_an_unknown_framework_is_told_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"awsImage\.framework must be one of .*pytorch.*, got pytroch$"):
        uri("pytroch", "2.6", "eu-west-1", "ml.m5.large")


def test_an_unknown_version_is_told_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"^sagemaker\.awsImage must be an image that AWS builds .* 2\.6\.0"):
        uri("pytorch", "99", "eu-west-1", "ml.m5.large")


def test_endpoints_run_it_with_its_own_environment_and_pull_from_its_repository(plan_with: Any) -> None:
    environment = {"SAGEMAKER_PROGRAM": "inference.py"}
    image = {"framework": "pytorch", "version": "2.6", "environment": environment}
    plan: Plan = plan_with({"awsImage": image, "modelData": "s3://models/digits.tar.gz"})
    token = "aws:sagemaker/model:Model"
    containers = {each.name: each.inputs["primaryContainer"] for each in plan.of_type(token)}

    assert containers["sagemaker-real-time"]["image"] == f"{REGISTRY}/pytorch-inference:2.6-gpu-py312"
    assert containers["sagemaker-serverless"]["image"] == f"{REGISTRY}/pytorch-inference:2.6-cpu-py312"
    assert [each["environment"] for each in containers.values()] == [environment] * 3
    policy = plan.one("aws:iam/rolePolicy:RolePolicy", "sagemaker-serverless").inputs["policy"]
    assert "arn:aws:ecr:eu-west-1:763104351884:repository/pytorch-inference" in policy
    assert check_plan(plan).failures == []
