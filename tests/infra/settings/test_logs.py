import json
from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings.logs import LogSettings, LokiAddress
from infra.settings.messages import line

PLANTED = "Hunter2!planted"


def read(**block: Any) -> LogSettings:
    return LogSettings.model_validate_json(json.dumps(block))


def mistakes(**block: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        read(**block)
    return [line(error, LogSettings) for error in caught.value.errors()]


def test_lines_of_every_namespace_are_kept_for_a_month_with_the_clusters_cloud() -> None:
    found = read(cloud={})

    assert found.cloud
    assert found.cloud.retention_days == 30
    assert (found.loki, found.namespaces) == (None, ())


@pytest.mark.parametrize("block", [{}, {"cloud": {}, "loki": {"url": "https://loki.example.com"}}])
def test_there_is_one_store(block: dict[str, Any]) -> None:
    (mistake,) = mistakes(**block)

    assert "must have exactly one of cloud, loki" in mistake


@pytest.mark.parametrize("days", [30, 90, 365, 545])
def test_lines_are_kept_for_what_both_clouds_offer(days: int) -> None:
    found = read(cloud={"retentionDays": days}).cloud

    assert found
    assert found.retention_days == days


@pytest.mark.parametrize("days", [0, 7, 31, 730, 731, 3653])
def test_another_period_is_refused_with_those_that_there_are(days: int) -> None:
    assert mistakes(cloud={"retentionDays": days}) == [
        f"cloud.retentionDays must be one of 30, 60, 90, 120, 150, 180, 365, 400, 545, got {days}"
    ]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://logs-prod-012.grafana.net", LokiAddress("logs-prod-012.grafana.net", 443, None)),
        ("https://loki.example.com:3100", LokiAddress("loki.example.com", 3100, None)),
        ("http://loki-gateway.loki.svc", LokiAddress("loki-gateway.loki.svc", 80, "loki")),
        (
            "http://loki.observability.svc.cluster.local:3100",
            LokiAddress("loki.observability.svc.cluster.local", 3100, "observability"),
        ),
    ],
)
def test_a_loki_is_outside_with_tls_or_a_service_of_the_cluster(url: str, address: LokiAddress) -> None:
    found = read(loki={"url": url}).loki

    assert found
    assert found.address == address


@pytest.mark.parametrize(
    "url",
    [
        "http://loki.example.com",
        "https://loki.example.com/loki/api/v1/push",
        "https://loki.example.com:0",
        "https://loki.example.com:65536",
        f"https://user:{PLANTED}@loki.example.com",
        "loki.loki.svc:3100",
    ],
)
def test_another_address_is_refused_and_never_repeated(url: str) -> None:
    assert mistakes(loki={"url": url}) == [
        "loki.url must be https://host, or a Service of the cluster, as http://loki-gateway.loki.svc"
    ]


def test_a_password_is_the_name_of_a_secret_and_never_repeated() -> None:
    (mistake,) = mistakes(
        loki={"url": "https://loki.example.com", "basicAuth": {"userName": "123456", "password": PLANTED}}
    )

    assert mistake.startswith("loki.basicAuth.password must be the name of a secret in the store")
    assert PLANTED not in mistake


def test_namespaces_are_named_once_each() -> None:
    assert read(cloud={}, namespaces=["serving", "monitoring"]).namespaces == ("serving", "monitoring")
    assert mistakes(cloud={}, namespaces=["serving", "serving"]) == [
        'namespaces must name each once, got ["serving", "serving"]'
    ]
    assert len(mistakes(cloud={}, namespaces=["Serving_"])) == 1
