"""Credentials as clusters hand them to pods, without a key in the environment."""

import json
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.inference_app.pull.process import Pull
from tests.loopback import Loopback, Request, Response

pytestmark = pytest.mark.slow


def without(pull: Pull, *names: str) -> Pull:
    return Pull(pull.repository, {name: value for name, value in pull.environment.items() if name not in names})


def answers(status: int, content: object) -> Callable[[Request], Response]:
    response = Response(status=status, headers={"Content-Type": "application/json"}, body=json.dumps(content).encode())
    return lambda _: response


def in_pod(pull: Pull, agent: Loopback, token: Path) -> Pull:
    """What EKS adds to a pod (https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html)."""
    token.write_text("the pod's token")
    return without(pull, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY").but(
        AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{agent.url}/v1/credentials",
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(token),
    )


def test_pod_identity_of_eks(pull: Pull, tmp_path: Path) -> None:
    keys = {"AccessKeyId": "key", "SecretAccessKey": "secret", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"}
    with Loopback(answers(HTTPStatus.OK, keys)) as agent:
        outcome = in_pod(pull, agent, tmp_path / "token").run()
        (asked,) = agent.requests

    assert outcome.code == 0, outcome.error
    assert (asked.path, asked.headers["authorization"]) == ("/v1/credentials", "the pod's token")


def test_a_pod_without_an_association_says_so(pull: Pull, tmp_path: Path) -> None:
    denied = {"message": "AccessDeniedException: no association"}
    with Loopback(answers(HTTPStatus.BAD_REQUEST, denied)) as agent:
        error = in_pod(pull, agent, tmp_path / "token").fails()

    assert "400 Bad Request" in error
    assert "no association" in error


def test_workload_identity_of_azure(tmp_path: Path) -> None:
    """What AKS adds to a pod (https://azure.github.io/azure-workload-identity/docs/quick-start.html)."""

    granted = answers(HTTPStatus.OK, {"access_token": "ours", "expires_in": 3600, "token_type": "Bearer"})
    token = tmp_path / "token"
    token.write_text("the-pods-token")
    with Loopback(granted) as azure:
        variables = {
            "MODEL_SOURCE": "https://modelstore.blob.core.windows.net/models",
            "MODEL_SOURCE_RETRY_SECONDS": "0",
            "AZURE_STORAGE_ENDPOINT": azure.url,
            "AZURE_CLIENT_ID": "client",
            "AZURE_TENANT_ID": "tenant",
            "AZURE_FEDERATED_TOKEN_FILE": str(token),
            "AZURE_AUTHORITY_HOST": f"{azure.url}/",
        }
        Pull(tmp_path / "models", variables).fails()
        login = azure.requests[0]

    assert login.path == "/tenant/oauth2/v2.0/token"
    assert b"client_assertion=the-pods-token" in login.body
    assert b"client_id=client" in login.body
    assert b"scope=https%3A%2F%2Fstorage.azure.com%2F.default" in login.body
