import json
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from inference_app.contract import Env, ExecutionProvider
from infra.managed.aws_lambda import LambdaFunction, LambdaFunctionArgs, image_pull_statement
from infra.managed.aws_lambda.function import additional_weights, role_policy
from infra.managed.aws_lambda.sizing import (
    FULL_CORE_MIB,
    REPOSITORY,
    Needs,
    memory_for,
    read,
    size,
    timeout_for,
    together,
)
from infra.preview import Plan, run
from infra.preview.checks import check_plan, check_resource
from infra.serving.environment import server_environment
from infra.settings import SettingsError
from infra.settings.aws import AwsSettings
from infra.settings.aws_lambda import CanarySettings, LambdaSettings
from infra.settings.monitoring import ObjectiveSettings
from infra.settings.served import ModelSettings
from tests.infra.samples import DIGEST, waits_for

FUNCTION, ALIAS, URL = "aws:lambda/function:Function", "aws:lambda/alias:Alias", "aws:lambda/functionUrl:FunctionUrl"
PERMISSION = "aws:lambda/permission:Permission"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
IMAGE = f"111122223333.dkr.ecr.eu-west-1.amazonaws.com/platform/model-server@{DIGEST}"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:alarms"
CALLERS = ["arn:aws:iam::111122223333:role/ci/client", "arn:aws:iam::444455556666:role/client"]

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
RESERVED = {
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_ACCESS_KEY",
    "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
    "AWS_LAMBDA_MAX_CONCURRENCY", "AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN",
}  # fmt: skip


def account(region: str) -> AwsSettings:
    return AwsSettings.model_validate({"region": region, "accountId": "111122223333"})


def block_of(**keys: object) -> LambdaSettings:
    return LambdaSettings.model_validate(keys)


def preview(
    block: dict[str, object] | None = None,
    objectives: ObjectiveSettings | None = ObjectiveSettings(),  # noqa: B008 - it is frozen
    **options: Any,
) -> Plan:
    args = LambdaFunctionArgs(
        settings=LambdaSettings.model_validate_json(json.dumps(block or {})),
        aws=account("eu-west-1"),
        model=ModelSettings(name="digits", version="1"),
        objectives=objectives,
        image=IMAGE,
        name="platform-test",
        alarm_actions=[TOPIC],
    )

    def program() -> None:
        function = LambdaFunction("lambda", args)
        pulumi.export("endpoints", {name: endpoint.exported() for name, endpoint in function.endpoints.items()})

    return run(program, {}, **options)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


def test_every_input_passes_the_sdks_check_with_every_setting_and_with_none(plan: Plan) -> None:
    full: dict[str, object] = {
        "memoryMib": 2048,
        "timeoutSeconds": 60,
        "ephemeralStorageMib": 1024,
        "reservedConcurrency": 20,
        "provisionedConcurrency": 2,
        "callers": CALLERS,
        "canary": {"stable": "3", "percent": 0},
        "tracing": True,
        "logRetentionDays": 7,
    }

    assert [str(failure) for found in (plan, preview(full)) for failure in check_plan(found).failures] == []


def test_a_preview_before_anything_is_there_succeeds() -> None:
    assert preview({"canary": {"stable": "3"}}, preview=True).one(FUNCTION)


def test_the_image_runs_as_the_handlers_module_says(plan: Plan) -> None:
    function = plan.one(FUNCTION).inputs
    said = (REPOSITORY.parent / "aws_lambda.py").read_text(encoding="utf-8")

    assert (function["packageType"], function["imageUri"], function["architectures"]) == ("Image", IMAGE, ["x86_64"])
    assert f"EntryPoint  {json.dumps(function['imageConfig']['entryPoints'])}" in said
    assert f"Command     {json.dumps(function['imageConfig']['commands'])}" in said


def test_the_server_gets_its_settings_and_runs_on_the_cpu(plan: Plan) -> None:
    variables = plan.one(FUNCTION).inputs["environment"]["variables"]

    assert variables == {
        "MODEL_NAME": "digits",
        "MODEL_VERSION": "1",
        "EXECUTION_PROVIDER": ExecutionProvider.CPU,
    }


def test_no_setting_of_the_server_has_a_name_that_lambda_keeps_for_itself() -> None:
    assert RESERVED.isdisjoint(Env)


def test_the_role_may_write_its_own_log_and_nothing_else(plan: Plan) -> None:
    (statement,) = json.loads(plan.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])["Statement"]

    assert set(statement["Action"]) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert statement["Resource"] == "${lambda-logs.arn: string}:*"
    assert plan.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment") == []
    assert "lambda.amazonaws.com" in plan.one("aws:iam/role:Role").inputs["assumeRolePolicy"]


def test_traces_are_sent_only_where_they_are_asked_for(plan: Plan) -> None:
    traced = preview({"tracing": True})

    assert plan.one(FUNCTION).inputs["tracingConfig"] == {"mode": "PassThrough"}
    assert traced.one(FUNCTION).inputs["tracingConfig"] == {"mode": "Active"}
    assert "xray:" in role_policy("arn", tracing=True)
    assert "xray:" not in role_policy("arn", tracing=False)


def test_logs_are_json_in_a_group_of_ours_that_forgets_them(plan: Plan) -> None:
    function, logs = plan.one(FUNCTION), plan.one("aws:cloudwatch/logGroup:LogGroup")

    assert logs.inputs["name"] == function.inputs["loggingConfig"]["logGroup"] == "/aws/lambda/platform-test"
    assert logs.inputs["retentionInDays"] == 30
    assert function.inputs["loggingConfig"]["logFormat"] == "JSON"
    assert waits_for(plan, function, logs)
    assert waits_for(plan, function, plan.one("aws:iam/rolePolicy:RolePolicy"))


def test_without_a_canary_the_newest_version_gets_everything(plan: Plan) -> None:
    alias = plan.one(ALIAS).inputs

    assert plan.one(FUNCTION).inputs["publish"] is True
    assert (alias["name"], alias["functionVersion"]) == ("live", "${lambda.version: string}")
    assert "routingConfig" not in alias


def test_a_canary_leaves_the_stable_version_the_rest() -> None:
    alias = preview({"canary": {"stable": "7", "percent": 10}}).one(ALIAS).inputs

    assert alias["functionVersion"] == "7"
    assert alias["routingConfig"] == {"additionalVersionWeights": {"${lambda.version: string}": 0.1}}


@pytest.mark.parametrize(
    ("newest", "canary", "weights"),
    [
        ("8", None, {}),
        ("8", CanarySettings(stable="7", percent=25), {"8": 0.25}),
        ("8", CanarySettings(stable="7", percent=0), {}),
        # Nothing was published since: Lambda refuses a version beside itself.
        ("7", CanarySettings(stable="7", percent=25), {}),
    ],
)
def test_the_newest_version_gets_its_share(newest: str, canary: CanarySettings | None, weights: object) -> None:
    assert additional_weights(newest, canary) == weights


def test_the_url_is_the_aliass_and_asks_for_a_signature(plan: Plan) -> None:
    url = plan.one(URL).inputs

    assert (url["authorizationType"], url["qualifier"]) == ("AWS_IAM", "live")
    assert "cors" not in url
    assert plan.of_type(PERMISSION) == []


def test_each_caller_gets_the_two_permissions_that_a_url_needs() -> None:
    permissions = [each.inputs for each in preview({"callers": CALLERS}).of_type(PERMISSION)]

    for caller in CALLERS:
        own = {each["action"]: each for each in permissions if each["principal"] == caller}
        assert own.keys() == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
        assert own["lambda:InvokeFunctionUrl"]["functionUrlAuthType"] == "AWS_IAM"
        assert own["lambda:InvokeFunction"]["invokedViaFunctionUrl"] is True
        assert {each["qualifier"] for each in own.values()} == {"live"}
    assert len(permissions) == 2 * len(CALLERS)


def test_what_is_provisioned_is_the_aliass(plan: Plan) -> None:
    kind = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"
    provisioned = preview({"provisionedConcurrency": 2}).one(kind).inputs

    assert (provisioned["qualifier"], provisioned["provisionedConcurrentExecutions"]) == ("live", 2)
    assert plan.of_type(kind) == []


def test_reserved_concurrency_is_reserved_and_watched(plan: Plan) -> None:
    reserved = preview({"reservedConcurrency": 20})

    assert "reservedConcurrentExecutions" not in plan.one(FUNCTION).inputs
    assert reserved.one(FUNCTION).inputs["reservedConcurrentExecutions"] == 20
    assert len(reserved.of_type(ALARM)) == len(plan.of_type(ALARM)) + 1 == 5


def test_alarms_are_there_where_objectives_are(plan: Plan) -> None:
    assert {alarm.name for alarm in plan.of_type(ALARM)} == {
        f"lambda-{kind}" for kind in ("latency", "errors", "throttled", "no-traffic")
    }
    assert {tuple(alarm.inputs["alarmActions"]) for alarm in plan.of_type(ALARM)} == {(TOPIC,)}
    assert preview(objectives=None).of_type(ALARM) == []


def test_the_endpoint_is_the_urls_address_in_its_region(plan: Plan) -> None:
    endpoint = plan.exports["endpoints"]["lambda"]

    assert (endpoint["kind"], endpoint["model"], endpoint["region"]) == ("lambda", "digits", "eu-west-1")
    assert endpoint["address"] == "${lambda.functionUrl: string}"


def test_a_registry_lets_functions_of_the_same_account_and_region_pull() -> None:
    statement = image_pull_statement(account("cn-north-1"))

    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert set(statement["Action"]) == {"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
    assert statement["Condition"] == {
        "ArnLike": {"aws:SourceArn": "arn:aws-cn:lambda:cn-north-1:111122223333:function:*"}
    }


SMALL = Needs(memory_mib=90, start_seconds=1.5, inference_seconds=0.004)


def test_memory_holds_the_model_and_brings_the_core_that_its_start_and_its_objective_need() -> None:
    large = Needs(memory_mib=2000, start_seconds=1, inference_seconds=0.01)
    slow = Needs(memory_mib=90, start_seconds=1, inference_seconds=0.1)

    # 1.5 s of a core within half of the ten seconds that a start may take: 0.3 of a core, 531 MiB.
    assert memory_for(SMALL, 0.25) == 576
    assert memory_for(large, 0.25) == 3008
    # 0.1 s within half of 0.25 s: 0.8 of a core.
    assert memory_for(slow, 0.25) == 1472
    assert memory_for(slow, 0.25) / FULL_CORE_MIB >= 0.8
    assert memory_for(slow, 0.05) == 1792, "one core, since more make no call faster"


@pytest.mark.parametrize("peak", [1, 90, 1000, 5000])
def test_memory_is_what_lambda_offers_in_steps_of_64(peak: int) -> None:
    memory = memory_for(Needs(memory_mib=peak, start_seconds=0.1, inference_seconds=0.001), 0.25)

    assert memory % 64 == 0
    assert memory >= 128
    assert memory >= 1.5 * peak


def test_the_timeout_covers_a_cold_start_and_a_request_twice_on_the_share_of_a_core() -> None:
    assert timeout_for(SMALL, FULL_CORE_MIB) == 4
    assert timeout_for(SMALL, 2 * FULL_CORE_MIB) == 4, "a second core makes nothing faster"
    assert timeout_for(SMALL, 576) == 10
    assert timeout_for(Needs(memory_mib=1, start_seconds=800, inference_seconds=1), 128) == 900


def test_several_models_share_a_process() -> None:
    other = Needs(memory_mib=500, start_seconds=2, inference_seconds=0.5)

    assert together([SMALL, other]) == Needs(memory_mib=590, start_seconds=3.5, inference_seconds=0.5)


def test_the_shipped_model_fits_without_a_setting(plan: Plan) -> None:
    function = plan.one(FUNCTION).inputs

    assert 128 <= function["memorySize"] <= 2048
    assert 2 <= function["timeout"] <= 60
    assert read(REPOSITORY, "digits", None) == read(REPOSITORY, "digits", "1")


def test_a_setting_wins_over_what_was_measured() -> None:
    model, objectives = ModelSettings(name="digits"), ObjectiveSettings()
    measured = size(LambdaSettings(), model, objectives)

    assert size(block_of(memoryMib=3000), model, objectives).memory_mib == 3000
    assert size(block_of(memoryMib=3000), model, objectives).timeout_seconds < measured.timeout_seconds
    assert size(block_of(timeoutSeconds=77), model, objectives).timeout_seconds == 77
    assert size(block_of(timeoutSeconds=77), model, objectives).memory_mib == measured.memory_mib


def test_a_stricter_objective_takes_more_of_a_core() -> None:
    def memory(milliseconds: float) -> int:
        objectives = ObjectiveSettings.model_validate({"p95LatencyMs": milliseconds})
        return size(LambdaSettings(), ModelSettings(name="digits"), objectives).memory_mib

    needs = read(REPOSITORY, "digits", None)
    # The margin of two takes all of a core to answer in twice the time that a core takes.
    assert memory(2000 * needs.inference_seconds) == 1792
    assert memory(5000) == memory(250) < 1792


@pytest.fixture
def own_repository(tmp_path: Path) -> Path:
    """A model `cats` with versions 1, not measured, and 2, the active one."""
    needs = {"memory_mib": 100, "start_cpu_seconds": 1.0, "inference_cpu_seconds": 0.01, "model_sha256": "b"}
    for version, sha256 in (("1", "a"), ("2", "b")):
        (tmp_path / "cats" / version).mkdir(parents=True)
        (tmp_path / "cats" / version / "metadata.json").write_text(json.dumps({"sha256": sha256}))
    (tmp_path / "cats/2/needs.json").write_text(json.dumps(needs))
    (tmp_path / "cats/active.json").write_text(json.dumps({"version": "2"}))
    return tmp_path


def complaint(repository: Path, model: ModelSettings, block: dict[str, int] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        size(LambdaSettings.model_validate(block or {}), model, ObjectiveSettings(), repository)
    return str(caught.value)


def test_a_model_that_was_not_measured_needs_both_settings_or_a_measurement(own_repository: Path) -> None:
    told = complaint(own_repository, ModelSettings(name="cats", version="1"), {"memoryMib": 512})
    extra = complaint(own_repository, ModelSettings(name="cats", extra=("dogs",)))
    both = block_of(memoryMib=512, timeoutSeconds=5)

    assert told == (
        "lambda.memoryMib and lambda.timeoutSeconds must be set, since cats version 1 was not measured; set both, "
        "or run python -m inference_app.needs --model cats --version 1"
    )
    assert "since dogs was not measured; set both, or run python -m inference_app.needs --model dogs" in extra
    assert size(both, ModelSettings(name="dogs"), ObjectiveSettings(), own_repository).memory_mib == 512


def test_a_measurement_of_another_model_file_does_not_count(own_repository: Path) -> None:
    (own_repository / "cats/2/metadata.json").write_text(json.dumps({"sha256": "c"}))

    assert "cats version 2 was measured with another model file" in complaint(
        own_repository, ModelSettings(name="cats")
    )


def test_a_model_that_is_too_large_for_lambda_is_refused(own_repository: Path) -> None:
    needs = json.loads((own_repository / "cats/2/needs.json").read_text())
    (own_repository / "cats/2/needs.json").write_text(json.dumps({**needs, "memory_mib": 7000}))

    told = complaint(own_repository, ModelSettings(name="cats"))
    assert told.startswith("lambda.memoryMib must be at most 10240, and cats needs 10560; remove")


def test_the_environment_of_every_setting_fits_into_lambdas_four_kilobytes() -> None:
    block = {
        "name": "a" * 40,
        "version": "1",
        "extra": [f"{'b' * 38}{number}" for number in range(9)],
        "batching": {"maxSize": 32, "maxDelayMs": 1, "maxQueue": 512},
        "requestTimeoutSeconds": 10,
        "maxBodyMib": 8,
    }
    model = ModelSettings.model_validate_json(json.dumps(block))

    variables = server_environment(model, ExecutionProvider.CPU)
    assert sum(len(name) + len(value) for name, value in variables.items()) < 4096


@pytest.mark.parametrize(
    ("wrong", "kind", "told"),
    [
        ({"memory_size": "much"}, FUNCTION, "memorySize: must be an integer"),
        ({"image_config": {"entry_point": ["python"]}}, FUNCTION, "imageConfig.entry_point: unknown key"),
        ({"ephemeral_storage": 512}, FUNCTION, "ephemeralStorage: must be an object"),
        ({"routing_config": {"weights": {"2": 0.1}}}, ALIAS, "routingConfig.weights: unknown key"),
    ],
)
def test_a_planted_mistake_is_found(wrong: dict[str, Any], kind: str, told: str) -> None:
    problems = check_resource(planted(kind, wrong).one(kind))
    assert told in "; ".join(f"{found.path}: {found.rule}" for found in problems)


@pytest.mark.parametrize(
    ("kind", "missing"), [(FUNCTION, "role"), (ALIAS, "function_version"), (URL, "authorization_type")]
)
def test_an_input_that_is_left_out_is_found(kind: str, missing: str) -> None:
    with pytest.raises(TypeError, match=f"Missing required property '{missing}'"):
        planted(kind, {missing: None})


def planted(kind: str, wrong: dict[str, Any]) -> Plan:
    made, right = {
        FUNCTION: (aws.lambda_.Function, {"role": "arn:aws:iam::111122223333:role/r"}),
        ALIAS: (aws.lambda_.Alias, {"function_name": "f", "function_version": "1"}),
        URL: (aws.lambda_.FunctionUrl, {"function_name": "f", "authorization_type": "AWS_IAM"}),
    }[kind]
    inputs: dict[str, Any] = {**right, **wrong}

    def program() -> None:
        made("wrong", **inputs)

    return run(program, {})
