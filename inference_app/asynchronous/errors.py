"""What can go wrong with a job, beside what can go wrong with any inference."""

# ruff: noqa: N818 - named after what happened, as the others of `inference_app.errors`

from http import HTTPStatus
from types import MappingProxyType

from inference_app.errors import RETRY_SOON, InferenceError


class UnknownJob(InferenceError):
    """There is no such job, or none any more."""

    status = HTTPStatus.NOT_FOUND


class JobFinished(InferenceError):
    """The job cannot be cancelled: it has its answer."""

    status = HTTPStatus.CONFLICT


class JobCancelled(InferenceError):
    """The job has no answer and will have none."""

    status = HTTPStatus.GONE


class KeyReused(InferenceError):
    """The idempotency key belongs to another request
    (https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header)."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TooManyJobs(InferenceError):
    """As many jobs wait as may."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    headers = MappingProxyType({"Retry-After": "5"})


class JobsUnavailable(InferenceError):
    """Redis does not take or give jobs now."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers = RETRY_SOON


class GivenUp(InferenceError):
    """Every attempt ended without an answer, and the last one without a word: its worker was lost."""
