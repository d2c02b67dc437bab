"""The gateway that a route hangs on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi


@dataclass(frozen=True, kw_only=True)
class Parent:
    """A listener of a Gateway: `section_name` of the Gateway `name` in `namespace`, for requests to `hostnames`.

    `url` is where clients find it. Its proxies, pods with `proxy_labels` in `proxy_namespace`, ask the servers.
    """

    name: str
    namespace: str
    section_name: str
    hostnames: Sequence[str]
    url: pulumi.Input[str]
    proxy_namespace: str
    proxy_labels: Mapping[str, str] = field(default_factory=dict[str, str])
    after: Sequence[pulumi.Resource] = ()

    def route(self, rules: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """An HTTPRoute that hangs on it (https://gateway-api.sigs.k8s.io/reference/api-types/httproute/)."""
        return {
            "parentRefs": [{"name": self.name, "namespace": self.namespace, "sectionName": self.section_name}],
            "hostnames": list(self.hostnames),
            "rules": list(rules),
        }
