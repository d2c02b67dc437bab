import base64
import json
from typing import Any

import pulumi
import pulumi_azure_native as azure
import pytest
import yaml

from infra.clusters.aks import AksCluster
from infra.clusters.aks.agent_pools import SPOT_TAINT
from infra.clusters.cluster import Cluster
from infra.clusters.gpu import NODE_LABEL, NODE_TAINT
from infra.managed.azure_ml.attached_cluster import AttachableCluster
from infra.preview import Plan, run
from infra.preview.checks import check_plan
from infra.stack_images import Images
from infra.workloads import run_on
from tests.infra.clusters.aks.conftest import aks_settings, make_cluster, preview_aks
from tests.infra.samples import children, settings, waits_for

PROVIDER = "pulumi:providers:kubernetes"
IMAGES = Images(model="registry.example/model-server@sha256:0")
POOL = "azure-native:containerservice:AgentPool"
CREDENTIALS = "azure-native:containerservice:listManagedClusterUserCredentials.kubeconfigs[0].value"


@pytest.fixture(scope="module")
def served() -> Plan:
    """The cluster with all that the first cloud's clusters run."""

    def program() -> None:
        cluster: Cluster = make_cluster(aks_settings(gpuTimeSlices=2))
        run_on(cluster, settings({"serving.exposure": "network"}), IMAGES)

    return run(program, {})


@pytest.mark.parametrize(
    ("component", "owned"),
    [
        ("AksCluster", ["AksControlPlane", "AksIdentities", "AgentPool", "AgentPool", "AgentPool", "ConfigMap",
                        "StorageClass", "kubernetes"]),
        ("AksControlPlane", ["AksLogs", "ManagedCluster"]),
        ("AksIdentities", ["RoleAssignment"] * 3 + ["UserAssignedIdentity"] * 2),
        ("AksLogs", ["DiagnosticSetting", "Workspace"]),
    ],
)  # fmt: skip
def test_each_component_is_the_parent_of_its_parts(aks: Plan, component: str, owned: list[str]) -> None:
    found = children(aks, f"inference:clusters:{component}")

    assert sorted(type_.rpartition(":")[2] for type_ in found.elements()) == sorted(owned)


def test_every_input_fits_its_schema(aks: Plan, changed: Plan, shared_with_azure_ml: Plan) -> None:
    assert [
        str(failure) for plan in (aks, changed, shared_with_azure_ml) for failure in check_plan(plan).failures
    ] == []


def test_every_taggable_resource_carries_the_stacks_tags(aks: Plan) -> None:
    tagged = {item.type.rpartition(":")[2] for item in aks.resources if item.inputs.get("tags")}
    tags = [item.inputs["tags"] for item in aks.resources if "tags" in item.inputs]

    assert tagged == {
        "AgentPool", "ManagedCluster", "NatGateway", "NetworkSecurityGroup", "PublicIPPrefix", "ResourceGroup",
        "UserAssignedIdentity", "VirtualNetwork", "Workspace",
    }  # fmt: skip
    assert all(each == {"owner": "ml-platform", "stack": "test"} for each in tags)


def test_the_kubeconfig_is_the_same_text_at_every_run_and_holds_no_credentials(aks: Plan, changed: Plan) -> None:
    provider = aks.one(PROVIDER)
    config = json.loads(provider.inputs["kubeconfig"])
    public = json.loads(changed.one(PROVIDER).inputs["kubeconfig"])
    (user,) = config["users"]

    assert provider.inputs["clusterIdentifier"] == "${aks.id: string}"
    assert set(user["user"]) == {"exec"}
    assert user["user"]["exec"]["command"] == "kubelogin"
    assert user["user"]["exec"]["args"] == [
        "get-token", "--login", "azurecli", "--server-id", "6dae42f8-4368-4678-94ff-3960e28e3630",
        "--tenant-id", "11111111-1111-1111-1111-111111111111",
    ]  # fmt: skip
    assert config["clusters"][0]["cluster"] == {
        "server": "https://${aks.privateFQDN: string}:443",
        "certificate-authority-data": f"${{{CREDENTIALS}: string}}",
    }
    assert public["clusters"][0]["cluster"]["server"] == "https://${aks.fqdn: string}:443"


def test_of_azures_own_kubeconfig_only_the_certificate_authority_is_kept() -> None:
    cluster = {"certificate-authority-data": "Q0E=", "server": "https://elsewhere.example"}
    azures = {"clusters": [{"cluster": cluster}], "users": [{"name": "admin", "user": {"token": "secret-token"}}]}
    value = base64.b64encode(yaml.safe_dump(azures).encode()).decode()

    plan = preview_aks(outputs={CREDENTIALS: value})

    kubeconfig = plan.one(PROVIDER).inputs["kubeconfig"]
    assert json.loads(kubeconfig)["clusters"][0]["cluster"]["certificate-authority-data"] == "Q0E="
    assert "secret-token" not in str(plan)


def test_nothing_is_put_on_the_cluster_before_nodes_are_there_and_gpu_nodes_hold_nothing_up(aks: Plan) -> None:
    provider = aks.one(PROVIDER)

    assert waits_for(aks, provider, aks.one(POOL, "aks-system"))
    assert not waits_for(aks, provider, aks.one(POOL, "aks-t4spot"))


def test_shared_volumes_are_encrypted_on_the_way_and_need_no_key(aks: Plan) -> None:
    storage = aks.one("kubernetes:storage.k8s.io/v1:StorageClass").inputs

    assert storage["metadata"]["name"] == AksCluster.shared_storage_class
    assert storage["provisioner"] == "file.csi.azure.com"
    assert storage["parameters"] == {"protocol": "nfs", "skuName": "Premium_LRS", "encryptInTransit": "true"}


def test_the_autoscaler_finds_its_priorities_where_it_looks(aks: Plan) -> None:
    priorities = aks.one("kubernetes:core/v1:ConfigMap").inputs
    ranked = yaml.safe_load(priorities["data"]["priorities"])
    names = {each.name: each.inputs["agentPoolName"] for each in aks.of_type(POOL)}

    assert priorities["metadata"]["name"] == "cluster-autoscaler-priority-expander"
    assert priorities["metadata"]["namespace"] == "kube-system"
    assert ranked == {20: [f"aks-{names['aks-t4spot']}-.*"], 10: [f"aks-{names['aks-t4']}-.*"]}


def test_a_first_preview_knows_nothing_of_azure_and_still_sees_every_resource(aks: Plan) -> None:
    unknown = preview_aks(preview=True)

    assert {item.urn for item in unknown.resources} == {item.urn for item in aks.resources}


def test_what_runs_on_other_clusters_runs_here_unchanged(served: Plan) -> None:
    assert [str(failure) for failure in check_plan(served).failures] == []
    assert {item.type for item in served.resources if not item.custom} >= {
        "inference:serving:ModelServer", "inference:addons:GpuOperator", "inference:monitoring:Prometheus",
    }  # fmt: skip


def test_model_servers_run_on_our_gpu_nodes_spot_first(served: Plan) -> None:
    pod = served.one("kubernetes:apps/v1:Deployment", "aks-model-server").inputs["spec"]["template"]["spec"]
    (preference,) = pod["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]

    tolerated = {(each["key"], each["value"], each["effect"]) for each in pod["tolerations"]}
    assert tolerated == {NODE_TAINT, SPOT_TAINT}
    assert pod["nodeSelector"] == dict([NODE_LABEL])
    assert preference["preference"]["matchExpressions"] == [
        {"key": "kubernetes.azure.com/scalesetpriority", "operator": "In", "values": ["spot"]}
    ]
    assert pod["terminationGracePeriodSeconds"] < 30


def test_a_model_server_waits_for_gpu_nodes_priorities_and_storage(served: Plan) -> None:
    server = served.one("kubernetes:apps/v1:Deployment", "aks-model-server")
    needed = [
        served.one(POOL, "aks-t4spot"),
        served.one("kubernetes:core/v1:ConfigMap", "aks-autoscaler-priorities"),
        served.one("kubernetes:storage.k8s.io/v1:StorageClass"),
    ]

    assert [each.name for each in needed if not waits_for(served, server, each)] == []


def test_the_gpu_operator_uses_the_driver_and_runtime_of_azures_images(served: Plan) -> None:
    values = served.one("kubernetes:helm.sh/v3:Release", "aks-gpu-operator").inputs["values"]
    tolerated = {(each["key"], each["value"], each["effect"]) for each in values["daemonsets"]["tolerations"]}

    assert values["operator"] == {"runtimeClass": "nvidia-container-runtime"}
    assert (values["driver"], values["toolkit"]) == ({"enabled": False}, {"enabled": False})
    assert tolerated == {NODE_TAINT, SPOT_TAINT}


def test_the_gpu_operator_reaches_azure_mls_nodes_and_the_model_server_stays_off_them() -> None:
    azure_ml = {"vmSize": "Standard_NC4as_T4_v3", "max": 2, "capacity": "on-demand", "azureMl": True}
    own = {"vmSize": "Standard_NC4as_T4_v3", "max": 4}

    def program() -> None:
        cluster = make_cluster(aks_settings(gpuPools={"own": own, "ml": azure_ml}))
        run_on(cluster, settings(), IMAGES)

    plan = run(program, {})
    tainted = plan.one(POOL, "aks-ml").inputs
    operator = plan.one("kubernetes:helm.sh/v3:Release", "aks-gpu-operator").inputs["values"]["daemonsets"]
    pod = plan.one("kubernetes:apps/v1:Deployment", "aks-model-server").inputs["spec"]["template"]["spec"]
    tolerated = {f"{each['key']}={each['value']}:{each['effect']}" for each in operator["tolerations"]}

    assert set(tainted["nodeTaints"]) <= tolerated
    assert pod["nodeSelector"].items().isdisjoint(tainted["nodeLabels"].items())
    assert pod["nodeSelector"].items() <= plan.one(POOL, "aks-own").inputs["nodeLabels"].items()


def test_azure_ml_is_told_where_to_attach_and_which_nodes_are_its() -> None:
    found: list[AksCluster] = []
    azure_ml = {"vmSize": "Standard_NC4as_T4_v3", "max": 2, "capacity": "on-demand", "azureMl": True}

    def program() -> None:
        cluster = make_cluster(aks_settings(gpuPools={"ml": azure_ml}, systemPool={"nodes": 3}))
        attachable: AttachableCluster = cluster
        found.append(cluster)
        pulumi.export("attached", [attachable.cluster_id, attachable.cluster_name])

    plan = run(program, {})
    (cluster,) = found

    assert plan.exports["attached"] == ["${aks.id: string}", "${aks.name: string}"]
    assert cluster.system_nodes == 3
    assert dict([cluster.azure_ml_label]).items() <= plan.one(POOL, "aks-ml").inputs["nodeLabels"].items()


def test_clients_of_the_network_keep_their_address_and_are_let_in_by_it(served: Plan) -> None:
    service = served.one("kubernetes:core/v1:Service", "aks-model-server").inputs
    policy = served.one("kubernetes:networking.k8s.io/v1:NetworkPolicy", "aks-model-server").inputs
    sources = [source for rule in policy["spec"]["ingress"] for source in rule["from"]]

    assert service["metadata"]["annotations"] == {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"}
    assert service["spec"]["externalTrafficPolicy"] == "Local"
    assert {"ipBlock": {"cidr": "10.32.0.0/16"}} in sources


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"network_profile": {"network_plugin": "azure", "networkDataplan": "cilium"}}, "networkProfile"),
        ({"agent_pool_profiles": [{"count": "one", "name": "x"}]}, "agentPoolProfiles[0].count"),
        ({"sku": {"name": 3}}, "sku.name"),
        ({"api_server_access_profile": {"enable_private_cluster": "yes"}}, "apiServerAccessProfile"),
    ],
)
def test_a_planted_mistake_is_found(wrong: dict[str, Any], path: str) -> None:
    make: Any = azure.containerservice.ManagedCluster

    def program() -> None:
        make("bad", resource_group_name="platform", **wrong)

    assert [failure.problem.path.startswith(path) for failure in check_plan(run(program, {})).failures] == [True]
