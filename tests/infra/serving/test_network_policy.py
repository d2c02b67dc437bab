from typing import Any

from infra.serving import network_policy
from infra.settings.source import SourceSettings

LABELS = {"app": "it"}
DNS = {
    "to": [
        {
            "namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": "kube-system"}},
            "pod_selector": {"match_labels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
}
ANYWHERE = [{"ip_block": {"cidr": "0.0.0.0/0"}}, {"ip_block": {"cidr": "::/0"}}]


def source(**keys: object) -> SourceSettings:
    return SourceSettings.model_validate(keys)


def ways(made: SourceSettings | None, collector: tuple[str, int] | None = None) -> Any:
    return network_policy.ways_out(collector, made)


def namespace(name: str) -> dict[str, object]:
    return {"namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": name}}}


def tcp(number: int) -> list[dict[str, object]]:
    return [{"protocol": "TCP", "port": number}]


def test_a_server_with_its_models_that_sends_no_traces_goes_nowhere() -> None:
    made = network_policy.spec(LABELS, [8080], network_policy.clients(["shop"], []), ways(None))

    assert made.get("policy_types") == ["Ingress", "Egress"]
    assert "egress" not in made


def test_clients_reach_every_port_of_the_server_and_no_other() -> None:
    made: Any = network_policy.spec(LABELS, [8080, 8081], network_policy.clients(["shop"], ["192.0.2.0/24"]), [])

    assert made["pod_selector"] == {"match_labels": LABELS}
    assert made["ingress"] == [
        {"from_": [namespace("shop")], "ports": [*tcp(8080), *tcp(8081)]},
        {"from_": [{"ip_block": {"cidr": "192.0.2.0/24"}}], "ports": [*tcp(8080), *tcp(8081)]},
    ]


def test_a_pull_from_s3_reaches_https_and_the_agent_that_has_its_credentials() -> None:
    made = ways(source(url="s3://models"))

    assert made == [
        DNS,
        {"to": ANYWHERE, "ports": tcp(443)},
        {
            "to": [{"ip_block": {"cidr": "169.254.170.23/32"}}, {"ip_block": {"cidr": "fd00:ec2::23/128"}}],
            "ports": tcp(80),
        },
    ]
    assert network_policy.spec(LABELS, [8080], [], made).get("policy_types") == ["Ingress", "Egress"]


def test_a_pull_from_blob_storage_reaches_https_where_its_login_is_too() -> None:
    made = ways(source(url="https://modelstore.blob.core.windows.net/models"))

    assert made == [DNS, {"to": ANYWHERE, "ports": tcp(443)}]


def test_a_pull_from_a_store_in_the_cluster_reaches_that_one_only() -> None:
    made = ways(source(url="s3://models", endpoint="http://minio.storage.svc.cluster.local:9000"))

    assert made == [DNS, {"to": [namespace("storage")], "ports": tcp(9000)}]


def test_a_pull_from_another_store_outside_reaches_its_port_only() -> None:
    made = ways(source(url="s3://models", endpoint="https://objects.example.com:9443"))

    assert made == [DNS, {"to": ANYWHERE, "ports": tcp(9443)}]
    assert ways(source(url="s3://models", endpoint="https://objects.example.com"))[1]["ports"] == tcp(443)


def test_what_nodes_mount_opens_nothing_to_the_pod() -> None:
    nfs = {"server": "10.0.0.4", "path": "/exports/models"}

    assert [ways(source(**keys)) for keys in ({"size": "1Gi"}, {"claim": "a"}, {"nfs": nfs})] == [[], [], []]


def test_traces_go_to_their_collector_beside_a_pull() -> None:
    made = ways(source(url="https://modelstore.blob.core.windows.net/models"), ("tracing", 4318))

    assert made == [
        DNS,
        {"to": [namespace("tracing")], "ports": tcp(4318)},
        {"to": ANYWHERE, "ports": tcp(443)},
    ]


def test_a_pull_from_mlflow_reaches_its_pods_only() -> None:
    assert ways(source(mlflow="models:/digits@champion")) == [DNS, {"to": [namespace("mlflow")], "ports": tcp(5000)}]
