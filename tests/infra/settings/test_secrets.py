import json
from typing import Any

import pytest
from pydantic import ValidationError

from inference_app.contract import Env
from infra.addons.external_secrets import MODEL_SERVER, MONITORING, NAMESPACE
from infra.settings.messages import line
from infra.settings.model import Settings
from infra.settings.secrets import SECRET_VARIABLES, SecretSettings, VaultSettings
from infra.settings.serving import RESERVED_NAMESPACES, ServingSettings

VAULT = {"server": "https://vault.example.com:8200", "role": "model-server"}
MARKER = "Hunter2!planted"


def mistakes(model: type[Settings], document: object) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate_json(json.dumps(document))
    return [line(error, model) for error in caught.value.errors()]


def read(**block: Any) -> SecretSettings:
    return SecretSettings.model_validate_json(json.dumps(block))


def test_without_settings_secrets_are_in_each_clusters_cloud_and_read_once_an_hour() -> None:
    assert (read().vault, read().refresh_minutes) == (None, 60)
    assert ServingSettings.model_validate_json("{}").secrets == {}


def test_a_variable_takes_the_name_of_a_secret() -> None:
    names = {"ADMIN_TOKEN": "model-server-admin-token", "API_KEYS": "model-server-api-keys", "WANDB_API_KEY": "wandb"}
    document = {"secrets": names}

    assert ServingSettings.model_validate_json(json.dumps(document)).secrets == document["secrets"]


@pytest.mark.parametrize("name", ["a", "1", "a" * 127, "model-server-admin-token"])
def test_names_that_every_store_takes_are_taken(name: str) -> None:
    assert ServingSettings.model_validate_json(json.dumps({"secrets": {"ADMIN_TOKEN": name}})).secrets


@pytest.mark.parametrize("name", ["", "-a", "a-", "a" * 128, "team/token", "token_of_ours", "Token", "a.b", "a\n"])
def test_names_that_a_store_refuses_or_reads_differently_are_refused(name: str) -> None:
    assert mistakes(ServingSettings, {"secrets": {"ADMIN_TOKEN": name}}) == [
        "secrets.ADMIN_TOKEN must be the name of a secret in the store: at most 127 lower-case letters, digits and "
        "hyphens"
    ]


@pytest.mark.parametrize("variable", sorted(set(Env) - set(SECRET_VARIABLES)))
def test_a_setting_of_the_server_that_is_no_secret_stays_the_stacks(variable: str) -> None:
    (mistake,) = mistakes(ServingSettings, {"secrets": {variable: "a-secret"}})

    assert mistake.startswith(f"secrets.{variable} must be {', '.join(SECRET_VARIABLES)} or a name of your own")


@pytest.mark.parametrize("variable", ["admin_token", "1TOKEN", "TOKEN-A", "_TOKEN", "A" * 64])
def test_a_variable_is_one_that_every_shell_knows(variable: str) -> None:
    (mistake,) = mistakes(ServingSettings, {"secrets": {variable: "a-secret"}})

    assert mistake.startswith(f"secrets.{variable} must match ^[A-Z]")


@pytest.mark.parametrize(
    ("model", "document"),
    [
        (ServingSettings, {"secrets": MARKER}),
        (ServingSettings, {"secrets": [MARKER]}),
        (ServingSettings, {"secrets": {"ADMIN_TOKEN": MARKER}}),
        (ServingSettings, {"secrets": {"ADMIN_TOKEN": {"value": MARKER}}}),
        (ServingSettings, {"secrets": {"ADMIN_TOKEN": [MARKER]}}),
        (SecretSettings, {"token": MARKER}),
        (SecretSettings, {"vault": {**VAULT, "token": MARKER}}),
        (SecretSettings, {"vault": {**VAULT, "server": f"https://root:{MARKER}@vault.example.com"}}),
        (SecretSettings, {"vault": {**VAULT, "ca": f"-----BEGIN PRIVATE KEY-----\n{MARKER}"}}),
    ],
)
def test_a_secret_in_the_place_of_its_name_is_refused_and_not_repeated(
    model: type[Settings], document: dict[str, Any]
) -> None:
    told = mistakes(model, document)

    assert len(told) == 1
    assert MARKER not in told[0]


def test_a_vault_is_where_vaults_usually_are_unless_the_settings_say_otherwise() -> None:
    usual = VaultSettings.model_validate_json(json.dumps(VAULT))
    other = VaultSettings.model_validate_json(json.dumps({**VAULT, "authMounts": {"eks": "clusters/eks"}}))

    assert (usual.path, usual.namespace, usual.ca) == ("secret", None, None)
    assert usual.auth_mount("existing") == other.auth_mount("aks") == "kubernetes"
    assert other.auth_mount("eks") == "clusters/eks"


def test_the_settings_reference_says_whom_a_vault_must_trust() -> None:
    described = VaultSettings.model_fields["role"].description or ""

    assert f"account `{MODEL_SERVER.name}` of namespace `{MODEL_SERVER.namespace}`" in described
    assert f"of\n`{MONITORING.namespace}` where" in described
    assert MODEL_SERVER.name == MONITORING.name


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"server": "http://vault.example.com"}, "vault.server must be as https://vault.example.com:8200"),
        ({"server": "https://vault.example.com/v1"}, "vault.server must be as https://vault.example.com:8200"),
        ({"ca": "not a certificate"}, "vault.ca must be certificates in PEM"),
        ({"authMounts": {"gke": "a"}}, "vault.authMounts.gke must be one of eks, aks or existing, got gke"),
        ({"path": "/secret"}, "vault.path must match ^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$, got /secret"),
    ],
)
def test_a_mistake_in_a_vaults_settings_says_what_is_wrong(changes: dict[str, Any], mistake: str) -> None:
    assert mistakes(SecretSettings, {"vault": {**VAULT, **changes}}) == [mistake]


@pytest.mark.parametrize("minutes", [0, 1441])
def test_copies_are_refreshed_between_once_a_minute_and_once_a_day(minutes: int) -> None:
    (mistake,) = mistakes(SecretSettings, {"refreshMinutes": minutes})

    assert mistake.startswith("refreshMinutes must be at ")


def test_no_model_server_can_have_an_operators_namespace() -> None:
    assert {MODEL_SERVER.namespace, MONITORING.namespace, NAMESPACE} <= set(RESERVED_NAMESPACES)
