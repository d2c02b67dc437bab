"""A gateway of somebody's, with a listener that routes hang on."""

from infra.serving.traffic.parent import Parent

PARENT = Parent(
    name="front",
    namespace="edge",
    section_name="https",
    hostnames=["predict.example.com"],
    url="https://predict.example.com",
    proxy_namespace="proxies",
    proxy_labels={"role": "proxy"},
)
