"""What rules make of shapes that the stacks that ship do not have, and what a preview says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infra.policy import exemptions
from infra.policy.check import check, report
from infra.policy.exemptions import Exemption
from infra.policy.rule import UNKNOWN, Level
from infra.policy.rules import RULES
from tests.infra.policy.plants import PLANTS

INFERENCE_SERVICE = "kubernetes:serving.kserve.io/v1beta1:InferenceService"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
QUEUE = "aws:sqs/queue:Queue"


@dataclass(frozen=True)
class Sample:
    """A resource of the stack `test`."""

    type: str
    inputs: Mapping[str, Any]
    name: str = "sample"
    protect: bool = False
    property_dependencies: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])

    @property
    def urn(self) -> str:
        return f"urn:pulumi:test::project::{self.type}::{self.name}"


def broken(*stack: Sample, exempt: Sequence[Exemption] = ()) -> set[str]:
    """Names of the rules that the stack breaks."""
    return {finding.rule.name for finding in check(stack, exempt=exempt).findings}


def test_every_rule_has_a_violation_planted() -> None:
    assert {plant.rule for plant in PLANTS} == {rule.name for rule in RULES}
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_reads_as_a_sentence_a_fix_and_a_source(rule: Any) -> None:
    assert rule.demands.endswith(".")
    assert rule.fix
    assert not rule.fix.endswith(".")
    assert rule.source.startswith("https://")


def test_what_only_up_knows_is_not_judged_yet() -> None:
    assert broken(Sample(QUEUE, {"sqsManagedSseEnabled": UNKNOWN})) == set()
    assert broken(Sample("aws:iam/rolePolicy:RolePolicy", {"policy": "${role.policy: string}"})) == set()
    assert broken(Sample("aws:eks/cluster:Cluster", {"vpcConfig": UNKNOWN, "encryptionConfig": UNKNOWN})) == set()


def test_a_provider_may_have_its_tags_as_json() -> None:
    tags = '{"tags": {"environment": "dev", "managed-by": "pulumi", "owner": "me", "project": "p", "stack": "s"}}'

    assert broken(Sample("pulumi:providers:aws", {"defaultTags": tags})) == set()
    assert broken(Sample("pulumi:providers:aws", {"defaultTags": "{}"})) == {"aws-tagged"}


def test_a_statement_with_a_condition_lets_in_whom_it_names() -> None:
    document = '{"Statement": [{"Effect": "Allow", "Principal": "*", "Condition": {"Bool": {"aws:x": "true"}}}]}'

    assert broken(Sample("aws:s3/bucketPolicy:BucketPolicy", {"policy": document})) == set()


def test_a_private_api_server_needs_no_addresses() -> None:
    private = {"vpcConfig": {"endpointPublicAccess": False}, "encryptionConfig": {"resources": ["secrets"]}}

    assert broken(Sample("aws:eks/cluster:Cluster", private)) == set()


def test_a_load_balancer_may_name_the_addresses_that_it_lets_in() -> None:
    def service(ranges: list[str]) -> Sample:
        spec = {"type": "LoadBalancer", "loadBalancerSourceRanges": ranges}
        return Sample("kubernetes:core/v1:Service", {"spec": spec})

    assert broken(service(["198.51.100.0/24"])) == set()
    assert broken(service(["0.0.0.0/0"])) == {"load-balancers-closed"}
    assert broken(service([])) == {"load-balancers-closed"}


def test_both_parts_of_an_inference_service_are_judged() -> None:
    container = {"image": "server:latest", "securityContext": {"privileged": True}}
    spec: dict[str, Any] = {"predictor": {"containers": []}, "transformer": {"containers": [container]}}

    found = check([Sample(INFERENCE_SERVICE, {"spec": spec})], exempt=()).findings

    assert {finding.rule.name for finding in found} == {
        "containers-limited",
        "images-by-digest",
        "pods-restricted",
        "servers-probed",
    }
    assert all(finding.violation.path.startswith("spec.transformer.containers[0].") for finding in found)


def test_a_job_needs_no_probes() -> None:
    digest = "image@sha256:" + "0" * 64
    limits = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}
    security = {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    pod = {"containers": [{"image": digest, "resources": limits, "securityContext": security}]}

    assert broken(Sample("kubernetes:batch/v1:Job", {"spec": {"template": {"spec": pod}}})) == set()


def node_group(capacity: str, instance_type: str = "g6.xlarge") -> Sample:
    return Sample(NODE_GROUP, {"capacityType": capacity, "instanceTypes": [instance_type]}, name=capacity)


def resource_group(environment: str) -> Sample:
    tags = dict.fromkeys(("managed-by", "owner", "project", "stack"), "x")
    return Sample("azure-native:resources:ResourceGroup", {"tags": {"environment": environment, **tags}})


def test_the_environment_is_the_tag_and_not_the_stacks_name() -> None:
    assert broken(node_group("ON_DEMAND")) == set()
    assert broken(resource_group("dev"), node_group("ON_DEMAND")) == {"no-on-demand-gpu-in-dev"}
    assert broken(resource_group("dev"), node_group("ON_DEMAND", "m7i.large")) == set()


def test_a_spot_pool_falls_back_on_gpus_of_its_own_cloud_only() -> None:
    prod, spot = resource_group("prod"), node_group("SPOT")
    values = {"karpenter.sh/capacity-type": ["on-demand"], "node.kubernetes.io/instance-type": ["g5.xlarge"]}
    requirements = [{"key": key, "values": value} for key, value in values.items()]
    karpenter = Sample(NODE_POOL, {"spec": {"template": {"spec": {"requirements": requirements}}}})
    azure = Sample("azure-native:containerservice:AgentPool", {"vmSize": "Standard_NC4as_T4_v3"})

    assert "spot-has-a-fallback" not in broken(prod, spot, node_group("ON_DEMAND"))
    assert "spot-has-a-fallback" not in broken(prod, spot, karpenter)
    assert "spot-has-a-fallback" in broken(prod, spot, azure)
    assert "spot-has-a-fallback" in broken(prod, spot, node_group("ON_DEMAND", "m7i.large"))


def test_data_needs_no_protection_where_no_cluster_has_it() -> None:
    files, cluster = "aws:efs/fileSystem:FileSystem", "azure-native:containerservice:ManagedCluster"
    kept = Sample(files, {"encrypted": True})

    assert "data-protected" not in broken(kept, Sample(cluster, {}))
    assert "data-protected" in broken(kept, Sample(cluster, {}, protect=True))


def test_a_finding_says_what_where_and_how_to_fix_it() -> None:
    (finding,) = check([Sample(QUEUE, {"sqsManagedSseEnabled": False})], exempt=()).failures

    assert str(finding) == (
        "aws:sqs/queue:Queue sample: sqsManagedSseEnabled is False. Every topic and queue is encrypted. To fix it, set "
        "`kmsMasterKeyId`, or `sqsManagedSseEnabled: true` on a queue: "
        "https://docs.aws.amazon.com/sns/latest/dg/sns-server-side-encryption.html (messages-encrypted)"
    )


def test_an_exempt_resource_is_shown_with_its_reason_and_refuses_nothing() -> None:
    stack = [Sample(QUEUE, {}), Sample(QUEUE, {}, name="other")]
    found = check(stack, exempt=[Exemption("messages-encrypted", "sample", "It is a test.")])

    assert [finding.resource.name for finding in found.failures] == ["other"]
    judged, exempt, mandatory = report(found)
    assert judged == f"1 of {len(RULES)} rules judged 2 times"
    assert exempt == "exempt: sample of messages-encrypted: It is a test."
    assert mandatory.startswith("mandatory: aws:sqs/queue:Queue other: ")


def test_advice_refuses_nothing() -> None:
    found = check([Sample("aws:cloudwatch/logGroup:LogGroup", {})], exempt=())

    assert [finding.rule.level for finding in found.findings] == [Level.ADVISORY]
    assert found.failures == []
    assert list(report(found))[1].startswith("advisory: ")


def test_an_exemption_without_a_reason_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "exemptions.yaml"
    file.write_text("- {rule: keys-rotate, resource: key}\n", encoding="utf-8")

    with pytest.raises(TypeError, match="reason"):
        exemptions.load(file)


@pytest.mark.parametrize(
    ("chosen", "rules"),
    [
        ({}, {"load-balancers-closed"}),
        ({"loadBalancerClass": "service.k8s.aws/nlb"}, {"load-balancers-closed"}),
        ({"loadBalancerClass": "lab"}, set[str]()),
        ({"loadBalancerSourceRanges": ["203.0.113.0/24"]}, set[str]()),
        ({"loadBalancerSourceRanges": ["0.0.0.0/0"]}, {"load-balancers-closed"}),
    ],
)
def test_a_load_balancer_of_a_clusters_owner_is_the_owners(chosen: Mapping[str, Any], rules: set[str]) -> None:
    assert broken(Sample("kubernetes:core/v1:Service", {"spec": {"type": "LoadBalancer", **chosen}})) == rules
