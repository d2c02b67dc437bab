from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pulumi
import pytest

from infra.clusters.cluster import Cluster, SecretStore
from infra.preview import Plan
from infra.preview.checks import UNCHECKED, check_plan
from infra.serving.secrets import ServerSecrets, ServerSecretsArgs
from tests.infra.samples import children, on_cluster, waits_for

STORE, EXTERNAL = "kubernetes:external-secrets.io/v1:SecretStore", "kubernetes:external-secrets.io/v1:ExternalSecret"
AWS = SecretStore(provider={"aws": {"service": "SecretsManager", "region": "eu-west-1"}})
ARGS = ServerSecretsArgs(
    namespace="serving",
    secrets={"WANDB_API_KEY": "wandb", "ADMIN_TOKEN": "model-server-admin-token"},
    store=AWS,
    controller_class="ours",
    refresh_minutes=60,
)


def preview(args: ServerSecretsArgs = ARGS) -> Plan:
    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        del cluster
        pulumi.export("name", ServerSecrets("secrets", args, opts).secret_name)

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


def test_a_store_and_what_is_copied_from_it_are_in_the_servers_namespace(plan: Plan) -> None:
    metadata = [plan.one(type_).inputs["metadata"] for type_ in (STORE, EXTERNAL)]

    assert children(plan, "inference:serving:ServerSecrets") == Counter([STORE, EXTERNAL])
    assert [each["namespace"] for each in metadata] == ["serving", "serving"]
    assert plan.one(EXTERNAL).inputs["spec"]["secretStoreRef"] == {"kind": "SecretStore", "name": metadata[0]["name"]}
    assert waits_for(plan, plan.one(EXTERNAL), plan.one(STORE))
    assert {each.provider_name for each in plan.resources if each.parent and each.type in (STORE, EXTERNAL)} == {
        "plain"
    }


def test_the_stack_waits_for_the_values_and_pods_find_them_under_the_exported_name(plan: Plan) -> None:
    copied = plan.one(EXTERNAL)

    assert copied.inputs["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Ready"}
    assert copied.options["customTimeouts"] == {"create": "15m", "update": "15m"}
    assert plan.exports["name"] == copied.inputs["spec"]["target"]["name"] == copied.inputs["metadata"]["name"]


@pytest.mark.parametrize(
    "secrets",
    [
        {"ADMIN_TOKEN": "model-server-admin-token"},
        {"WANDB_API_KEY": "wandb", "ADMIN_TOKEN": "another"},
        {"WANDB_KEY": "wandb", "ADMIN_TOKEN": "model-server-admin-token"},
    ],
)
def test_other_variables_or_secrets_are_another_secret_so_that_pods_follow(
    plan: Plan, secrets: Mapping[str, str]
) -> None:
    changed = preview(replace(ARGS, secrets=secrets))

    assert changed.exports["name"] != plan.exports["name"]
    assert preview().exports["name"] == plan.exports["name"]


def test_no_built_in_kind_is_hidden_among_those_that_have_no_schema_here(plan: Plan) -> None:
    failures = [str(failure) for failure in check_plan(plan).failures]
    listed = {"external-secrets.io/ExternalSecret", "external-secrets.io/SecretStore"} & set(UNCHECKED)

    assert len(failures) == 2 - len(listed)
    assert all("has no check" in failure for failure in failures)
