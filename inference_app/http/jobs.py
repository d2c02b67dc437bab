"""Routes of asynchronous inference: submit a job, see where it is, fetch its answer, cancel it."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Self, cast

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel

from inference_app.asynchronous.job import JobState, Status
from inference_app.asynchronous.request import JobRequest, parsed
from inference_app.asynchronous.store import JobStore
from inference_app.contract import Route
from inference_app.errors import NotReady, TooLarge
from inference_app.http.admin import ModelsOf
from inference_app.http.exchange import check_encoding
from inference_app.http.openapi import ERRORS, UNKNOWN, Responses
from inference_app.models import Models
from inference_app.protocols.call import Api, Headers
from inference_app.served_model import ServedModel
from inference_app.settings import Settings

UNAVAILABLE: Responses = {503: {"description": "The queue of jobs does not answer; try again."}}
UNKNOWN_JOB: Responses = UNAVAILABLE | {404: {"description": "No such job, or its time is over."}}
SUBMITTED: Responses = (
    {code: ERRORS[code] for code in (400, 408, 413, 415)}
    | UNKNOWN
    | {
        422: {"description": "The Idempotency-Key came with another request before."},
        429: {"description": "Too many jobs wait; try again after `Retry-After` seconds."},
        503: {"description": "The model is not ready, or the queue of jobs does not answer; try again."},
    }
)
FETCHED: Responses = UNKNOWN_JOB | {
    202: {"description": "Not finished; the body is the job's state."},
    410: {"description": "The job was cancelled."},
    **{code: ERRORS[code] for code in (400, 422, 500, 504)},
}

router = APIRouter(tags=["jobs"])


class Job(BaseModel):
    """Where a job is, and where its answer will be."""

    id: str
    status: Status
    model: str
    attempts: int
    submitted_at: datetime
    finished_at: datetime | None
    result: str

    @classmethod
    def of(cls, state: JobState) -> Self:
        """As a caller sees it."""
        return cls(
            id=state.id,
            status=state.status,
            model=state.model,
            attempts=state.attempts,
            submitted_at=datetime.fromtimestamp(state.submitted_at, UTC),
            finished_at=None if state.finished_at is None else datetime.fromtimestamp(state.finished_at, UTC),
            result=f"{Route.JOBS}/{state.id}/result",
        )


async def _jobs(request: Request) -> JobStore:
    return cast("JobStore", request.app.state.jobs)


JobsOf = Annotated[JobStore, Depends(_jobs)]


@router.post(Route.JOBS, status_code=HTTPStatus.ACCEPTED, responses=SUBMITTED)
async def submit(request: Request, response: Response, models: ModelsOf, jobs: JobsOf, model: str | None = None) -> Job:
    """Take a request to `/predict`, or to `/predict/{model}`, and answer it later.

    The body is checked as `/predict` checks it. With an `Idempotency-Key` header the same request makes one job,
    however often it is sent.
    """
    headers: Headers = dict(request.headers.raw)
    body = await request.body()
    settings = cast("Settings", request.app.state.settings)
    if len(body) > settings.jobs_max_body_bytes:
        raise TooLarge(f"the body of a job may have at most {settings.jobs_max_body_bytes} bytes, got {len(body)}")
    if b"content-encoding" in headers:
        check_encoding(headers[b"content-encoding"])
    served = _served(models, model)
    await _check(served, body, headers)
    job = Job.of(await jobs.submit(JobRequest.of(served.metadata.name, body, headers)))
    response.headers["location"] = f"{Route.JOBS}/{job.id}"
    return job


@router.get(f"{Route.JOBS}/{{job}}", responses=UNKNOWN_JOB)
async def state(jobs: JobsOf, job: str) -> Job:
    """Where a job is: `queued`, `running`, `succeeded`, `failed` or `cancelled`."""
    return Job.of(await jobs.state(job))


@router.get(f"{Route.JOBS}/{{job}}/result", responses=FETCHED)
async def result(jobs: JobsOf, job: str) -> Response:
    """What `/predict` would have answered, its status included."""
    outcome = await jobs.outcome(job)
    if outcome is None:
        waiting = Job.of(await jobs.state(job)).model_dump_json()
        return Response(waiting, HTTPStatus.ACCEPTED, {"retry-after": "1"}, "application/json")
    body, content_type, headers = outcome.answer
    named = {name.decode(): value.decode() for name, value in headers}
    return Response(body, outcome.code, named, content_type.decode())


@router.delete(f"{Route.JOBS}/{{job}}", responses=UNKNOWN_JOB | {409: {"description": "It is finished already."}})
async def cancel(jobs: JobsOf, job: str) -> Job:
    """Cancel a job: one that waits never reaches the model, one that is in it ends there and its answer is dropped."""
    await jobs.cancel(job)
    return Job.of(await jobs.state(job))


def _served(models: Models, name: str | None) -> ServedModel:
    served = models.default if name is None else models.get(name)
    if served is None:
        raise NotReady("no model is loaded")
    return served


async def _check(served: ServedModel, body: bytes, headers: Headers) -> None:
    """Raise what `/predict` would raise for a body that the model does not take, while the caller still listens."""
    serving = served.enter()
    try:
        await parsed(serving.codecs[Api.PREDICT], body, headers)
    finally:
        serving.leave()
