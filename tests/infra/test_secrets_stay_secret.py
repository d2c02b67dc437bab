"""A value planted wherever somebody could put a secret is in nothing that a preview writes or prints."""

import json
import shutil
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from infra.addons.external_secrets import MODEL_SERVER, ExternalSecrets, ExternalSecretsArgs
from infra.clusters.cluster import Cluster
from infra.copied_secrets import vault_store
from infra.preview import Plan
from infra.preview.__main__ import main
from infra.preview.manifests import manifests
from infra.preview.report import plain_plan
from infra.serving.secrets import ServerSecrets, ServerSecretsArgs
from infra.settings.secrets import VaultSettings
from tests.infra.samples import on_cluster

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PLANTED = "Planted-5ecret-value"
CREDENTIALS = (
    "ADMIN_TOKEN",
    "ARM_ACCESS_KEY",
    "ARM_CLIENT_SECRET",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_CLIENT_SECRET",
    "PULUMI_ACCESS_TOKEN",
    "PULUMI_CONFIG_PASSPHRASE",
    "VAULT_TOKEN",
)
"""Variables of the shell that runs `up`, by which clouds, Vault and Pulumi know who it is."""

VAULT = {
    "server": "https://vault.example.com:8200",
    "role": "model-server",
    "authMounts": {"eks": "kubernetes/eks", "aks": "kubernetes/aks"},
}
EXISTING: dict[str, Any] = {"context": "lab", "networkCidr": "10.8.0.0/16", "storageClass": "encrypted"}


def project(folder: Path, **blocks: dict[str, Any]) -> Path:
    """The program with the stack `prod` and more in some of its blocks."""
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(ROOT / name, folder)
    stack = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text(encoding="utf-8"))
    for name, block in blocks.items():
        stack["config"].setdefault(f"inference-platform:{name}", {}).update(block)
    (folder / "Pulumi.prod.yaml").write_text(yaml.safe_dump(stack), encoding="utf-8")
    return folder


def written(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files}


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    user = {"name": "lab", "user": {"token": PLANTED, "client-key-data": PLANTED}}
    context = {"name": "lab", "context": {"cluster": "lab", "user": "lab"}}
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump({"contexts": [context], "users": [user]}), encoding="utf-8")
    return path


def test_what_up_knows_or_the_shell_has_is_in_no_file_and_no_line(
    kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in CREDENTIALS:
        monkeypatch.setenv(name, PLANTED)
    (tmp_path / "project").mkdir()
    stack = project(
        tmp_path / "project",
        existing={**EXISTING, "kubeconfig": str(kubeconfig), "loadBalancer": {"class": "lab"}},
        image={"repository": "registry.example.com/model-server"},
        secrets={"vault": VAULT},
        backups={"url": "s3://backups-of-all/stacks"},
        monitoring={"logs": {"loki": {"url": "https://logs.example.com"}}},
    )
    made = [f"{name}-{what}" for name in ("eks", "aks", "existing") for what in ("prometheus", "mlflow-postgresql")]
    passwords = [f"output.{name}.result={PLANTED}" for name in made]
    options = [word for each in passwords for word in ("--set", each)]

    code = main(["--stack", "prod", "--json", "--out", str(tmp_path / "out"), *options], stack)

    printed, files = capsys.readouterr(), written(tmp_path / "out")
    assert code == 0, printed.err
    assert len(files) > 20
    assert [name for name, text in {**files, "out": printed.out, "err": printed.err}.items() if PLANTED in text] == []
    assert "${secret: string}" in files["plan.json"]


@pytest.mark.parametrize(
    "blocks",
    [
        {"adminToken": {"secure": PLANTED}},
        {"serving": {"secrets": {"ADMIN_TOKEN": {"secure": PLANTED}}}},
        {"serving": {"secrets": {"ADMIN_TOKEN": PLANTED}}},
        {"serving": {"secrets": {"ADMIN_TOKEN": {"value": PLANTED}}}},
        {"serving": {"secrets": PLANTED}},
        {"serving": {"adminToken": PLANTED}},
        {"model": {"adminToken": PLANTED}},
    ],
)
def test_a_value_in_the_stack_file_stops_the_program_and_is_not_repeated(
    blocks: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["--stack", "prod", "--out", str(tmp_path / "out")], project(tmp_path, **blocks))

    printed = capsys.readouterr()
    assert code == 2
    assert printed.err.startswith("Pulumi.prod.yaml: inference-platform:")
    assert PLANTED not in printed.out + printed.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("key", ["serving.secrets.ADMIN_TOKEN", "serving.secrets", "serving.adminToken"])
def test_a_value_on_the_command_line_stops_the_program_and_is_not_repeated(
    key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["--stack", "prod", "--out", str(tmp_path / "out"), "--set", f"{key}={PLANTED}"], ROOT)

    printed = capsys.readouterr()
    assert code == 2
    assert PLANTED not in printed.out + printed.err


@pytest.fixture(scope="module")
def copied() -> Plan:
    """The operator and what it copies, with a Vault, in a shell that has the values."""

    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        vault = VaultSettings.model_validate_json(
            json.dumps({"server": "https://vault.example.com", "role": "model-server"})
        )
        store = vault_store(vault, "existing")
        operator = ExternalSecrets(
            f"{cluster.name}-external-secrets",
            ExternalSecretsArgs(namespace="serving", account=MODEL_SERVER, identity=store.identity),
            opts,
        )
        args = ServerSecretsArgs(
            namespace="serving",
            secrets={"ADMIN_TOKEN": "model-server-admin-token"},
            store=store,
            controller_class=operator.controller_class,
            refresh_minutes=60,
        )
        secrets = ServerSecrets(f"{cluster.name}-secrets", args, opts)
        pulumi.export("secret", secrets.secret_name)

    with pytest.MonkeyPatch.context() as shell:
        for name in CREDENTIALS:
            shell.setenv(name, PLANTED)
        return on_cluster(build)


def test_the_stack_names_secrets_and_makes_none(copied: Plan) -> None:
    texts = [json.dumps(plain_plan(copied)), json.dumps(copied.exports), *(file.text for file in manifests(copied))]

    assert any("model-server-admin-token" in text for text in texts)
    assert [text for text in texts if PLANTED in text] == []
    assert copied.of_type("kubernetes:core/v1:Secret") == []
    assert MODEL_SERVER.name in {each.inputs.get("name") for each in copied.resources}
