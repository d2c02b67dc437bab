import base64

import pulumi
import pytest
import yaml

from infra.clusters.aks.kubeconfig import certificate_authority


def encoded(document: object) -> str:
    return base64.b64encode(yaml.safe_dump(document).encode()).decode()


def test_the_certificate_authority_is_taken_and_the_user_left() -> None:
    cluster = {"certificate-authority-data": "Q0E=", "server": "https://aks.example:443"}
    config = {"clusters": [{"name": "aks", "cluster": cluster}], "users": [{"name": "aks", "user": {"token": "t"}}]}

    assert certificate_authority(encoded(config)) == "Q0E="


def test_a_previews_placeholder_stays_as_it_is() -> None:
    assert certificate_authority("${aks.value: string}") == "${aks.value: string}"


@pytest.mark.parametrize("broken", ["not base64!", encoded({"clusters": []}), encoded("text"), encoded([1]), ""])
def test_anything_else_says_what_is_missing(broken: str) -> None:
    with pytest.raises(pulumi.RunError, match="names no certificate authority"):
        certificate_authority(broken)
