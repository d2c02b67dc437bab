"""The lane: which requests are answered on the connection itself, and by what."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from inference_app.api_keys import ApiKeys
from inference_app.contract import Route
from inference_app.http import probes
from inference_app.http.exchange import Exchange, Unauthenticated
from inference_app.http.inference import InferenceExchange
from inference_app.http.known_heads import KnownHeads
from inference_app.metrics import RouteMetrics
from inference_app.models import Models, Slot
from inference_app.protocols.call import Answer, Api, Headers
from inference_app.tracing import Tracer

if TYPE_CHECKING:
    from inference_app.http.connection import Connection


class Endpoint(NamedTuple):
    """An inference path: its label in metrics and logs, the model behind it, the protocol it speaks.

    `route` counts the requests that do not get as far as the model.
    """

    label: str
    route: RouteMetrics
    slot: Slot
    api: Api


class Unread(NamedTuple):
    """Where requests belong that could not be read."""

    label: str
    route: RouteMetrics


class Probe(NamedTuple):
    """A path answered from memory."""

    label: str
    route: RouteMetrics
    make: Callable[[Headers], Answer]


class ProbeExchange(Exchange):
    """A probe's request."""

    def __init__(self, connection: Connection, probe: Probe, headers: Headers) -> None:
        super().__init__(connection, probe, headers)
        self._make = probe.make

    def answer(self, body: bytes) -> None:  # noqa: ARG002 - a GET may bring one, which means nothing (RFC 9110, 9.3.1)
        """Respond at once."""
        self.respond(self._make(self.headers))


class Lane:
    """The table of paths, and what connections share."""

    def __init__(
        self,
        models: Models,
        *,
        max_buffered: int,
        tracer: Tracer | None = None,
        keys: ApiKeys | None = None,
    ) -> None:
        self.metrics = models.metrics
        self.keys = keys
        self.tracer = tracer
        self.draining = False
        self._models = models
        self.unread = Unread("unread", self.metrics.routes["unread"])
        self.max_buffered = max_buffered
        self.buffered = 0
        """Bytes of bodies that came in several pieces and have no answer yet; the short ones are not worth counting."""
        self._default = b""
        self.heads: dict[tuple[int, bytes], bytes] = {}
        self._probes = {
            path.encode(): Probe(path, self.metrics.routes[path], make) for path, make in probes.make(models).items()
        }
        self.known = KnownHeads()
        self.endpoints: dict[bytes, Endpoint] = {}
        self.rebuild()
        models.on_change = self.rebuild

    def open(self, connection: Connection, method: bytes, url: bytes, headers: Headers) -> Exchange | None:
        """An exchange for a request of the lane; None for any other, which is the application's.

        Raises `httptools.HttpParserInvalidURLError` for a target that is no URL.
        """
        if method == b"POST":
            endpoint = self.endpoints.get(url) or self.endpoints.get(_path(url))
            return self._open_inference(connection, endpoint, headers) if endpoint else None
        if method not in (b"GET", b"HEAD"):
            return None
        probe = self._probes.get(url) or self._probes.get(_path(url))
        if probe is None:
            return None
        exchange = ProbeExchange(connection, probe, headers)
        exchange.sends_body = method == b"GET"
        return exchange

    def head(self, status: int, content_type: bytes) -> bytes:
        """An answer's head as far as `content-length: `."""
        head = STATUS_LINE[status] + self._default + b"content-type: %b\r\ncontent-length: " % content_type
        self.heads[status, content_type] = head
        return head

    def drain(self) -> None:
        """From now on connections are closed behind their answers."""
        self.draining = True
        self.known.forget()

    def set_default_headers(self, headers: list[tuple[bytes, bytes]]) -> None:
        """uvicorn's default headers; one of them, the date, changes once a second."""
        self._default = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.heads.clear()

    def rebuild(self) -> None:
        """Make the table anew; the first model answers where a path names none."""
        self.endpoints = {}
        self.known.forget()
        for name, slot in self._models.slots.items():
            if not self.endpoints:
                self._add(Route.PREDICT, Route.PREDICT, slot, Api.PREDICT)
                self._add(Route.INVOCATIONS, Route.INVOCATIONS, slot, Api.INVOCATIONS)
            version = slot.model.metadata.version
            templates = {
                f"{Route.PREDICT}/{{name}}": Api.PREDICT,
                f"{Route.V2}/models/{{name}}/infer": Api.OPEN_INFERENCE,
                f"{Route.V2}/models/{{name}}/versions/{{version}}/infer": Api.OPEN_INFERENCE,
                f"{Route.MODELS}/{{name}}/invoke": Api.INVOCATIONS,
            }
            # Who names a version gets no other, even where it is exchanged while the request is on its way.
            this_version = Slot(slot.model)
            for template, api in templates.items():
                reached = this_version if "{version}" in template else slot
                self._add(template, template.format(name=name, version=version), reached, api)
        self._begin_counts()

    def _open_inference(self, connection: Connection, endpoint: Endpoint, headers: Headers) -> Exchange:
        is_admitted = self.keys is None or self.keys.admit(headers)
        return (InferenceExchange if is_admitted else Unauthenticated)(connection, endpoint, headers)

    def _begin_counts(self) -> None:
        """The default model's, by every way to it; many models' would be many series that stay 0."""
        for endpoint in self.endpoints.values():
            if endpoint.slot.model is self._models.default:
                endpoint.slot.model.metrics.routes.begin(endpoint.label)

    def _add(self, template: str, path: str, slot: Slot, api: Api) -> None:
        self.endpoints[path.encode()] = Endpoint(template, self.metrics.routes[template], slot, api)


def _path(url: bytes) -> bytes:
    """The decoded path of a request target, which may be a whole URL (RFC 9112, 3.2.2) or have a query.

    Raises `httptools.HttpParserInvalidURLError`.
    """
    path = url.partition(b"?")[0]
    if not path.startswith(b"/"):
        path = httptools.parse_url(url).path or b"/"
    return unquote_to_bytes(path)
