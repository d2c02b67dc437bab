import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.infra.audit.conftest import SUBSCRIPTION, TENANT, Audit, put_program, put_stack

PREFIX = f"/subscriptions/{SUBSCRIPTION}"
NODES = "MC_p-dev_aks1_northeurope"
NETWORK, DISK, ADDRESS = (
    f"{PREFIX}/resourceGroups/{group}/providers/Microsoft.{kind}"
    for group, kind in (
        ("p-dev", "Network/virtualNetworks/azure"),
        (NODES, "Compute/disks/pvc-1"),
        ("shared", "Network/publicIPAddresses/front"),
    )
)

Az = Callable[[dict[str, Any]], None]


@pytest.fixture
def az(checkout: Path, programs: Path) -> Az:
    """Puts a stand-in for the Azure CLI on PATH: it answers URLs that hold a text, and nothing to all others."""
    block = f"{{subscriptionId: {SUBSCRIPTION}, tenantId: {TENANT}, location: northeurope}}"
    put_stack(checkout, f"  p:azure: {block}\n")

    def put(answers: dict[str, Any]) -> None:
        cases: list[str] = []
        for number, (text, answer) in enumerate(answers.items()):
            (programs / f"{number}.json").write_text(json.dumps(answer), encoding="utf-8")
            cases.append(f"*'{text}'*) cat {programs}/{number}.json ;;")
        put_program(programs, "az", f"""case "$*" in {" ".join(cases)} *) echo '{{"value": []}}' ;; esac""")

    return put


def group(name: str, **more: str) -> dict[str, str]:
    return {"id": f"{PREFIX}/resourceGroups/{name}", "name": name, **more}


def resource(resource_id: str, **tags: str) -> dict[str, Any]:
    kind = "/".join(resource_id.split("/")[-3:-1])
    return {"id": resource_id, "type": kind, "tags": tags, "createdTime": "2026-11-01T00:00:00.1234567Z"}


def test_a_subscription_that_holds_nothing_of_the_stack_is_exit_code_0(az: Az, audit: Audit) -> None:
    az(
        {
            "/resourcegroups?": {
                "value": [group("p-dev2"), group("MC_p-dev2_aks_x", managedBy=f"{PREFIX}/resourcegroups/p-dev2/x")]
            }
        }
    )

    run = audit()

    assert (run.code, run.out) == (0, "p-dev: nothing left\n")


def test_groups_their_contents_and_what_has_tags_elsewhere_are_found(az: Az, audit: Audit) -> None:
    cluster = f"{PREFIX}/resourcegroups/P-DEV/providers/Microsoft.ContainerService/managedClusters/aks1"
    az(
        {
            "/resourcegroups?": {"value": [group("p-dev"), group("other"), group(NODES, managedBy=cluster)]},
            "/resourceGroups/p-dev/resources": {"value": [resource(NETWORK)]},
            f"/resourceGroups/{NODES}/resources": {"value": [resource(DISK)]},
            "/resources?": {
                "value": [
                    resource(ADDRESS, project="p", stack="dev"),
                    resource(f"{ADDRESS}2", project="other", stack="dev"),
                    resource(NETWORK, project="p", stack="dev"),
                ]
            },
        }
    )

    run = audit("--json")

    assert run.code == 1
    assert run.found == {
        ("resource group", f"{PREFIX}/resourceGroups/p-dev"),
        ("resource group", f"{PREFIX}/resourceGroups/{NODES}"),
        ("Microsoft.Network/virtualNetworks", NETWORK),
        ("Microsoft.Compute/disks", DISK),
        ("Microsoft.Network/publicIPAddresses", ADDRESS),
    }


def test_a_line_says_who_made_it_how_old_it_is_and_how_to_delete_it(az: Az, audit: Audit) -> None:
    cluster = f"{PREFIX}/resourcegroups/p-dev/providers/Microsoft.ContainerService/managedClusters/aks1"
    az(
        {
            "/resourcegroups?": {"value": [group(NODES, managedBy=cluster)]},
            f"/resourceGroups/{NODES}/resources": {"value": [resource(DISK)]},
        }
    )

    lines = audit().out.splitlines()

    assert lines[0].startswith(f"Microsoft.Compute/disks  {DISK}  ")
    assert lines[0].endswith(" days")
    assert lines[1:3] == ["    made by AKS for the nodes of aks1", f"    az resource delete --ids {DISK}"]
    assert f"    az group delete --subscription {SUBSCRIPTION} --name {NODES}" in lines


def test_every_page_is_read(az: Az, audit: Audit) -> None:
    second = "https://management.azure.com/the-second-page"
    az({"/resourcegroups?": {"value": [group("other")], "nextLink": second}, second: {"value": [group("p-dev")]}})

    assert audit("--json").found == {("resource group", f"{PREFIX}/resourceGroups/p-dev")}


def test_a_deleted_vault_is_said_and_not_counted(az: Az, audit: Audit) -> None:
    vaults = [
        {
            "name": f"{name}-vault",
            "properties": {
                "vaultId": f"{PREFIX}/resourceGroups/{name}/providers/x",
                "scheduledPurgeDate": "2027-02-01T00:00:00Z",
            },
        }
        for name in ("p-dev", "p-dev2")
    ]
    az({"deletedVaults": {"value": vaults}})

    run = audit()

    assert run.code == 0
    assert run.out.splitlines() == ["deleted key vault  p-dev-vault: purged on 2027-02-01", "p-dev: nothing left"]


def test_what_the_state_has_is_left_out_however_azure_spells_it(az: Az, audit: Audit) -> None:
    az(
        {
            "/resources?": {
                "value": [resource(NETWORK, project="p", stack="dev"), resource(ADDRESS, project="p", stack="dev")]
            }
        }
    )
    kind = "azure-native:network:VirtualNetwork"
    state = [{"urn": f"urn:pulumi:dev::p::{kind}::n", "type": kind, "custom": True, "id": NETWORK.upper()}]

    assert audit("--json", state=state).found == {("Microsoft.Network/publicIPAddresses", ADDRESS)}


def test_a_denied_call_is_no_empty_answer(programs: Path, az: Az, audit: Audit) -> None:
    az({})
    denied = """case "$*" in *deletedVaults*) echo '{"code": "AuthorizationFailed"}' >&2; exit 1 ;;"""
    put_program(programs, "az", f"""{denied} *) echo '{{"value": []}}' ;; esac""")

    run = audit()

    assert run.code == 2
    assert run.out.splitlines() == [
        f'not looked at, Azure {SUBSCRIPTION}: deleted key vaults: {{"code": "AuthorizationFailed"}}; '
        "give the caller the role Reader on the subscription",
        "p-dev: 0 left where one could look, and 1 not looked at",
    ]


def test_nobody_signed_in_is_one_line(programs: Path, az: Az, audit: Audit) -> None:
    az({})
    put_program(programs, "az", "echo 'Please run az login to set up an account.' >&2; exit 1")

    run = audit()

    assert run.code == 2
    assert len([line for line in run.out.splitlines() if line.startswith("not looked at")]) == 1
    assert f"az login --tenant {TENANT}" in run.out
