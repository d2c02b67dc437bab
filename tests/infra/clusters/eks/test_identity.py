import json
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pulumi
import pytest

from infra.clouds.aws.network import Network, NetworkArgs
from infra.clouds.aws.provider import aws_providers
from infra.clusters.cluster import Access, Cluster, ServiceAccount
from infra.clusters.eks import EksCluster, EksClusterArgs
from infra.clusters.eks.identity import access_policy
from infra.preview import Plan, run
from infra.preview.checks import check_plan, check_resource
from infra.settings.aws import AwsSettings
from tests.infra.samples import settings

ACCOUNT = ServiceAccount(namespace="serving", name="model-server")
ASSOCIATION, POLICY = "aws:eks/podIdentityAssociation:PodIdentityAssociation", "aws:iam/rolePolicy:RolePolicy"
ROLE = "inference:clusters:PodRole"


def aws(region: str = "eu-west-1") -> AwsSettings:
    return AwsSettings.model_validate({"region": region, "accountId": "111122223333"})


def statements(access: Access, region: str = "eu-west-1") -> list[dict[str, Any]]:
    document = access_policy(aws(region), access, "platform-test")
    assert document
    return json.loads(document)["Statement"]


def allowed(access: Access, action: str, resource: str) -> bool:
    """Whether a policy without conditions would let `action` at `resource`, an ARN, through."""
    return any(
        action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
        and any(
            fnmatchcase(resource, pattern)
            for pattern in ([each["Resource"]] if isinstance(each["Resource"], str) else each["Resource"])
        )
        for each in statements(access)
    )


def preview(use: Callable[[Cluster], object]) -> Plan:
    stack = settings()

    def program() -> None:
        assert stack.aws
        assert stack.aws.network
        assert stack.eks
        opts = pulumi.ResourceOptions(providers=aws_providers(stack.aws, {}))
        network = Network("aws", NetworkArgs(settings=stack.aws.network, name="platform-test"), opts)
        args = EksClusterArgs(aws=stack.aws, eks=stack.eks, network=network, name="platform-test", tags={})
        use(EksCluster("eks", args, opts))

    return run(program, {})


def test_exactly_the_named_secrets_are_read() -> None:
    secret, _ = statements(Access(secrets=["wandb", "admin-token", "wandb"]))

    assert secret == {
        "Effect": "Allow",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": [
            "arn:aws:secretsmanager:eu-west-1:111122223333:secret:admin-token-??????",
            "arn:aws:secretsmanager:eu-west-1:111122223333:secret:wandb-??????",
        ],
    }


@pytest.mark.parametrize(
    ("name", "readable"), [("wandb-AbC123", True), ("wandb-two-AbC123", False), ("x-AbC123", False)]
)
def test_a_longer_name_is_another_secret(name: str, readable: bool) -> None:
    arn = f"arn:aws:secretsmanager:eu-west-1:111122223333:secret:{name}"

    assert allowed(Access(secrets=["wandb"]), "secretsmanager:GetSecretValue", arn) is readable


def test_below_a_prefix_names_are_listed_and_objects_read() -> None:
    listed, read, _ = statements(Access(reads=["s3://models/prod/digits/"]))

    assert listed == {
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": "arn:aws:s3:::models",
        "Condition": {"StringLike": {"s3:prefix": ["prod/digits", "prod/digits/*"]}},
    }
    assert read == {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::models/prod/digits/*"}


@pytest.mark.parametrize(
    ("key", "readable"), [("prod/model.onnx", True), ("production/model.onnx", False), ("x", False)]
)
def test_a_prefix_is_a_folder(key: str, readable: bool) -> None:
    assert allowed(Access(reads=["s3://models/prod"]), "s3:GetObject", f"arn:aws:s3:::models/{key}") is readable


def test_a_whole_bucket_has_no_prefix_to_hold_to() -> None:
    listed, read, _ = statements(Access(reads=["s3://models"]))

    assert "Condition" not in listed
    assert read["Resource"] == "arn:aws:s3:::models/*"


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:DeleteObject", "s3:GetObject", "s3:AbortMultipartUpload"])
def test_only_who_writes_may_change_objects(action: str) -> None:
    key = "arn:aws:s3:::models/runs/1"

    assert allowed(Access(writes=["s3://models/runs"]), action, key)
    assert allowed(Access(reads=["s3://models/runs"]), action, key) is (action == "s3:GetObject")


@pytest.mark.parametrize(
    ("access", "actions", "services"),
    [
        (Access(secrets=["a"]), "kms:Decrypt", ["secretsmanager"]),
        (Access(reads=["s3://b"]), "kms:Decrypt", ["s3"]),
        (Access(secrets=["a"], reads=["s3://b"]), "kms:Decrypt", ["secretsmanager", "s3"]),
        (Access(writes=["s3://b"]), ["kms:Decrypt", "kms:GenerateDataKey"], ["s3"]),
    ],
)
def test_keys_are_the_accounts_own_and_used_by_the_services_alone(
    access: Access, actions: object, services: list[str]
) -> None:
    *_, keys = statements(access)

    assert keys == {
        "Effect": "Allow",
        "Action": actions,
        "Resource": "arn:aws:kms:eu-west-1:111122223333:key/*",
        "Condition": {"StringEquals": {"kms:ViaService": [f"{name}.eu-west-1.amazonaws.com" for name in services]}},
    }


def test_resources_are_the_partitions() -> None:
    access = Access(secrets=["a"], reads=["s3://b/c"])
    found = json.dumps(statements(access, "us-gov-west-1"))

    assert "arn:aws:" not in found
    assert found.count("arn:aws-us-gov:") == 4


@pytest.mark.parametrize("access", [Access(), Access(reads=["https://models.blob.core.windows.net/digits"])])
def test_what_lies_elsewhere_takes_no_role(access: Access) -> None:
    plan = preview(lambda cluster: cluster.identity("server", ACCOUNT, access))

    assert access_policy(aws(), access, "platform-test") is None
    assert [each.name for each in plan.of_type(ROLE) if each.name == "server"] == []


def test_one_accounts_pods_take_the_role_and_start_after_it() -> None:
    found: list[Any] = []
    access = Access(secrets=["a"])
    plan = preview(lambda cluster: found.append(cluster.identity("server", ACCOUNT, access)))

    assert plan.one(ASSOCIATION, "server").inputs == {
        "clusterName": "platform-test",
        "namespace": "serving",
        "serviceAccount": "model-server",
        "roleArn": "${server.arn: string}",
    }
    assert plan.one(POLICY, "server").inputs["policy"] == access_policy(aws(), access, "platform-test")
    assert plan.one(ROLE, "server").parent == plan.one("inference:clusters:EksCluster").urn
    assert (found[0].annotations, found[0].pod_labels, len(found[0].after)) == ({}, {}, 1)
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_secrets_are_in_secrets_manager_which_the_account_may_ask_for_the_named_ones() -> None:
    found: list[Any] = []
    plan = preview(lambda cluster: found.append(cluster.secret_store("secrets", ACCOUNT, ["a"])))

    assert found[0].provider == {"aws": {"service": "SecretsManager", "region": "eu-west-1"}}
    assert found[0].value_key is None
    assert plan.one(POLICY, "secrets").inputs["policy"] == access_policy(aws(), Access(secrets=["a"]), "platform-test")
    assert len(found[0].identity.after) == 1


@pytest.mark.parametrize(
    ("token", "wrong"),
    [
        (ASSOCIATION, {"serviceAccountName": "model-server"}),
        (ASSOCIATION, {"namespace": None}),
        (ASSOCIATION, {"roleArn": 1}),
        (POLICY, {"policy": None}),
    ],
)
def test_a_planted_mistake_is_found(token: str, wrong: dict[str, Any]) -> None:
    access = Access(secrets=["a"])
    resource = preview(lambda cluster: cluster.identity("server", ACCOUNT, access)).one(token, "server")
    inputs = {key: value for key, value in {**resource.inputs, **wrong}.items() if value is not None}

    assert list(check_resource(resource)) == []
    assert list(check_resource(replace(resource, inputs=inputs)))


def test_text_records_of_one_zone_are_changed_and_no_others() -> None:
    change, records = statements(Access(dns_zone="Z0123456789"))

    assert change == {"Effect": "Allow", "Action": "route53:GetChange", "Resource": "arn:aws:route53:::change/*"}
    assert records["Resource"] == "arn:aws:route53:::hostedzone/Z0123456789"
    assert records["Condition"] == {
        "ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsRecordTypes": ["TXT"]}
    }
    assert access_policy(aws(), Access(dns_zone="/subscriptions/s/zone"), "platform-test") is None


def test_images_are_pulled_from_the_stacks_own_repositories_only() -> None:
    login, pull = json.loads(access_policy(aws(), Access(images=True), "platform-test") or "")["Statement"]

    assert (login["Action"], login["Resource"]) == ("ecr:GetAuthorizationToken", "*")
    assert pull["Resource"].endswith(":repository/platform-test/*")
    assert {action.partition(":")[0] for action in pull["Action"]} == {"ecr"}
    assert not [action for action in pull["Action"] if "Put" in action or "Delete" in action]
