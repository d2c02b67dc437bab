import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra.audit.aws.arn import Arn
from infra.audit.aws.removal import COMMANDS, command
from infra.preflight.aws.client import Aws
from infra.preflight.errors import Unanswerable
from tests.infra.audit.conftest import ACCOUNT, REGION, Audit, put_stack, tags
from tests.infra.audit.orphans import orphans

pytestmark = pytest.mark.slow

Clients = Callable[[str], Any]


def volume(amazon: Clients, *given: dict[str, str]) -> str:
    specification = {"ResourceType": "volume", "Tags": given or [tag("owner", "another")]}
    made = amazon("ec2").create_volume(AvailabilityZone=f"{REGION}a", Size=1, TagSpecifications=[specification])
    return made["VolumeId"]


def tag(key: str, value: str = "") -> dict[str, str]:
    return {"Key": key, "Value": value}


@pytest.mark.usefixtures("amazon")
def test_an_account_that_holds_nothing_of_the_stack_is_exit_code_0(audit: Audit) -> None:
    run = audit()

    assert (run.code, run.out, run.err) == (0, "p-dev: nothing left\n", "")


def test_what_a_volume_is_and_how_to_delete_it_is_said(amazon: Clients, audit: Audit) -> None:
    claim = {
        f"kubernetes.io/created-for/pvc/{key}": value for key, value in {"namespace": "mlflow", "name": "data"}.items()
    }
    given = [tag("kubernetes.io/cluster/p-dev", "owned"), tag("ebs.csi.aws.com/cluster", "true")]
    found = volume(amazon, *given, *(tag(*each) for each in claim.items()))

    run = audit()

    assert run.code == 1
    assert run.out.splitlines() == [
        f"ec2:volume  {found}  0 min",
        "    the volume of a claim mlflow/data",
        f"    aws ec2 delete-volume --volume-id {found} --region eu-west-1",
        "p-dev: 1 left",
    ]


def test_every_kind_of_thing_is_found(amazon: Clients, audit: Audit) -> None:
    made = orphans(amazon)

    run = audit("--json")

    assert run.code == 1
    assert made - run.found == set()
    # What moto makes by itself beside them.
    assert {kind for kind, _ in run.found - made} <= {"ec2:network-interface", "ec2:volume"}


def test_another_stacks_things_are_not_listed_though_the_names_begin_alike(amazon: Clients, audit: Audit) -> None:
    for stack in ("dev2", "de", "prod"):
        volume(amazon, tag("project", "p"), tag("stack", stack))
        volume(amazon, tag(f"kubernetes.io/cluster/p-{stack}", "owned"))
        amazon("logs").create_log_group(logGroupName=f"/aws/eks/p-{stack}/cluster")
        amazon("logs").create_log_group(logGroupName=f"/aws/lambda/p-{stack}")
        role = {"RoleName": f"p-{stack}", "AssumeRolePolicyDocument": "{}"}
        amazon("iam").create_role(**role, Tags=[tag("project", "p"), tag("stack", stack)])
        path = f"/karpenter/{REGION}/p-{stack}/uid/"
        amazon("iam").create_instance_profile(InstanceProfileName=f"p-{stack}", Path=path)
    volume(amazon, tag("project", "other"), tag("stack", "dev"))

    assert audit().code == 0


def test_every_page_is_read(amazon: Clients, audit: Audit) -> None:
    made = {("ec2:volume", volume(amazon, *tags())) for _ in range(60)}

    assert audit("--json").found == made


def test_what_lists_still_name_after_its_end_is_not_counted(amazon: Clients, audit: Audit) -> None:
    ec2 = amazon("ec2")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    mine = [{"ResourceType": "instance", "Tags": tags()}]
    (instance,) = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=mine)["Instances"]
    assert ("ec2:instance", instance["InstanceId"]) in audit("--json").found

    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])

    assert audit().code == 0


def test_a_key_that_waits_for_its_end_is_said_and_not_counted(amazon: Clients, audit: Audit) -> None:
    mine = [{"TagKey": each["Key"], "TagValue": each["Value"]} for each in tags()]
    key = amazon("kms").create_key(Tags=mine)["KeyMetadata"]["KeyId"]
    assert audit().code == 1

    end = amazon("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)["DeletionDate"]
    run = audit()

    assert run.code == 0
    assert run.out.splitlines() == [f"kms:key  {key}: deleted on {end:%Y-%m-%d}", "p-dev: nothing left"]


def test_what_the_state_has_is_left_out_and_the_rest_is_not(amazon: Clients, audit: Audit) -> None:
    owned, orphan = volume(amazon, *tags()), volume(amazon, *tags())
    state = [
        {
            "urn": "urn:pulumi:dev::p::aws:ebs/volume:Volume::v",
            "type": "aws:ebs/volume:Volume",
            "custom": True,
            "id": owned,
        }
    ]

    run = audit("--json", state=state)

    assert run.found == {("ec2:volume", orphan)}
    assert run.err.startswith("dev is not destroyed: what its state has is left out")
    assert audit("--json", "--no-state", state=state).found == {("ec2:volume", owned), ("ec2:volume", orphan)}


@pytest.mark.usefixtures("amazon")
def test_credentials_of_another_account_find_nothing_and_do_not_say_so(audit: Audit, checkout: Path) -> None:
    put_stack(checkout, f'  p:aws: {{region: {REGION}, accountId: "999999999999"}}\n')

    run = audit()

    assert run.code == 2
    assert f"the credentials are of the account {ACCOUNT}, the stack's is 999999999999" in run.out
    assert "nothing left" not in run.out


def test_a_denied_call_is_named_and_the_rest_is_still_shown(
    amazon: Clients, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, ask_all = volume(amazon, *tags()), Aws.ask_all

    def denied(self: Aws, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        if operation == "get_account_authorization_details":
            raise Unanswerable("AccessDenied: no", "give the caller iam:GetAccountAuthorizationDetails")
        return ask_all(self, service, operation, key, **arguments)

    monkeypatch.setattr(Aws, "ask_all", denied)
    run = audit()

    assert run.code == 2
    assert f"ec2:volume  {found}  0 min" in run.out
    assert run.out.splitlines()[-2:] == [
        "not looked at, AWS eu-west-1: roles: AccessDenied: no; give the caller iam:GetAccountAuthorizationDetails",
        "p-dev: 1 left where one could look, and 1 not looked at",
    ]


def test_no_credentials_are_one_line(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")

    run = audit()

    assert run.code == 2
    assert len([line for line in run.out.splitlines() if line.startswith("not looked at")]) == 1


@pytest.mark.parametrize(
    ("arn", "kind", "name"),
    [
        ("arn:aws:ec2:eu-west-1:1:volume/vol-1", "ec2:volume", "vol-1"),
        ("arn:aws:s3:::bucket", "s3", "bucket"),
        ("arn:aws:sns:eu-west-1:1:alarms", "sns", "alarms"),
        ("arn:aws:ecr:eu-west-1:1:repository/p-dev/server", "ecr:repository", "p-dev/server"),
        ("arn:aws:logs:eu-west-1:1:log-group:/aws/eks/p-dev/pods", "logs:log-group", "/aws/eks/p-dev/pods"),
        ("arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/t/1", "elasticloadbalancing:targetgroup", "t/1"),
    ],
)  # fmt: skip
def test_an_arn_says_what_it_is_of(arn: str, kind: str, name: str) -> None:
    assert Arn.of(arn) == (arn, kind, name)


def test_every_command_is_whole() -> None:
    for kind in COMMANDS:
        said = command(Arn(f"arn:of:{kind}", kind, "name"), REGION)
        assert said.endswith(f" --region {REGION}")
        assert "{" not in said
        assert "name" in said.split(" ", 3)[3] or "arn:of" in said
    assert command(Arn("arn:of", "glue:table", "name"), REGION) == "see the console: arn:of"


def test_the_json_says_when_a_thing_was_made(amazon: Clients, audit: Audit) -> None:
    volume(amazon, *tags())

    (found,) = json.loads(audit("--json").out)["leftovers"]

    assert (datetime.now(UTC) - datetime.fromisoformat(found["created"])).total_seconds() < 60
