from inference_app.contract import GRPC_PORT
from infra.serving.traffic.istio import destination_rule_spec, virtual_service_spec
from tests.infra.serving.traffic.splits import split

HOST = "model-server.models.svc.cluster.local"


def test_each_port_is_shared_out_between_the_subsets_by_weight() -> None:
    made = virtual_service_spec(split(stable=75, grpc=True))

    assert made["hosts"] == [HOST]
    assert [rule["match"] for rule in made["http"]] == [[{"port": 80}], [{"port": GRPC_PORT}]]
    for rule in made["http"]:
        number = rule["match"][0]["port"]
        assert rule["route"] == [
            {"destination": {"host": HOST, "subset": "stable", "port": {"number": number}}, "weight": 75},
            {"destination": {"host": HOST, "subset": "canary", "port": {"number": number}}, "weight": 25},
        ]


def test_the_subset_of_a_track_is_its_pods() -> None:
    made = split()
    stable, canary = (destination_rule_spec(made, track) for track in made.tracks)

    assert stable["host"] == canary["host"] == HOST
    assert [subset["name"] for rule in (stable, canary) for subset in rule["subsets"]] == ["stable", "canary"]
    assert canary["subsets"][0]["labels"] == {"app.kubernetes.io/name": "model-server", "track": "canary"}
