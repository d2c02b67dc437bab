from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from infra.preview import Plan, run
from infra.preview.checks import check_plan


def failures(program: Callable[[], object]) -> list[str]:
    return [str(failure) for failure in check_plan(run(lambda: _discard(program()), {})).failures]


def _discard(made: object) -> None:
    del made


def deployment(**changes: Any) -> kubernetes.apps.v1.Deployment:
    container = {"name": "server", "image": "x", **changes}
    spec: Any = {
        "selector": {"match_labels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}},
    }
    return kubernetes.apps.v1.Deployment("server", spec=spec)


def custom(kind: str) -> kubernetes.apiextensions.CustomResource:
    return kubernetes.apiextensions.CustomResource("x", api_version="example.com/v1", kind=kind, spec={})


def test_a_right_plan_passes_and_every_kind_names_its_check(sample: Plan) -> None:
    checked = check_plan(sample)

    checks = {kind.name: (kind.count, kind.check) for kind in checked.kinds}
    assert checked.failures == []
    assert checks["aws:ec2:Subnet"] == (5, "SDK types")
    assert checks["apps/v1 Deployment"] == (1, "OpenAPI 1.36 strict, SDK types")
    assert checks["monitoring.coreos.com/v1 ServiceMonitor"] == (1, "none")
    assert checks["chart kube-prometheus-stack 90.1.0"] == (1, "none")
    assert [kind for kind in checked.kinds if (kind.check == "none") != bool(kind.reason)] == []


def test_a_failure_names_resource_path_rule_value_and_fix() -> None:
    def program() -> None:
        aws.ecr.Repository("models", image_tag_mutability="INMUTABLE")

    assert failures(program) == [
        "aws:ecr/repository:Repository models: imageTagMutability: must be one of MUTABLE, IMMUTABLE, "
        "IMMUTABLE_WITH_EXCLUSION, MUTABLE_WITH_EXCLUSION, got 'INMUTABLE'; did you mean IMMUTABLE?"
    ]


def test_a_wrong_shape_is_reported_and_does_not_stop_the_program() -> None:
    wrong: Any = {"subnet_ids": "not a list", "endpoint_private_acces": True}

    def program() -> None:
        cluster = aws.eks.Cluster("eks", role_arn="arn", vpc_config=wrong)
        pulumi.export("group", cluster.vpc_config.cluster_security_group_id)

    found = failures(program)

    assert len(found) == 2
    assert any("vpcConfig.subnetIds: must be a list" in line for line in found)
    assert any("endpoint_private_acces: unknown key" in line for line in found)


def test_a_value_outside_a_closed_set_of_kubernetes_is_refused() -> None:
    (line,) = failures(lambda: deployment(imagePullPolicy="Sometimes"))

    assert line.startswith("kubernetes:apps/v1:Deployment server: spec.template.spec.containers[0].imagePullPolicy: ")
    assert "must be one of Always, Never, IfNotPresent, got 'Sometimes'" in line


def test_an_unknown_kubernetes_key_is_refused_by_both_schemas() -> None:
    found = failures(lambda: deployment(livenessProb={}))

    assert any("Additional properties are not allowed ('livenessProb' was unexpected)" in line for line in found)
    assert any("did you mean livenessProbe?" in line for line in found)


def test_a_typed_marker_stands_for_a_value_of_its_type() -> None:
    def program(field: str) -> None:
        first = kubernetes.core.v1.Service("first", spec={"ports": [{"port": 80}]})
        port: Any = first.spec.apply(lambda spec: getattr(spec, field))
        kubernetes.core.v1.Service("second", spec={"ports": [{"port": port}]})

    assert failures(lambda: program("health_check_node_port")) == []
    (line,) = failures(lambda: program("cluster_ip"))
    assert "is not of type 'integer'" in line


def test_a_kind_that_nothing_checks_fails_unless_it_is_listed() -> None:
    (line,) = failures(lambda: custom("Widget"))

    assert "has no check, got 'example.com/Widget'" in line


def test_a_kind_that_this_kubernetes_no_longer_serves_is_refused() -> None:
    (line,) = failures(lambda: kubernetes.policy.v1beta1.PodDisruptionBudget("budget"))

    assert "Kubernetes 1.36 does not serve it, got 'policy/v1beta1'" in line


def test_a_resource_of_no_installed_sdk_is_refused() -> None:
    class Thing(pulumi.CustomResource):
        def __init__(self) -> None:
            super().__init__("nosuch:index:Thing", "thing", {})

    (line,) = failures(Thing)

    assert "no installed SDK knows it" in line
