"""What is asked of AWS about the account, the caller, and the endpoints that AWS runs."""

import re

import pytest

from infra.preflight import aws
from infra.preflight.answer import Status
from infra.preflight.aws.client import Aws
from infra.preview import Plan, Resource
from tests.infra.preflight.clouds import Amazon
from tests.infra.preflight.conftest import Ask
from tests.infra.preflight.plans import resource
from tests.infra.preflight.test_aws import answers


def endpoints(most: int) -> list[Resource]:
    variant = {"instanceType": "ml.g5.xlarge", "initialInstanceCount": 1}
    return [
        resource(
            "aws:sagemaker/endpointConfiguration:EndpointConfiguration", "real-time", productionVariants=[variant]
        ),
        resource(
            "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
            "serverless",
            productionVariants=[{"serverlessConfig": {"maxConcurrency": 20}}],
        ),
        resource("aws:appautoscaling/target:Target", "real-time", minCapacity=1, maxCapacity=most),
        resource("aws-native:sagemaker:Endpoint", "real-time", endpointName="inference-platform-prod-real-time"),
    ]


@pytest.mark.parametrize(
    ("most", "status"), [(8, Status.OK), (9, Status.WARNING), (17, Status.WARNING), (18, Status.FAILED)]
)
@pytest.mark.usefixtures("amazon")
def test_endpoints_need_their_types_quota_and_as_much_again_for_an_update(ask: Ask, most: int, status: Status) -> None:
    found = answers(ask, *endpoints(most))["quota L-1928E07B, ml.g5.xlarge for endpoints"]

    assert found.status is status
    assert found.found.startswith(f"{most} instances needed, the quota is 20, others use 3")


def test_serverless_endpoints_have_a_quota_of_their_own(amazon: Amazon, ask: Ask) -> None:
    amazon.quotas["L-96300102"] = 19

    assert answers(ask, *endpoints(1))["quota L-96300102, concurrency of serverless endpoints"].status is Status.FAILED


@pytest.mark.parametrize(("free", "status"), [(99, Status.WARNING), (100, Status.OK)])
def test_a_new_accounts_concurrency_of_lambda_is_a_warning(amazon: Amazon, ask: Ask, free: int, status: Status) -> None:
    amazon.replace(
        "GetAccountSettings", '"UnreservedConcurrentExecutions": 900', f'"UnreservedConcurrentExecutions": {free}'
    )

    found = answers(ask, resource("aws:lambda/function:Function", "lambda"))

    assert found["quota L-B99A9384, concurrency of Lambda"].status is status


IMAGE = f"444455556666.dkr.ecr.eu-west-1.amazonaws.com/model-server@sha256:{'0' * 64}"


def test_an_image_that_the_registry_does_not_have_fails(amazon: Amazon, ask: Ask) -> None:
    function = resource("aws:lambda/function:Function", "lambda", imageUri=IMAGE)
    assert answers(ask, function)["image model-server"].status is Status.OK

    amazon.refuse("DescribeImages", "ImageNotFoundException")

    assert answers(ask, function)["image model-server"].status is Status.FAILED


def test_another_account_fails_and_says_whose_the_stack_is(amazon: Amazon, ask: Ask) -> None:
    amazon.replace("GetCallerIdentity", "<Account>444455556666<", "<Account>111122223333<")

    found = answers(ask)["account"]

    assert found.status is Status.FAILED
    assert "the stack's is 444455556666" in found.found


def test_a_caller_who_is_no_deployer_fails(amazon: Amazon, ask: Ask) -> None:
    assert answers(ask)["deployer of the cluster"].status is Status.OK

    amazon.replace("GetCallerIdentity", "assumed-role/platform-deployer", "assumed-role/viewer")

    assert answers(ask)["deployer of the cluster"].status is Status.FAILED


@pytest.mark.parametrize(("decision", "status"), [("implicitDeny", Status.WARNING), ("explicitDeny", Status.FAILED)])
def test_a_denied_action_is_named(amazon: Amazon, ask: Ask, decision: str, status: Status) -> None:
    assert answers(ask)["permissions"].status is Status.OK

    amazon.replace("SimulatePrincipalPolicy", ">allowed<", f">{decision}<")

    found = answers(ask)["permissions"]
    assert found.status is status
    assert "eks:CreateCluster" in found.found


def test_a_caller_without_credentials_is_asked_to_sign_in_and_nothing_else(
    amazon: Amazon, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setattr(aws, "Aws", Aws)  # without what the other tests' reader remembers

    found = answers(ask)

    assert list(found) == ["account"]
    assert "aws sso login" in found["account"].fix
    assert amazon.operations == []


def test_expired_credentials_are_told_from_missing_rights(amazon: Amazon, ask: Ask) -> None:
    amazon.refuse("GetCallerIdentity", "ExpiredToken", 403)

    assert list(answers(ask)) == ["account"]


def test_nothing_is_called_but_what_reads(amazon: Amazon, ask: Ask) -> None:
    answers(ask, *endpoints(2), resource("aws:lambda/function:Function", "lambda", imageUri=IMAGE))

    called = set(amazon.operations)
    assert {name for name in called if not re.match("Get|List|Describe|Simulate", name)} == set()
    assert called >= {"DescribeInstances", "SimulatePrincipalPolicy", "DescribeImages", "ListEndpoints"}


def test_the_reader_refuses_to_write(amazon: Amazon) -> None:
    with pytest.raises(AssertionError, match="changes nothing"):
        Aws("eu-west-1").ask("iam", "create_service_linked_role", AWSServiceName="spot.amazonaws.com")

    assert amazon.operations == []


def test_a_stack_without_aws_is_not_asked_about_it() -> None:
    assert aws.section(Plan(project="p", stack="s", resources=(), exports={}), {}) is None
