from typing import Any

from infra.preview import Plan
from tests.infra.clusters.aks.conftest import GROUP
from tests.infra.samples import waits_for

CLUSTER = "azure-native:containerservice:ManagedCluster"
ROLE = "azure-native:authorization:RoleAssignment"


def cluster(plan: Plan) -> Any:
    return plan.one(CLUSTER).inputs


def test_pods_have_an_overlay_cilium_enforces_policies_and_egress_has_addresses_of_its_own(aks: Plan) -> None:
    network = cluster(aks)["networkProfile"]

    assert (network["networkPlugin"], network["networkPluginMode"]) == ("azure", "overlay")
    assert (network["networkDataplane"], network["networkPolicy"]) == ("cilium", "cilium")
    assert network["outboundType"] == "userAssignedNATGateway"
    assert (network["podCidr"], network["serviceCidr"]) == ("10.244.0.0/16", "10.245.0.0/20")
    assert network["dnsServiceIP"] == "10.245.0.10"


def test_only_entra_identities_get_in(aks: Plan) -> None:
    found = cluster(aks)

    assert found["disableLocalAccounts"] is True
    assert found["enableRBAC"] is True
    assert found["aadProfile"]["managed"] is True
    assert found["aadProfile"]["adminGroupObjectIDs"] == [GROUP]


def test_azures_own_administrator_is_there_only_where_asked_for(shared_with_azure_ml: Plan) -> None:
    assert cluster(shared_with_azure_ml)["disableLocalAccounts"] is False


def test_the_api_is_private_unless_ranges_are_named(aks: Plan, changed: Plan) -> None:
    private = cluster(aks)["apiServerAccessProfile"]
    public = cluster(changed)["apiServerAccessProfile"]

    assert private["enablePrivateCluster"] is True
    assert private["enablePrivateClusterPublicFQDN"] is False
    assert "authorizedIPRanges" not in private
    assert public.get("enablePrivateCluster") is None
    assert public["authorizedIPRanges"] == ["198.51.100.0/24", "${azure-outbound.ipPrefix: string}"]
    assert private["disableRunCommand"] is public["disableRunCommand"] is True


def test_pods_may_be_azure_identities(aks: Plan) -> None:
    assert cluster(aks)["oidcIssuerProfile"] == {"enabled": True}
    assert cluster(aks)["securityProfile"] == {"workloadIdentity": {"enabled": True}}
    assert aks.exports["issuer"] == "${aks.oidcIssuerProfile.issuerURL: string}"


def test_the_one_inline_pool_is_for_azures_own_pods_and_never_edited(aks: Plan) -> None:
    (bootstrap,) = cluster(aks)["agentPoolProfiles"]

    assert (bootstrap["mode"], bootstrap["count"]) == ("System", 1)
    assert bootstrap["nodeTaints"] == ["CriticalAddonsOnly=true:NoSchedule"]
    assert aks.one(CLUSTER).ignore_changes == ["agentPoolProfiles"]


def test_the_cluster_starts_with_its_rights_and_its_way_out(aks: Plan) -> None:
    made = aks.one(CLUSTER)
    before = [*aks.of_type(ROLE), *aks.of_type("azure-native:network:Subnet")]

    assert len(before) == 5
    assert [each.name for each in before if not waits_for(aks, made, each)] == []


def test_each_identity_has_the_rights_it_needs_and_no_more(aks: Plan) -> None:
    given = {
        each.name: (each.inputs["principalId"], each.inputs["scope"], each.inputs["roleDefinitionId"][-12:])
        for each in aks.of_type(ROLE)
    }
    plane, kubelet = "${aks-control-plane.principalId: string}", "${aks-kubelet.principalId: string}"

    assert given == {
        "aks-joins-subnet": (plane, "${azure-nodes.id: string}", "c67834d212e7"),
        "aks-gives-kubelet": (plane, "${aks-kubelet.id: string}", "7a7467783830"),
        "aks-pulls": (kubelet, given["aks-pulls"][1], "43fe172d538d"),
    }
    assert given["aks-pulls"][1].endswith("/registries/r")


def test_identities_are_our_own(aks: Plan) -> None:
    found = cluster(aks)

    assert found["identity"]["type"] == "UserAssigned"
    assert found["identity"]["userAssignedIdentities"] == ["${aks-control-plane.id: string}"]
    assert found["identityProfile"] == {
        "kubeletidentity": {
            "resourceId": "${aks-kubelet.id: string}",
            "clientId": "${aks-kubelet.clientId: string}",
            "objectId": "${aks-kubelet.principalId: string}",
        }
    }


def test_the_autoscaler_tries_spot_first_and_removes_empty_model_nodes(aks: Plan) -> None:
    assert cluster(aks)["autoScalerProfile"] == {"expander": "priority", "skipNodesWithLocalStorage": "false"}


def test_patches_come_by_themselves_and_minor_versions_by_the_settings(aks: Plan) -> None:
    assert cluster(aks)["autoUpgradeProfile"] == {"upgradeChannel": "patch", "nodeOSUpgradeChannel": "NodeImage"}
    assert cluster(aks)["kubernetesVersion"] == "1.36"


def test_the_guarantee_is_paid_for_only_where_asked(aks: Plan, changed: Plan) -> None:
    assert cluster(aks)["sku"] == {"name": "Base", "tier": "Free"}
    assert cluster(changed)["sku"]["tier"] == "Standard"


def test_logs_are_kept_as_long_as_the_settings_say(changed: Plan) -> None:
    setting = changed.one("azure-native:monitor:DiagnosticSetting").inputs
    kept = {each["category"] for each in setting["logs"] if each["enabled"]}

    assert changed.one("azure-native:operationalinsights:Workspace").inputs["retentionInDays"] == 90
    assert setting["resourceUri"] == "${aks.id: string}"
    assert setting["workspaceId"] == "${aks-logs.id: string}"
    assert {"kube-audit-admin", "kube-apiserver", "cluster-autoscaler"} <= kept
    assert "kube-audit" not in kept


def test_deletion_protection_reaches_the_cluster(aks: Plan, changed: Plan) -> None:
    assert aks.one(CLUSTER).protect is False
    assert changed.one(CLUSTER).protect is True
