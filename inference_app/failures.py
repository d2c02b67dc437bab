"""Requests that the server failed, in the log: one line each, with what leads to the trace and the model."""

import logging
from http import HTTPStatus

from inference_app.errors import InferenceError
from inference_app.logs import Fields
from inference_app.trace import Trace

logger = logging.getLogger(__name__)


def report(
    error: InferenceError, route: str, seconds: float, model: tuple[str, str] | None, trace: Trace | None
) -> None:
    """Log an internal error, and of sampled requests whatever else is the server's.

    The others above 500 come by the thousand where a server is overloaded; metrics count them.
    """
    status = int(error.status)
    if status < HTTPStatus.INTERNAL_SERVER_ERROR or (status > HTTPStatus.INTERNAL_SERVER_ERROR and trace is None):
        return
    fields: Fields = {"route": route, "status": status, "reason": error.outline, "duration_seconds": round(seconds, 6)}
    if model is not None:
        fields["model"], fields["version"] = model
    if trace is not None:
        fields["trace_id"] = trace.trace_id
    logger.warning("failed", extra=fields)
