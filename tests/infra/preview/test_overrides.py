from typing import Any

import pytest

from infra.preview.errors import OverrideError
from infra.preview.markers import leaves
from infra.preview.overrides import Overrides
from infra.preview.wire import Secret

TYPE = "aws:ecr/repository:Repository"


def outputs() -> dict[str, Any]:
    return {
        "name": "models",
        "repositoryUrl": "${registry.repositoryUrl: string}",
        "port": "${registry.port: integer}",
        "status": {"ingress": [{"hostname": "${registry.status.ingress[0].hostname: string}"}]},
        "password": Secret("${registry.password: string}"),
        "keyArn": "${key.arn: string}",
    }


def filled(key: str, value: object) -> dict[str, Any]:
    overrides, found = Overrides({key: value}), outputs()
    overrides.fill(TYPE, "registry", found)
    overrides.verify()
    return dict(leaves(found))


@pytest.mark.parametrize(
    ("key", "value", "path", "result"),
    [
        ("registry.repositoryUrl", "012345", "repositoryUrl", "012345"),
        ("registry.port", "443", "port", 443),
        ("registry.status.ingress[0].hostname", "a.example.com", "status.ingress[0].hostname", "a.example.com"),
        ("registry.status.ingress.0.hostname", "a.example.com", "status.ingress[0].hostname", "a.example.com"),
        (f"{TYPE}::registry.port", 443, "port", 443),
    ],
)
def test_a_value_takes_the_place_of_its_marker(key: str, value: object, path: str, result: object) -> None:
    assert filled(key, value)[path] == result


def test_a_value_for_a_secret_output_stays_secret() -> None:
    overrides, found = Overrides({"registry.password": "hunter2"}), outputs()
    overrides.fill(TYPE, "registry", found)

    assert found["password"] == Secret("hunter2")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("registry.repositoryUri", "x", "did you mean output.registry.repositoryUrl"),
        ("registri.port", "1", "did you mean output.registry.port"),
        ("registry.keyArn", "x", "no output of that name is open"),
        ("registry.name", "x", "no output of that name is open"),
        ("registry.port", "high", "must be of type integer, got 'high'"),
        ("registry.status.ingress[1].hostname", "x", "no output of that name is open"),
    ],
)
def test_a_value_that_fits_nothing_is_refused(key: str, value: object, message: str) -> None:
    with pytest.raises(OverrideError, match=message.replace("[", r"\[")):
        filled(key, value)


def test_a_name_that_two_resources_share_must_be_told_apart() -> None:
    overrides = Overrides({"eks.arn": "x"})
    overrides.fill("aws:eks/cluster:Cluster", "eks", {"arn": "${eks.arn: string}"})
    overrides.fill("aws:iam/role:Role", "eks", {"arn": "${eks.arn: string}"})

    with pytest.raises(
        OverrideError, match=r"write output.aws:eks/cluster:Cluster::eks.arn or output.aws:iam/role:Role"
    ):
        overrides.verify()
