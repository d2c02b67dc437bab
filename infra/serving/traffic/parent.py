"""The gateway that a route hangs on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
