"""Routes that describe: server, models, API; and the paths of inference for whoever names no model that is served."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from inference_app.contract import Route
from inference_app.errors import NotReady
from inference_app.http import docs_page, probes
from inference_app.http.admin import ModelsOf
from inference_app.http.openapi import (
    ERRORS,
    NOT_ACCEPTABLE,
    NOT_READY,
    UNKNOWN,
    Responses,
)
from inference_app.models import Models
from inference_app.protocols import open_inference
from inference_app.protocols.call import Answer, Headers
from inference_app.served_model import ServedModel

router = APIRouter(tags=["inference"])
keyed = APIRouter(tags=["inference"])
"""What asks a model or describes it: needs an API key where the server has keys."""

PROMETHEUS: Responses = {
    200: {
        "description": "In Prometheus's text format or, where Accept asks for it, OpenMetrics.",
        "content": {key: {"schema": {"type": "string"}} for key in ("text/plain", "application/openmetrics-text")},
    }
}


def make_probes(models: Models) -> APIRouter:
    """Routes that describe what the lane answers before anything comes here, and that know which methods it takes."""
    made = APIRouter(tags=["probes"])
    for path, make in probes.make(models).items():
        responses, kind = (PROMETHEUS, PlainTextResponse) if path == Route.METRICS else (NOT_READY, JSONResponse)
        answer = partial(_answer_probe, make)
        made.add_api_route(path, answer, name=path, description=make.__doc__, responses=responses, response_class=kind)
    return made


async def _answer_probe(make: Callable[[Headers], Answer], request: Request) -> Response:
    answer = make(dict(request.headers.raw))
    return Response(answer.body, media_type=answer.content_type.decode())


async def _model(models: ModelsOf, name: str, version: str | None = None) -> ServedModel:
    return models.get(name, version)


ModelOf = Annotated[ServedModel, Depends(_model)]


def _missed(models: Models, name: str | None = None, version: str | None = None) -> None:
    """The lane answers inference; what comes here names no model, or one that came or went this moment."""
    if name is not None:
        models.get(name, version)
    raise NotReady("no model is loaded")


@keyed.post(Route.PREDICT, responses=ERRORS)
async def predict_default(models: ModelsOf) -> None:
    """Predict for one example or several: the model's input as nested JSON lists, or PNG or JPEG images."""
    _missed(models)


@keyed.post(f"{Route.PREDICT}/{{name}}", responses=ERRORS | UNKNOWN)
async def predict(models: ModelsOf, name: str) -> None:
    """The same for a model by name."""
    _missed(models, name)


@keyed.post(f"{Route.V2}/models/{{name}}/infer", responses=ERRORS | UNKNOWN)
async def infer(models: ModelsOf, name: str) -> None:
    """Inference by the Open Inference Protocol, as JSON or with binary tensors."""
    _missed(models, name)


@keyed.post(f"{Route.V2}/models/{{name}}/versions/{{version}}/infer", responses=ERRORS | UNKNOWN)
async def infer_version(models: ModelsOf, name: str, version: str) -> None:
    """The same for a version by name."""
    _missed(models, name, version)


@keyed.post(Route.INVOCATIONS, responses=ERRORS | NOT_ACCEPTABLE)
async def invocations(models: ModelsOf) -> None:
    """Inference by SageMaker's contract: JSON, CSV, NumPy or an image in, JSON, CSV or NumPy out."""
    _missed(models)


@keyed.post(
    f"{Route.MODELS}/{{name}}/invoke",
    responses=ERRORS | NOT_ACCEPTABLE | UNKNOWN,
)
async def invoke(models: ModelsOf, name: str) -> None:
    """The same for a model by name, as SageMaker's multi-model endpoints call it."""
    _missed(models, name)


@router.get(Route.V2)
async def server_metadata() -> dict[str, Any]:
    """Server metadata by the Open Inference Protocol."""
    return open_inference.server_metadata()


@keyed.get(f"{Route.V2}/models/{{name}}", responses=UNKNOWN)
@keyed.get(f"{Route.V2}/models/{{name}}/versions/{{version}}", responses=UNKNOWN)
async def model_metadata(model: ModelOf) -> dict[str, Any]:
    """A model's inputs and outputs."""
    return open_inference.model_metadata(model.metadata)


@router.get(f"{Route.V2}/models/{{name}}/ready", responses=NOT_READY | UNKNOWN)
@router.get(f"{Route.V2}/models/{{name}}/versions/{{version}}/ready", responses=NOT_READY | UNKNOWN)
async def model_ready(model: ModelOf) -> dict[str, Any]:
    """Whether a model is ready."""
    model.health.require_ready()
    return {"name": model.metadata.name, "ready": True}


@router.get(Route.DOCS, include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """This API for people; /openapi.json has it for programs."""
    return HTMLResponse(docs_page.render(request.app.openapi()))
