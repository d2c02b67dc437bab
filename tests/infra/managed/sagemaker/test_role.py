import json
from typing import Any

import pytest

from infra.managed.sagemaker.role import Access, execution_policy, repository_arn
from infra.preview import Plan
from tests.infra.managed.sagemaker.samples import IMAGE, REPOSITORY, aws_settings

AWS = aws_settings()
OWN = "arn:aws:ecr:eu-west-1:111122223333:repository/platform-test/model-server"
BARE = Access(endpoint="e", repository_arn=OWN)


def statements(access: Access) -> list[Any]:
    return json.loads(execution_policy(AWS, access))["Statement"]


def granted(access: Access) -> dict[str, Any]:
    """Resources by action."""
    listed = [(each["Action"], each["Resource"]) for each in statements(access)]
    return {
        action: resource
        for actions, resource in listed
        for action in ([actions] if isinstance(actions, str) else actions)
    }


@pytest.mark.parametrize(
    ("image", "arn"),
    [
        (IMAGE, OWN),
        ("${registry.repositoryUrl: string}@sha256:0", OWN),
        (
            "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.6-gpu-py312",
            "arn:aws:ecr:eu-west-1:763104351884:repository/pytorch-inference",
        ),
    ],
)
def test_a_role_pulls_from_one_repository(image: str, arn: str) -> None:
    assert repository_arn(AWS, image, REPOSITORY) == arn


def test_a_bare_endpoint_pulls_its_image_and_writes_its_logs_and_metrics() -> None:
    group = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/sagemaker/Endpoints/e"

    assert granted(BARE) == {
        "ecr:GetAuthorizationToken": "*",
        "ecr:BatchCheckLayerAvailability": OWN,
        "ecr:BatchGetImage": OWN,
        "ecr:GetDownloadUrlForLayer": OWN,
        "logs:CreateLogGroup": [group, f"{group}:*"],
        "logs:CreateLogStream": [group, f"{group}:*"],
        "logs:DescribeLogStreams": [group, f"{group}:*"],
        "logs:PutLogEvents": [group, f"{group}:*"],
        "cloudwatch:PutMetricData": "*",
    }


def test_metrics_are_those_of_sagemaker_only() -> None:
    (metrics,) = [each for each in statements(BARE) if each["Action"] == "cloudwatch:PutMetricData"]

    assert metrics["Condition"] == {"StringLike": {"cloudwatch:namespace": ["AWS/SageMaker*", "/aws/sagemaker/*"]}}


def test_the_bucket_is_read_and_written_at_the_endpoints_prefixes_only() -> None:
    found = granted(Access(endpoint="e", repository_arn=OWN, bucket_arn="b", reads=["in"], writes=["out", "bad"]))

    assert found["s3:GetObject"] == ["b/in/*"]
    assert found["s3:PutObject"] == ["b/out/*", "b/bad/*"]
    assert found["s3:ListBucket"] == "b"


def test_a_grant_of_the_key_is_for_aws_services_only() -> None:
    found = statements(Access(endpoint="e", repository_arn=OWN, key_arn="k"))

    assert [each["Condition"] for each in found if each["Action"] == "kms:CreateGrant"] == [
        {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    ]


def test_interfaces_are_made_in_the_stacks_account_and_region_only() -> None:
    found = granted(Access(endpoint="e", repository_arn=OWN, in_network=True))

    assert found["ec2:DescribeSubnets"] == "*"
    assert found["ec2:CreateNetworkInterface"] == [
        f"arn:aws:ec2:eu-west-1:111122223333:{kind}/*" for kind in ("network-interface", "security-group", "subnet")
    ]


def test_each_endpoint_has_what_it_needs_and_no_more(plan: Plan) -> None:
    policies = {each.name: each.inputs["policy"] for each in plan.of_type("aws:iam/rolePolicy:RolePolicy")}
    topics, inputs, captured, network = "sns:Publish", "/inputs/*", "/captured/*", "ec2:CreateNetworkInterface"

    def has(name: str) -> set[str]:
        return {each for each in (topics, inputs, captured, network, "kms:", "s3:") if each in policies[name]}

    assert has("sagemaker-real-time") == {captured, network, "kms:", "s3:"}
    assert has("sagemaker-asynchronous") == {topics, inputs, "kms:", "s3:"}
    assert has("sagemaker-serverless") == set()


def test_an_endpoint_that_encrypts_nothing_may_not_use_the_key_of_another(plan_with: Any) -> None:
    plan: Plan = plan_with({"realTime.dataCapture": None})

    assert "kms:" not in plan.one("aws:iam/rolePolicy:RolePolicy", "sagemaker-real-time").inputs["policy"]
