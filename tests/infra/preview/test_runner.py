from collections.abc import Callable

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pytest

from infra.preview import Plan, PreviewError, run

EKS = "aws:eks/cluster:Cluster"


def test_a_child_names_its_component_in_parent_and_urn(sample: Plan) -> None:
    component, eks = sample.one("test:clusters:Cluster"), sample.one(EKS)

    assert eks.parent == component.urn
    assert eks.urn == f"urn:pulumi:test::inference-platform::test:clusters:Cluster${EKS}::eks"
    assert component.parent is None


def test_the_types_of_all_parents_are_in_a_urn() -> None:
    def program() -> None:
        outer = pulumi.ComponentResource("a:b:Outer", "outer")
        inner = pulumi.ComponentResource("a:b:Inner", "inner", opts=pulumi.ResourceOptions(parent=outer))
        aws.sns.Topic("topic", opts=pulumi.ResourceOptions(parent=inner))

    topic = run(program, {}).one("aws:sns/topic:Topic")

    assert topic.urn.split("::")[2] == "a:b:Outer$a:b:Inner$aws:sns/topic:Topic"


def test_dependencies_provider_and_options_are_recorded(sample: Plan) -> None:
    vpc, subnet, eks = sample.one("aws:ec2/vpc:Vpc"), sample.one("aws:ec2/subnet:Subnet", "private-3"), sample.one(EKS)
    monitor = sample.one("kubernetes:monitoring.coreos.com/v1:ServiceMonitor")

    assert subnet.dependencies == [vpc.urn]
    assert subnet.property_dependencies["vpcId"] == [vpc.urn]
    assert eks.protect
    assert not vpc.protect
    assert monitor.provider_name == "eks-api"
    assert sample.one("kubernetes:helm.sh/v3:Release").urn in monitor.dependencies


def test_values_known_only_after_up_are_markers(sample: Plan) -> None:
    monitor = sample.one("kubernetes:monitoring.coreos.com/v1:ServiceMonitor")

    assert sample.one(EKS).inputs["roleArn"] == "${eks-role.arn: string}"
    assert monitor.inputs["spec"]["group"] == "${eks.vpcConfig.clusterSecurityGroupId: string}"
    assert sample.exports["url"] == "http://${gateway.status.loadBalancer.ingress[0].hostname: string}"
    assert sample.one("docker-build:index:Image").inputs["tags"] == ["${registry.repositoryUrl: string}:one"]


def test_secrets_are_masked_also_inside_longer_text(sample: Plan) -> None:
    text = "${secret: string}"

    assert sample.one("kubernetes:core/v1:Secret").inputs["stringData"] == {"token": text, "url": text}
    assert sample.one("docker-build:index:Image").inputs["registries"][0]["password"] == text
    assert sample.exports["password"] == text
    assert "hunter2" not in str([(item.inputs, item.outputs) for item in sample.resources])


def test_settings_of_a_provider_are_decoded(sample: Plan) -> None:
    provider = sample.one("pulumi:providers:kubernetes")

    assert provider.inputs["enableServerSideApply"] is True
    assert provider.inputs["kubeconfig"].startswith('{"server": "${eks.endpoint: string}"')


def test_numbers_stay_whole(sample: Plan) -> None:
    assert str(sample.one("kubernetes:core/v1:Service").inputs["spec"]["ports"][0]["port"]) == "80"


def test_the_programs_warnings_are_kept(sample: Plan) -> None:
    assert list(sample.warnings) == ["a warning of the program"]


def test_two_runs_of_one_program_are_equal(sample: Plan, preview_sample: Callable[..., Plan]) -> None:
    assert preview_sample() == sample


def test_outputs_given_by_hand_flow_into_what_uses_them(preview_sample: Callable[..., Plan]) -> None:
    plan = preview_sample(
        outputs={"image.ref": "r.example.com/m@sha256:1", "aws:ecr/getAuthorizationToken.password": "p"}
    )

    container = plan.one("kubernetes:apps/v1:Deployment").inputs["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "r.example.com/m@sha256:1"


def test_the_program_survives_unknown_outputs(preview_sample: Callable[..., Plan], sample: Plan) -> None:
    unknown = preview_sample(preview=True)

    assert [item.urn for item in unknown.resources] != []
    assert {item.urn for item in unknown.resources} == {item.urn for item in sample.resources}
    assert unknown.one(EKS).inputs["roleArn"] == "${unknown: any}"


def test_an_error_of_the_program_comes_through_as_it_is() -> None:
    def program() -> None:
        aws.sns.Topic("topic")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(program, {})


def test_an_error_inside_apply_comes_through_as_it_is() -> None:
    def fail(arn: str) -> str:
        raise pulumi.RunError(f"cannot use {arn}")

    def program() -> None:
        pulumi.export("arn", aws.sns.Topic("topic").arn.apply(fail))

    with pytest.raises(pulumi.RunError, match=r"cannot use .{topic.arn: string}"):
        run(program, {})


def test_two_resources_of_one_name_are_refused() -> None:
    def program() -> None:
        aws.sns.Topic("topic")
        aws.sns.Topic("topic")

    with pytest.raises(PreviewError, match="two resources have the URN"):
        run(program, {})


def test_a_chart_whose_objects_only_the_engine_sees_is_refused() -> None:
    def program() -> None:
        kubernetes.helm.v4.Chart("chart", chart="x")

    with pytest.raises(PreviewError, match=r"use helm\.v3\.Release"):
        run(program, {})


def test_a_resource_that_exists_already_is_read_not_made() -> None:
    def program() -> None:
        role = aws.iam.Role.get("admin", "admin-id")
        pulumi.export("arn", role.arn)

    plan = run(program, {})

    assert plan.one("aws:iam/role:Role").options == {"read": "admin-id"}
    assert plan.exports == {"arn": "${admin.arn: string}"}


def test_the_hooks_of_a_resource_are_recorded_and_never_run() -> None:
    def fail(args: pulumi.ResourceHookArgs) -> None:
        raise AssertionError(args.name)

    def program() -> None:
        hook = pulumi.ResourceHook("drain", fail)
        hooks = pulumi.ResourceHookBinding(after_create=[hook], before_delete=[hook])
        aws.sns.Topic("topic", opts=pulumi.ResourceOptions(hooks=hooks))

    options = run(program, {}).one("aws:sns/topic:Topic").options

    assert options == {"hooks": {"afterCreate": ["drain"], "beforeDelete": ["drain"]}}


def test_the_outputs_of_another_stack_can_be_given() -> None:
    def program() -> None:
        pulumi.export("zone", pulumi.StackReference("shared").get_output("zone"))

    assert run(program, {}, outputs={"shared.outputs": {"zone": "example.com"}}).exports == {"zone": "example.com"}


def test_settings_reach_the_program_as_the_engine_hands_them_over() -> None:
    found: dict[str, object] = {}

    def program() -> None:
        config = pulumi.Config()
        found["block"] = config.require_object("block")
        found["flag"] = config.require_bool("flag")
        found["region"] = aws.config.region
        found["missing"] = config.get("missing")
        found["where"] = (pulumi.get_project(), pulumi.get_stack())

    run(program, {"block": {"a": [1]}, "flag": True, "aws:region": "eu-west-1", "missing": None}, stack="prod")

    assert found == {
        "block": {"a": [1]},
        "flag": True,
        "region": "eu-west-1",
        "missing": None,
        "where": ("inference-platform", "prod"),
    }
