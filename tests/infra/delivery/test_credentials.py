import json

import pytest

from infra.clusters.cluster import SecretStore
from infra.delivery.credentials import CredentialsArgs, credentials_spec
from infra.settings.delivery import ArgoCdSettings


@pytest.mark.parametrize(
    ("repository", "kind"),
    [("https://git.example.com/ml/manifests.git", "git"), ("oci://registry.example.com/ml/manifests", "oci")],
)
def test_argo_cd_finds_the_token_by_the_repositorys_address(repository: str, kind: str) -> None:
    settings = ArgoCdSettings.model_validate_json(json.dumps({"repository": repository, "token": "git-token"}))
    store = SecretStore(provider={"fake": {}})
    args = CredentialsArgs(
        settings=settings,
        token="git-token",
        workload="serving",
        namespace="argocd",
        store=store,
        controller_class="argocd-secrets",
        refresh_minutes=60,
    )

    spec = credentials_spec(args)

    assert spec["data"] == [{"secretKey": "password", "remoteRef": {"key": "git-token"}}]
    assert spec["target"]["name"] == "serving-repository"
    assert spec["target"]["template"] == {
        "metadata": {"labels": {"argocd.argoproj.io/secret-type": "repository"}},
        "data": {"type": kind, "url": repository, "username": "git", "password": "{{ .password }}"},
    }
