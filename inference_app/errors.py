"""What can go wrong with a request, each with its HTTP status, and what keeps a server from starting."""

# ruff: noqa: N818 - named after what happened, as HTTP names its statuses

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

RETRY_SOON = MappingProxyType({"Retry-After": "1"})
"""Seconds; a full queue drains within a few model calls."""


class ConfigurationError(Exception):
    """The server cannot start: a setting or the model repository is wrong. The message is one line for a person."""


class NotInRepository(ConfigurationError):
    """The model repository holds no model, or no version of it, by that name."""


class ModelUnusable(Exception):
    """The model was found but must not answer: its file, its provider or its golden answer is wrong."""


class InferenceError(Exception):
    """A request that gets an error instead of an answer."""

    status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    headers: Mapping[str, str] = MappingProxyType({})

    @property
    def outline(self) -> str:
        """What logs and traces may hold of it: nothing that a client sent."""
        return str(self)

    def details(self) -> dict[str, float]:
        """Numbers that the answer gives beside the message."""
        return {}


class BadRequest(InferenceError):
    """The request's content is not what the model takes."""

    status = HTTPStatus.BAD_REQUEST


class Unauthorized(InferenceError):
    """The call needs a token and brought another, or none."""

    status = HTTPStatus.UNAUTHORIZED
    headers = MappingProxyType({"WWW-Authenticate": "Bearer"})


class Forbidden(InferenceError):
    """The call is switched off here."""

    status = HTTPStatus.FORBIDDEN


class UnknownModel(InferenceError):
    """No model of that name or version is served here."""

    status = HTTPStatus.NOT_FOUND


class UnknownPath(InferenceError):
    """Nothing answers at that path."""

    status = HTTPStatus.NOT_FOUND


class NotAcceptable(InferenceError):
    """The answer cannot be given in any form that the client accepts."""

    status = HTTPStatus.NOT_ACCEPTABLE


class AlreadyLoaded(InferenceError):
    """A model of that name is served already."""

    status = HTTPStatus.CONFLICT


class SeveralWorkers(InferenceError):
    """The call would reach one of several processes only."""

    status = HTTPStatus.CONFLICT


class SwitchRefused(InferenceError):
    """The server is in no state to take another version now; nothing was tried."""

    status = HTTPStatus.CONFLICT


class InsufficientMemory(InferenceError):
    """The model does not fit into the memory that is left."""

    status = HTTPStatus.INSUFFICIENT_STORAGE


class ReadTimeout(InferenceError):
    """The client did not send its request in time."""

    status = HTTPStatus.REQUEST_TIMEOUT


class TooLarge(InferenceError):
    """The body, the image or the number of examples exceeds its limit."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class HeadersTooLarge(InferenceError):
    """The headers exceed their limit."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


class UnsupportedMediaType(InferenceError):
    """The body's type or encoding is none that this server reads."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class NotUnderstood(InferenceError):
    """The body comes in a transfer coding that this server does not know."""

    status = HTTPStatus.NOT_IMPLEMENTED


class VersionNotSupported(InferenceError):
    """The request is in a version of HTTP that this server does not speak."""

    status = HTTPStatus.HTTP_VERSION_NOT_SUPPORTED


class BuffersFull(InferenceError):
    """The bodies of all unanswered requests together exceed their limit."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers = RETRY_SOON


class QueueFull(InferenceError):
    """The queue has no room for the request's examples."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    headers = RETRY_SOON


class Suspicious(InferenceError):
    """The detector beside the model scored an example over its threshold: adversarial, or nothing the model knows."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, score: float, threshold: float) -> None:
        super().__init__(f"the input is unlike what the model was trained on: score {score:.4g}, limit {threshold:.4g}")
        self._details = {"score": score, "threshold": threshold}

    def details(self) -> dict[str, float]:
        """The score and what it exceeds."""
        return self._details


class ClientDisconnected(InferenceError):
    """Nobody waits for the answer any more; 499 is nginx's code for it and shows up in metrics only."""

    status = 499


class ModelFailed(InferenceError):
    """The model raised an error on this request's examples."""


class NotFinite(ModelFailed):
    """The model's answer to this input is NaN or infinite, which no JSON number is."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class VersionUnusable(InferenceError):
    """The version was found but cannot be served; the one in service stays."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class NotReady(InferenceError):
    """The model is loading, failed to load, or the server is stopping."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers = RETRY_SOON


class DeadlineExceeded(InferenceError):
    """The request waited for the model longer than allowed and was dropped before reaching it."""

    status = HTTPStatus.GATEWAY_TIMEOUT
