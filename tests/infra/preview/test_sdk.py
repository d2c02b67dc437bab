import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pytest

from infra.preview.sdk import args_class, input_properties, members, output_hints, resource_class, result_class


@pytest.mark.parametrize(
    ("token", "name"),
    [
        ("aws:eks/nodeGroup:NodeGroup", "NodeGroup"),
        ("docker-build:index:Image", "Image"),
        ("kubernetes:core/v1:Namespace", "Namespace"),
        ("random:index/randomPassword:RandomPassword", "RandomPassword"),
        ("pulumi:providers:aws", "Provider"),
    ],
)
def test_a_token_leads_to_its_class(token: str, name: str) -> None:
    found = resource_class(token)

    assert found is not None
    assert found.__name__ == name


@pytest.mark.parametrize("token", ["kubernetes:keda.sh/v1alpha1:ScaledObject", "nosuch:index:Thing", "aws:eks/x:X"])
def test_a_token_no_sdk_knows_has_no_class(token: str) -> None:
    assert resource_class(token) is None


def test_the_arguments_of_a_kubernetes_kind_are_those_of_its_constructor() -> None:
    assert args_class(kubernetes.core.v1.Namespace) is kubernetes.core.v1.NamespaceInitArgs


@pytest.mark.parametrize(
    ("token", "name"),
    [
        ("aws:ecr/getAuthorizationToken:getAuthorizationToken", "GetAuthorizationTokenResult"),
        ("aws:index/getRegion:getRegion", "GetRegionResult"),
        ("aws:lambda/getFunction:getFunction", "GetFunctionResult"),
    ],
)
def test_a_function_leads_to_its_result(token: str, name: str) -> None:
    found = result_class(token)

    assert found is not None
    assert found.__name__ == name


def test_a_function_no_sdk_knows_has_no_result() -> None:
    assert result_class("kubernetes:helm:template") is None


def test_inputs_are_known_by_wire_name_with_what_is_required_and_allowed() -> None:
    known = input_properties(aws.eks.NodeGroupArgs)

    assert known["clusterName"].required
    assert not known["amiType"].required
    assert known["capacityType"].values == ("ON_DEMAND", "SPOT")


def test_a_hint_is_freed_of_what_pulumi_wraps_around_it() -> None:
    port = input_properties(kubernetes.core.v1.ServicePortArgs)["targetPort"]

    assert members(port.hint) == (int, str, type(None))
    assert members(output_hints(aws.eks.Cluster)["arn"]) == (str,)


def test_outputs_are_known_by_wire_name() -> None:
    assert {"arn", "vpcConfig", "certificateAuthority"} <= output_hints(aws.eks.Cluster).keys()
