"""`monitoring.logs`: where the lines go that containers write."""

import re
from typing import Annotated, ClassVar, NamedTuple

from pydantic import AfterValidator, Field

from infra.settings.aws import LOG_RETENTION_DAYS
from infra.settings.model import Settings, distinct, unit
from infra.settings.secrets import SecretName, unshown
from infra.settings.storage import OneOf

RETENTION_DAYS = tuple(days for days in LOG_RETENTION_DAYS if 30 <= days <= 730)
"""What CloudWatch offers and Log Analytics takes, so that one setting serves both."""

_LOKI = re.compile(
    r"https://(?P<host>[a-z0-9][a-z0-9.-]*)(?::(?P<port>[0-9]{1,5}))?"
    r"|http://(?P<service>[a-z0-9-]+\.(?P<namespace>[a-z0-9-]+)\.svc(?:\.cluster\.local)?)(?::(?P<service_port>[0-9]{1,5}))?"
)


def _offered(days: int) -> int:
    if days not in RETENTION_DAYS:
        raise ValueError(f"must be one of {', '.join(map(str, RETENTION_DAYS))}")
    return days


class LokiAddress(NamedTuple):
    """Where Loki listens; `namespace` is of its Service, None outside the cluster, where it speaks TLS."""

    host: str
    port: int
    namespace: str | None


def _address(url: object) -> LokiAddress | None:
    match = _LOKI.fullmatch(url) if isinstance(url, str) else None
    if match is None:
        return None
    if match["namespace"]:
        return LokiAddress(match["service"], int(match["service_port"] or 80), match["namespace"])
    return LokiAddress(match["host"], int(match["port"] or 443), None)


def _is_loki(url: object) -> bool:
    address = _address(url)
    return address is not None and 0 < address.port < 65536


class CloudLogSettings(Settings):
    """The store of each cluster's cloud: CloudWatch Logs on EKS, Log Analytics on AKS."""

    retention_days: Annotated[int, AfterValidator(_offered), unit("days")] = 30
    """Days that lines are kept; one of the periods that both clouds offer."""


class BasicAuthSettings(Settings):
    """A user of Loki, or of the gateway before it."""

    user_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@-]+$")]
    """Name, or the number that Grafana Cloud gives."""
    password: SecretName
    """Secret with the password, or token; named, as in `serving.secrets`."""


class LokiSettings(Settings):
    """A Loki, 3.0 or newer, that exists: in the cluster or outside, one for all clusters of the stack."""

    url: Annotated[
        str, unshown(_is_loki, "must be https://host, or a Service of the cluster, as http://loki-gateway.loki.svc")
    ]
    """Its address, `https://host` or, in the cluster, `http://service.namespace.svc`, with a port where it is another
    than 443 or 80."""
    tenant: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,150}$")] | None = None
    """Tenant that the lines are for; absent where Loki has one for all."""
    basic_auth: BasicAuthSettings | None = None
    """User and password; absent where Loki asks for none."""

    @property
    def address(self) -> LokiAddress:
        """What `url` says."""
        address = _address(self.url)
        assert address  # noqa: S101 the field's own rule
        return address


NamespaceName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]


class LogSettings(OneOf):
    """Lines of all containers, kept outside the cluster and searched by field; one of `cloud` and `loki`."""

    alternatives: ClassVar[tuple[str, ...]] = ("cloud", "loki")

    cloud: CloudLogSettings | None = None
    """Keep them with each cluster's own cloud; clusters of `existing` have none."""
    loki: LokiSettings | None = None
    """Keep them in Loki, where Grafana shows them beside metrics and traces."""
    namespaces: Annotated[tuple[NamespaceName, ...], AfterValidator(distinct)] = ()
    """Namespaces whose lines are kept; empty means every one, the cluster's own controllers included."""
