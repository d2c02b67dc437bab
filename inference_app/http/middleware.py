"""What happens around every request: counting and timing."""

import logging
import time
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference_app import failures
from inference_app.http.exchange import INTERNAL_ERROR
from inference_app.logs import Fields, outline
from inference_app.metrics import Metrics

logger = logging.getLogger(__name__)


class Observe:
    """Counts and times every request by its route's template, so that a path made up by a client adds no series."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; an application error counts as 500 and, once answered, ends here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # uvicorn leaves the body out
        started = time.perf_counter()

        status: int | None = None

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        self._metrics.in_flight += 1
        try:
            await self._app(scope, receive, send_noting_status)
        except Exception as error:
            extra: Fields = {"route": _label(scope), "exception": outline(error)}
            logger.error("a request failed", extra=extra)
            failures.report(INTERNAL_ERROR, _label(scope), time.perf_counter() - started, None, None)
            if status is None:
                raise
        finally:
            self._metrics.in_flight -= 1
            label = _label(scope)
            counted = HTTPStatus.INTERNAL_SERVER_ERROR if status is None else status
            self._metrics.routes[label].observe(int(counted), time.perf_counter() - started)


def _label(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "unknown")
