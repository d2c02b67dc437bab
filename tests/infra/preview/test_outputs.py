import pulumi_aws as aws
import pulumi_aws_native as aws_native
import pulumi_azure_native as azure
import pulumi_docker_build as docker
import pulumi_kubernetes as kubernetes

from infra.preview.outputs import custom_object_outputs, echo, resource_outputs
from infra.preview.wire import UNKNOWN, Secret


def test_inputs_echo_and_missing_outputs_are_typed_markers() -> None:
    outputs = resource_outputs(aws.eks.Cluster, "eks", {"name": "dev", "vpcConfig": {"subnetIds": ["a"]}})

    assert outputs["name"] == "dev"
    assert outputs["endpoint"] == "${eks.endpoint: string}"
    assert outputs["vpcConfig"]["subnetIds"] == ["a"]
    assert outputs["vpcConfig"]["clusterSecurityGroupId"] == "${eks.vpcConfig.clusterSecurityGroupId: string}"
    assert outputs["certificateAuthority"] == {"data": "${eks.certificateAuthority.data: string}"}
    assert outputs["tagsAll"] == "${eks.tagsAll: map}"


def test_a_list_of_objects_has_one_element() -> None:
    outputs = resource_outputs(kubernetes.core.v1.Service, "svc", {"spec": {"type": "LoadBalancer"}})

    (ingress,) = outputs["status"]["loadBalancer"]["ingress"]
    assert ingress["hostname"] == "${svc.status.loadBalancer.ingress[0].hostname: string}"
    assert ingress["ports"][0]["port"] == "${svc.status.loadBalancer.ingress[0].ports[0].port: integer}"


def test_an_optional_input_that_was_left_out_stays_out() -> None:
    outputs = resource_outputs(aws.eks.NodeGroup, "pool", {})

    assert "launchTemplate" not in outputs
    assert outputs["nodeGroupName"] == "${pool.nodeGroupName: string}"


def test_a_secret_input_echoes_as_a_secret() -> None:
    outputs = resource_outputs(kubernetes.core.v1.Secret, "s", {"stringData": Secret({"a": "b"})})

    assert outputs["stringData"] == Secret({"a": "b"})


def test_an_enum_keeps_a_right_value_and_is_never_a_marker() -> None:
    outputs = resource_outputs(docker.Image, "image", {"push": True, "network": "host"})

    assert outputs["network"] == "host"
    assert "platforms" not in outputs


def test_a_map_where_the_sdk_wants_text_becomes_a_marker() -> None:
    outputs = resource_outputs(aws.ec2.Vpc, "network", {"cidrBlock": {"not": "text"}})

    assert outputs["cidrBlock"] == "${network.cidrBlock: string}"


def test_a_map_of_objects_that_the_program_gave_has_its_keys_and_what_up_adds_to_their_values() -> None:
    given = {"identityProfile": {"kubeletidentity": {"resourceId": "/mine"}}}
    outputs = resource_outputs(azure.containerservice.ManagedCluster, "aks", given)

    assert outputs["identityProfile"]["kubeletidentity"] == {
        "resourceId": "/mine",
        "clientId": "${aks.identityProfile.kubeletidentity.clientId: string}",
        "objectId": "${aks.identityProfile.kubeletidentity.objectId: string}",
    }


def test_a_map_of_objects_whose_keys_nobody_states_stays_a_marker_or_out() -> None:
    outputs = resource_outputs(azure.containerservice.ManagedCluster, "aks", {})

    assert "addonProfiles" not in outputs


def test_what_the_program_leaves_unnamed_the_provider_names() -> None:
    outputs = resource_outputs(aws_native.sagemaker.Endpoint, "endpoint", {})

    assert outputs["endpointName"] == "${endpoint.endpointName: string}"
    assert "deploymentConfig" not in outputs


def test_a_first_preview_echoes_what_the_sdk_can_read_and_nothing_else() -> None:
    inputs = {"kubernetesVersion": "1.36", "identity": {"type": "UserAssigned", "userAssignedIdentities": ["/mine"]}}
    outputs = echo(azure.containerservice.ManagedCluster, inputs)

    assert outputs == {"kubernetesVersion": "1.36", "identity": UNKNOWN}
    assert echo(None, inputs) == inputs


def test_a_custom_resource_without_a_name_gets_a_marker_for_it() -> None:
    outputs = custom_object_outputs("pool", {"kind": "NodePool", "metadata": {"labels": {"a": "b"}}})

    assert outputs["metadata"]["name"] == "${pool.metadata.name: string}"
    assert outputs["metadata"]["labels"] == {"a": "b"}
