from typing import Any

from infra.serving.guard import NetworkArgs, network_spec
from infra.serving.traffic.parent import Parent
from infra.settings.serving import ServingSettings
from tests.infra.serving.parent import PARENT

SETTINGS = ServingSettings.model_validate(
    {"namespace": "models", "clientNamespaces": ["shop"], "exposure": "network"}, strict=False
)


def sources(parent: Parent | None) -> Any:
    args = NetworkArgs(
        settings=SETTINGS,
        labels={"app": "it"},
        ports=[8000],
        network_cidr="192.0.2.0/24",
        scrapers=["watchers"],
        parent=parent,
    )
    spec: Any = network_spec(args)
    return [source for rule in spec["ingress"] for source in rule["from_"]]


def namespace(name: str) -> Any:
    return {"namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": name}}}


def test_the_settings_say_who_may_ask() -> None:
    network = {"ip_block": {"cidr": "192.0.2.0/24"}}

    assert sources(None) == [*map(namespace, ("models", "shop", "watchers")), network]


def test_behind_a_gateway_its_proxies_alone_may_ask_whatever_the_settings_open_the_gateway_to() -> None:
    proxies = namespace("proxies") | {"pod_selector": {"match_labels": {"role": "proxy"}}}

    assert sources(PARENT) == [proxies, namespace("watchers")]
