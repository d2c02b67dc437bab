import json
from typing import Any

import pytest

from infra.monitoring.logging.loki import data_source, loki_store
from infra.settings.logs import LokiSettings

LABELS = {"cluster": "eks", "environment": "prod"}


def settings(url: str = "https://loki.example.com", **block: Any) -> LokiSettings:
    return LokiSettings.model_validate_json(json.dumps({"url": url, **block}))


LOGIN = {"userName": "123456", "password": "loki-token"}


def test_lines_bear_the_clusters_labels_and_few_more() -> None:
    output = loki_store(settings(), LABELS).output

    assert output["labels"] == (
        "cluster=eks, environment=prod, namespace=$kubernetes['namespace_name'], "
        "container=$kubernetes['container_name']"
    )


def test_what_has_many_values_makes_no_stream() -> None:
    output = loki_store(settings(), LABELS).output

    assert output["structured_metadata"] == "pod=$kubernetes['pod_name'], level=$level, trace_id=$trace_id"


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("https://loki.example.com", ("loki.example.com", 443, True)),
        ("https://loki.example.com:3100", ("loki.example.com", 3100, True)),
        ("http://loki-gateway.loki.svc", ("loki-gateway.loki.svc", 80, False)),
    ],
)
def test_lines_outside_the_cluster_are_encrypted(url: str, where: tuple[str, int, bool]) -> None:
    output = loki_store(settings(url), LABELS).output

    assert (output["host"], output["port"], output["tls"]) == where


def test_the_way_is_open_to_the_port_outside_and_to_the_services_pods_inside() -> None:
    (outside,) = loki_store(settings("https://loki.example.com:3100"), LABELS).egress
    (inside,) = loki_store(settings("http://loki-gateway.loki.svc"), LABELS).egress

    assert outside.get("ports") == [{"protocol": "TCP", "port": 3100}]
    assert inside == {"to": [{"namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": "loki"}}}]}


def test_a_password_comes_by_a_variable_out_of_the_secret_that_was_copied() -> None:
    store = loki_store(settings(basicAuth=LOGIN), LABELS, "copied")

    assert (store.output["http_user"], store.output["http_passwd"]) == ("123456", "${LOKI_PASSWORD}")
    assert store.secrets == {"LOKI_PASSWORD": ("copied", "loki-token")}
    assert "http_user" not in loki_store(settings(), LABELS, "copied").output
    assert loki_store(settings(), LABELS, "copied").secrets == {}


def test_a_tenant_is_told_where_there_is_one() -> None:
    assert loki_store(settings(tenant="ml"), LABELS).output["tenant_id"] == "ml"
    assert "tenant_id" not in loki_store(settings(), LABELS).output


def test_grafana_asks_the_same_loki_with_the_same_variable() -> None:
    source = data_source(settings(tenant="ml", basicAuth=LOGIN))

    assert (source["url"], source["basicAuthUser"]) == ("https://loki.example.com", "123456")
    assert source["jsonData"] == {"httpHeaderName1": "X-Scope-OrgID"}
    assert source["secureJsonData"] == {"httpHeaderValue1": "ml", "basicAuthPassword": "$LOKI_PASSWORD"}


def test_a_line_with_a_trace_links_to_it() -> None:
    (link,) = data_source(settings(), "jaeger")["jsonData"]["derivedFields"]

    assert (link["matcherType"], link["matcherRegex"], link["datasourceUid"]) == ("label", "trace_id", "jaeger")
    assert data_source(settings())["jsonData"] == {}
