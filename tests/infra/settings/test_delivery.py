import json
from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings.delivery import DeliverySettings, Owner
from infra.settings.messages import line
from infra.settings.stack import StackSettings
from tests.infra.samples import AKS, AZURE, REMOVED, blocks, settings

REPOSITORY = "https://git.example.com/ml/manifests.git"


def block(**changes: object) -> dict[str, Any]:
    return {"argocd": {"repository": REPOSITORY, **changes}}


def read(**changes: object) -> DeliverySettings:
    return DeliverySettings.model_validate_json(json.dumps(block(**changes)))


def mistakes(changes: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        StackSettings.model_validate_json(json.dumps(blocks(changes)))
    return [line(error, StackSettings) for error in caught.value.errors()]


def test_a_repository_is_enough_and_takes_nothing_away_from_a_stack_that_runs() -> None:
    delivery = read()

    assert delivery.owner is Owner.PROGRAM
    assert not delivery.is_elsewhere
    assert (delivery.argocd.revision, delivery.argocd.path, delivery.argocd.namespace) == ("main", ".", None)


@pytest.mark.parametrize(
    ("repository", "is_artefact"), [(REPOSITORY, False), ("oci://registry.example.com:5000/ml/manifests", True)]
)
def test_manifests_are_in_git_or_in_a_registry(repository: str, is_artefact: bool) -> None:
    assert read(repository=repository).argocd.is_artefact is is_artefact


@pytest.mark.parametrize(
    "repository",
    ["https://me:hunter2@git.example.com/ml.git", "git@git.example.com:ml.git", "http://git.example.com/a"],
)
def test_a_repository_is_asked_without_a_password_in_its_address_and_none_is_shown(repository: str) -> None:
    (mistake,) = mistakes({"delivery": block(repository=repository)})

    assert mistake.startswith(
        "delivery.argocd.repository must be as https://git.example.com/ml/manifests.git or oci://"
    )
    assert repository not in mistake


@pytest.mark.parametrize("path", ["/manifests", "../other", "a/../b", "a/", ""])
def test_a_path_stays_in_the_repository(path: str) -> None:
    (mistake,) = mistakes({"delivery": block(path=path)})

    assert mistake.startswith("delivery.argocd.path must match ")


def test_there_is_something_to_deliver() -> None:
    (mistake,) = mistakes({"delivery": block(), "serving": REMOVED})

    assert mistake == "delivery needs the block serving, which is absent; add it or remove delivery"


def test_a_token_has_a_store() -> None:
    changes = {"delivery": block(token="git-token"), "azure": AZURE, "aks": AKS}
    (mistake,) = mistakes(changes)

    assert mistake.startswith("aks.keyVault must be given where delivery.argocd.token and aks are")
    assert settings({**changes, "aks": {**AKS, "keyVault": {}}}).delivery
