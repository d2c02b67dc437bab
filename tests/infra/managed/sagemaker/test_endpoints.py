from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from infra.preview import Plan
from infra.preview.checks import check_plan
from tests.infra.managed.sagemaker.samples import IMAGE
from tests.infra.samples import waits_for

ENDPOINT, CONFIG, MODEL = (
    "aws-native:sagemaker:Endpoint",
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
    "aws:sagemaker/model:Model",
)
ALARM, KEY, BUCKET = "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:kms/key:Key", "aws:s3/bucket:Bucket"
TARGET, GROUP = "aws:appautoscaling/target:Target", "aws:ec2/securityGroup:SecurityGroup"
KINDS = ("real-time", "asynchronous", "serverless")
REAL_TIME, ASYNCHRONOUS, SERVERLESS = NAMES = tuple(f"sagemaker-{kind}" for kind in KINDS)
BLOCKS = {"realTime": REAL_TIME, "asynchronous": ASYNCHRONOUS, "serverless": SERVERLESS}

Planned = Callable[..., Plan]


def variant(plan: Plan, name: str) -> Any:
    (only,) = plan.one(CONFIG, name).inputs["productionVariants"]
    return only


def test_every_input_passes_the_sdk_check(plan: Plan) -> None:
    checked = check_plan(plan)

    assert [str(failure) for failure in checked.failures] == []
    assert {kind.check for kind in checked.kinds} == {"SDK types"}
    assert plan.warnings == []


def test_a_first_preview_runs_with_nothing_known(plan_with: Planned) -> None:
    assert len(plan_with(preview=True).of_type(ENDPOINT)) == 3


@pytest.mark.parametrize("block", BLOCKS)
def test_each_kind_can_be_removed_alone(plan_with: Planned, block: str) -> None:
    plan = plan_with({block: None})

    assert {each.name for each in plan.of_type(ENDPOINT)} == set(NAMES) - {BLOCKS[block]}
    assert check_plan(plan).failures == []


def test_an_endpoint_is_exported_with_what_asks_it(plan: Plan) -> None:
    asked = {"model": "digits", "region": "eu-west-1"}

    assert plan.exports["endpoints"] == {
        REAL_TIME: {**asked, "kind": "sagemaker", "address": "platform-test-real-time"},
        SERVERLESS: {**asked, "kind": "sagemaker", "address": "platform-test-serverless"},
        ASYNCHRONOUS: {
            **asked,
            "kind": "sagemaker-async",
            "address": "platform-test-asynchronous",
            "inputs": "s3://${sagemaker-data.bucket: string}/inputs",
        },
    }


def test_every_endpoint_has_its_name_and_its_variants_name_for_good(plan: Plan) -> None:
    assert {each.name: each.inputs["endpointName"] for each in plan.of_type(ENDPOINT)} == {
        f"sagemaker-{kind}": f"platform-test-{kind}" for kind in KINDS
    }
    assert {variant(plan, name)["variantName"] for name in NAMES} == {"AllTraffic"}


def test_models_run_the_image_by_its_digest_on_the_hardware_that_is_there(plan: Plan) -> None:
    containers = {each.name: each.inputs["primaryContainer"] for each in plan.of_type(MODEL)}
    cpu, cuda = "CPUExecutionProvider", "CUDAExecutionProvider"

    assert {each["image"] for each in containers.values()} == {IMAGE}
    assert containers[REAL_TIME]["environment"] == {
        "MODEL_NAME": "digits",
        "MAX_BATCH_SIZE": "16",
        "EXECUTION_PROVIDER": cuda,
    }
    assert {containers[name]["environment"]["EXECUTION_PROVIDER"] for name in (ASYNCHRONOUS, SERVERLESS)} == {cpu}


def test_gpu_instances_have_the_driver_that_our_cuda_needs(plan: Plan) -> None:
    assert variant(plan, REAL_TIME)["inferenceAmiVersion"] == "al2023-ami-sagemaker-inference-gpu-4-1"
    assert "inferenceAmiVersion" not in variant(plan, ASYNCHRONOUS)


def test_containers_reach_no_network(plan: Plan) -> None:
    isolated = {each.name: each.inputs["enableNetworkIsolation"] for each in plan.of_type(MODEL)}

    # SageMaker refuses isolation for serverless endpoints.
    assert isolated == {REAL_TIME: True, ASYNCHRONOUS: True, SERVERLESS: False}


def test_an_endpoint_in_the_network_stands_in_private_subnets_and_lets_nothing_in(plan: Plan) -> None:
    model = plan.one(MODEL, REAL_TIME).inputs
    egress = plan.one("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule").inputs

    assert model["vpcConfig"] == {
        "securityGroupIds": ["${sagemaker.id: string}"],
        "subnets": ["${aws-private-eu-west-1a.id: string}", "${aws-private-eu-west-1b.id: string}"],
    }
    assert plan.one(GROUP).inputs.get("ingress") is None
    assert (egress["fromPort"], egress["toPort"], egress["ipProtocol"]) == (443, 443, "tcp")
    assert [each.name for each in plan.of_type(MODEL) if each.inputs.get("vpcConfig")] == [REAL_TIME]


def test_without_an_endpoint_in_the_network_there_is_no_security_group(plan_with: Planned) -> None:
    assert plan_with({"realTime.inNetwork": False}).of_type(GROUP) == []


def test_what_sagemaker_may_go_back_to_is_never_deleted(plan: Plan) -> None:
    kept = [each.options.get("retainOnDelete") for token in (MODEL, CONFIG) for each in plan.of_type(token)]

    assert kept == [True] * 6
    assert [each.options.get("retainOnDelete") for each in plan.of_type(ENDPOINT)] == [None] * 3


def test_an_autoscaled_number_of_instances_outlives_an_update_and_data_capture_follows_it(plan: Plan) -> None:
    for name in (REAL_TIME, ASYNCHRONOUS):
        endpoint = plan.one(ENDPOINT, name).inputs
        assert endpoint["retainAllVariantProperties"] is True
        assert endpoint["excludeRetainedVariantProperties"] == [{"variantPropertyType": "DataCaptureConfig"}]


def test_a_fixed_number_of_instances_follows_the_settings(plan_with: Planned) -> None:
    plan = plan_with({"realTime.instances": {"min": 3, "max": 3}, "asynchronous": None, "serverless": None})

    assert plan.one(ENDPOINT).inputs.get("retainAllVariantProperties") is None
    assert variant(plan, REAL_TIME)["initialInstanceCount"] == 3
    assert plan.of_type(TARGET) == []


def test_alarms_guard_an_update_and_are_there_before_it(plan: Plan) -> None:
    endpoint = plan.one(ENDPOINT, REAL_TIME)
    guards = endpoint.inputs["deploymentConfig"]["autoRollbackConfiguration"]["alarms"]

    assert guards == [
        {"alarmName": "${sagemaker-real-time-latency.name: string}"},
        {"alarmName": "${sagemaker-real-time-errors.name: string}"},
    ]
    for kind in ("latency", "errors"):
        alarm = plan.one(ALARM, f"{REAL_TIME}-{kind}")
        assert waits_for(plan, endpoint, alarm)
        assert not waits_for(plan, alarm, endpoint)
        assert alarm.inputs["metricQueries"][0]["metric"]["dimensions"]["EndpointName"] == "platform-test-real-time"


def test_nobody_waits_for_an_asynchronous_answer_so_latency_takes_no_update_back(plan: Plan) -> None:
    guards = plan.one(ENDPOINT, ASYNCHRONOUS).inputs["deploymentConfig"]["autoRollbackConfiguration"]["alarms"]

    assert guards == [{"alarmName": "${sagemaker-asynchronous-errors.name: string}"}]
    assert f"{ASYNCHRONOUS}-latency" not in {each.name for each in plan.of_type(ALARM)}


def test_a_serverless_endpoint_has_no_guarded_update(plan: Plan) -> None:
    assert plan.one(ENDPOINT, SERVERLESS).inputs.get("deploymentConfig") is None


def test_without_objectives_there_are_no_alarms_but_the_one_that_wakes(plan_with: Planned) -> None:
    plan = plan_with(objectives=False)

    assert [each.name for each in plan.of_type(ALARM)] == [f"{ASYNCHRONOUS}-from-zero"]
    assert plan.one(ENDPOINT, REAL_TIME).inputs["deploymentConfig"].get("autoRollbackConfiguration") is None


def test_every_endpoint_is_checked_after_it_was_made_or_updated(plan: Plan) -> None:
    for name in NAMES:
        assert plan.one(ENDPOINT, name).options["hooks"] == {
            "afterCreate": [f"{name}-live-check"],
            "afterUpdate": [f"{name}-live-check"],
        }


def test_logs_are_kept_in_a_group_that_is_there_before_the_endpoint(plan: Plan) -> None:
    for kind in KINDS:
        logs = plan.one("aws:cloudwatch/logGroup:LogGroup", f"sagemaker-{kind}")
        assert logs.inputs["name"] == f"/aws/sagemaker/Endpoints/platform-test-{kind}"
        assert logs.inputs["retentionInDays"] == 30
        assert logs.urn in plan.one(ENDPOINT, f"sagemaker-{kind}").dependencies


def test_a_model_waits_until_its_role_may_pull_the_image(plan: Plan) -> None:
    for name in NAMES:
        assert waits_for(plan, plan.one(MODEL, name), plan.one("aws:iam/rolePolicy:RolePolicy", name))


def test_captured_data_goes_to_the_bucket_under_the_key(plan: Plan) -> None:
    capture = plan.one(CONFIG, REAL_TIME).inputs["dataCaptureConfig"]

    assert capture["destinationS3Uri"] == "s3://${sagemaker-data.bucket: string}/captured"
    assert capture["kmsKeyId"] == "${sagemaker.arn: string}"
    assert (capture["enableCapture"], capture["initialSamplingPercentage"]) == (True, 5)
    assert [each["captureMode"] for each in capture["captureOptions"]] == ["Input", "Output"]


def test_asynchronous_answers_go_to_the_bucket_and_encrypted_topics_tell_of_them(plan: Plan) -> None:
    config = plan.one(CONFIG, ASYNCHRONOUS).inputs["asyncInferenceConfig"]

    assert config["outputConfig"] == {
        "s3OutputPath": "s3://${sagemaker-data.bucket: string}/outputs",
        "s3FailurePath": "s3://${sagemaker-data.bucket: string}/failures",
        "kmsKeyId": "${sagemaker.arn: string}",
        "notificationConfig": {
            "successTopic": "${sagemaker-answers.arn: string}",
            "errorTopic": "${sagemaker-errors.arn: string}",
        },
    }
    assert config["clientConfig"] == {"maxConcurrentInvocationsPerInstance": 4}
    topics = plan.of_type("aws:sns/topic:Topic")
    assert {each.inputs["kmsMasterKeyId"] for each in topics} == {"${sagemaker.arn: string}"}
    assert variant(plan, ASYNCHRONOUS)["initialInstanceCount"] == 1


def test_a_serverless_endpoint_has_its_size_and_nothing_of_an_instance(plan: Plan) -> None:
    found = variant(plan, SERVERLESS)

    assert found["serverlessConfig"] == {"memorySizeInMb": 2048, "maxConcurrency": 20, "provisionedConcurrency": 2}
    assert not {"instanceType", "initialInstanceCount", "inferenceAmiVersion"} & set(found)


def test_volumes_are_encrypted_by_the_key_where_disks_are_volumes(plan: Plan) -> None:
    keys = {each.name: each.inputs.get("kmsKeyArn") for each in plan.of_type(CONFIG)}

    assert keys == {REAL_TIME: None, ASYNCHRONOUS: "${sagemaker.arn: string}", SERVERLESS: None}
    assert plan.one(KEY).inputs["enableKeyRotation"] is True


def test_a_key_of_the_users_own_is_used_everywhere(plan_with: Planned) -> None:
    own = "arn:aws:kms:eu-west-1:111122223333:key/own"
    plan = plan_with({"kmsKeyArn": own})

    assert plan.of_type(KEY) == []
    assert plan.one(CONFIG, ASYNCHRONOUS).inputs["kmsKeyArn"] == own
    assert plan.one(CONFIG, REAL_TIME).inputs["dataCaptureConfig"]["kmsKeyId"] == own
    encryption = plan.one("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration")
    (rule,) = encryption.inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"] == own


def test_a_serverless_endpoint_alone_needs_neither_key_nor_bucket(plan_with: Planned) -> None:
    plan = plan_with({"realTime": None, "asynchronous": None})
    made = Counter(each.type for each in plan.resources)

    assert (made[KEY], made[BUCKET], made["aws:sns/topic:Topic"], made[ENDPOINT]) == (0, 0, 0, 1)


def test_model_data_from_s3_reaches_the_container_and_the_role(plan_with: Planned) -> None:
    plan = plan_with({"modelData": "s3://models/digits/model.tar.gz"})
    policy = plan.one("aws:iam/rolePolicy:RolePolicy", SERVERLESS).inputs["policy"]

    assert {each.inputs["primaryContainer"]["modelDataUrl"] for each in plan.of_type(MODEL)} == {
        "s3://models/digits/model.tar.gz"
    }
    assert "arn:aws:s3:::models/digits/model.tar.gz" in policy


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_other_partitions_have_arns_of_their_own(plan_with: Planned, region: str, partition: str) -> None:
    plan = plan_with(region=region)
    policies = [each.inputs["policy"] for each in plan.of_type("aws:iam/rolePolicy:RolePolicy")]

    assert len(policies) == 3
    assert [each for each in policies if "arn:aws:" in each or f"arn:{partition}:ecr:{region}:" not in each] == []
