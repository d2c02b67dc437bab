"""The engine's policy pack: its own process in its own environment, asked as the engine asks it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from infra.policy.rule import Level
from infra.policy.rules import RULES
from infra.preview.wire import UNKNOWN, Secret, encode
from tests.environments import environment
from tests.infra.policy.conftest import ROOT
from tests.processes import HOST, Process, until

PACK = ROOT / "infra/policy/pack"
QUEUE = "aws:sqs/queue:Queue"
BUCKET = "aws:s3/bucket:Bucket"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
CLOSED = dict.fromkeys(("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of the pack, which says on which port it listens."""
    python = environment("policy", PACK / "requirements.txt") / "python"
    process = Process("pack", [python, "-u", PACK], tmp_path_factory.mktemp("pack"))
    with process:
        port = until(lambda: re.search(r"^\d+$", process.log.read_text(), re.MULTILINE), "port", processes=[process])
        with grpc.insecure_channel(f"{HOST}:{port[0]}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)


def resource(kind: Any, type_: str, inputs: Mapping[str, Any], name: str = "planted") -> Any:
    """A resource as a request of that kind has it."""
    urn = f"urn:pulumi:test::project::{type_}::{name}"
    return kind(type=type_, name=name, urn=urn, properties=encode(inputs))


def told(response: Any) -> dict[str, str]:
    """What a response complains about: messages by policy."""
    return {found.policyName: found.message for found in response.diagnostics}


def test_the_pack_has_a_policy_for_each_rule(pack: Any) -> None:
    info = pack.GetAnalyzerInfo(empty_pb2.Empty())

    assert info.name == "inference-platform"
    levels = {policy.name: analyzer_pb2.EnforcementLevel.Name(policy.enforcementLevel) for policy in info.policies}
    assert levels == {rule.name: rule.level.value.upper() for rule in RULES}
    assert Level.ADVISORY.value.upper() in levels.values()


def test_a_resource_is_refused_before_it_is_made(pack: Any) -> None:
    response = pack.Analyze(resource(analyzer_pb2.AnalyzeRequest, QUEUE, {"sqsManagedSseEnabled": False}))

    (message,) = told(response).values()
    demand, violation = message.splitlines()
    assert demand == "Every topic and queue is encrypted."
    assert violation.startswith("sqsManagedSseEnabled is False. To fix it, set `kmsMasterKeyId`")
    assert response.diagnostics[0].enforcementLevel == analyzer_pb2.MANDATORY


@pytest.mark.parametrize("value", [True, UNKNOWN, Secret(True)])
def test_what_is_right_or_not_known_yet_is_let_pass(pack: Any, value: object) -> None:
    response = pack.Analyze(resource(analyzer_pb2.AnalyzeRequest, QUEUE, {"sqsManagedSseEnabled": value}))

    assert told(response) == {}


def test_exemptions_hold_in_the_engine_too(pack: Any) -> None:
    registry = "azure-native:containerregistry:Registry"
    tags = dict.fromkeys(("environment", "managed-by", "owner", "project", "stack"), "x")

    exempt = pack.Analyze(resource(analyzer_pb2.AnalyzeRequest, registry, {"tags": tags}, "acr"))
    other = pack.Analyze(resource(analyzer_pb2.AnalyzeRequest, registry, {"tags": tags}, "other"))

    assert set(told(exempt)) == set()
    assert set(told(other)) == {"data-behind-a-network"}


def test_a_stack_is_judged_by_what_depends_on_what(pack: Any) -> None:
    buckets = [resource(analyzer_pb2.AnalyzerResource, BUCKET, {}, name) for name in ("closed", "open")]
    block = resource(analyzer_pb2.AnalyzerResource, BLOCK, {**CLOSED, "bucket": UNKNOWN})
    block.propertyDependencies["bucket"].urns.append(buckets[0].urn)

    response = pack.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=[*buckets, block]))

    public = [found.urn for found in response.diagnostics if found.policyName == "buckets-not-public"]
    assert public == [buckets[1].urn]
