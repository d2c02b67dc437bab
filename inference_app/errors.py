"""What can go wrong with a request, each with its HTTP status, and what keeps a server from starting."""

# ruff: noqa: N818 - named after what happened, as HTTP names its statuses

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

RETRY_SOON = MappingProxyType({"Retry-After": "1"})
"""Seconds; a full queue drains within a few model calls."""


class ConfigurationError(Exception):
    """The server cannot start: a setting or the model repository is wrong. The message is one line for a person."""


class ModelUnusable(Exception):
    """The model was found but must not answer: its file, its provider or its golden answer is wrong."""


class InferenceError(Exception):
    """A request that gets an error instead of an answer."""

    status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    headers: Mapping[str, str] = MappingProxyType({})


class BadRequest(InferenceError):
    """The request's content is not what the model takes."""

    status = HTTPStatus.BAD_REQUEST


class UnknownModel(InferenceError):
    """No model of that name or version is served here."""

    status = HTTPStatus.NOT_FOUND


class ReadTimeout(InferenceError):
    """The client did not send its body in time."""

    status = HTTPStatus.REQUEST_TIMEOUT
    headers = MappingProxyType({"Connection": "close"})


class TooLarge(InferenceError):
    """The body, the image or the number of examples exceeds its limit."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedMediaType(InferenceError):
    """The body's type or encoding is none that this server reads."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class QueueFull(InferenceError):
    """The queue has no room for the request's examples."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    headers = RETRY_SOON


class ClientDisconnected(InferenceError):
    """Nobody waits for the answer any more; 499 is nginx's code for it and shows up in metrics only."""

    status = 499


class ModelFailed(InferenceError):
    """The model raised an error on this request's examples."""


class NotReady(InferenceError):
    """The model is loading, failed to load, or the server is stopping."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers = RETRY_SOON


class DeadlineExceeded(InferenceError):
    """The request waited for the model longer than allowed and was dropped before reaching it."""

    status = HTTPStatus.GATEWAY_TIMEOUT
