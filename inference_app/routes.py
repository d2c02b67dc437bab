"""Routes for clients: `/predict` and the Open Inference Protocol. Parsing and answering are the protocols' own."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar, cast

from fastapi import APIRouter, Request, Response

from inference_app import body
from inference_app.contract import Route
from inference_app.errors import ClientDisconnected
from inference_app.openapi import ERRORS, INFER_BODY, NOT_READY, PREDICT_BODY, UNKNOWN
from inference_app.operations import service_of
from inference_app.protocols import open_inference, predict
from inference_app.service import Service
from inference_app.settings import Settings
from inference_app.tensors import Arrays

router = APIRouter(tags=["inference"])
T = TypeVar("T")

INLINE_BYTES = 64 * 1024
"""JSON up to this size is parsed on the event loop; more would keep other requests waiting for milliseconds."""


@router.post(Route.PREDICT, responses=ERRORS, openapi_extra=PREDICT_BODY)
async def predict_route(request: Request) -> Response:
    """Predict for one example or several: the model's input as nested JSON lists, or one PNG or JPEG image."""
    service = service_of(request)
    content = await _read(request, service)
    content_type = request.headers.get("content-type", predict.JSON)
    inline = content_type.startswith(predict.JSON)
    inputs = await _parse(lambda: predict.parse(content, content_type, service.metadata), content, inline=inline)
    return _json(predict.render(await _infer(request, service, inputs), service.metadata))


@router.post(f"{Route.V2}/models/{{name}}/infer", responses=ERRORS | UNKNOWN, openapi_extra=INFER_BODY)
@router.post(
    f"{Route.V2}/models/{{name}}/versions/{{version}}/infer",
    responses=ERRORS | UNKNOWN,
    openapi_extra=INFER_BODY,
)
async def infer(request: Request, name: str, version: str | None = None) -> Response:
    """Inference by the Open Inference Protocol."""
    service = service_of(request)
    open_inference.check_model(service.metadata, name, version)
    content = await _read(request, service)
    inference = await _parse(lambda: open_inference.parse(content, service.metadata), content)
    outputs = await _infer(request, service, inference.inputs)
    return _json(open_inference.render(inference, outputs, service.metadata))


@router.get(Route.V2)
async def server_metadata() -> dict[str, Any]:
    """Server metadata by the Open Inference Protocol."""
    return open_inference.server_metadata()


@router.get(f"{Route.V2}/health/live")
async def live() -> dict[str, bool]:
    """Whether the server is live."""
    return {"live": True}


@router.get(f"{Route.V2}/health/ready", responses=NOT_READY)
async def server_ready(request: Request) -> dict[str, bool]:
    """Whether the server is ready; the specification's text names the field `live`, its schema `ready`."""
    service_of(request).require_ready()
    return {"live": True, "ready": True}


@router.get(f"{Route.V2}/models/{{name}}", responses=UNKNOWN)
@router.get(f"{Route.V2}/models/{{name}}/versions/{{version}}", responses=UNKNOWN)
async def model_metadata(request: Request, name: str, version: str | None = None) -> dict[str, Any]:
    """A model's inputs and outputs."""
    service = service_of(request)
    open_inference.check_model(service.metadata, name, version)
    return open_inference.model_metadata(service.metadata)


@router.get(f"{Route.V2}/models/{{name}}/ready", responses=NOT_READY | UNKNOWN)
@router.get(f"{Route.V2}/models/{{name}}/versions/{{version}}/ready", responses=NOT_READY | UNKNOWN)
async def model_ready(request: Request, name: str, version: str | None = None) -> dict[str, Any]:
    """Whether a model is ready."""
    service = service_of(request)
    open_inference.check_model(service.metadata, name, version)
    service.require_ready()
    return {"name": name, "ready": True}


def _json(content: bytes) -> Response:
    return Response(content, media_type=predict.JSON)


async def _read(request: Request, service: Service) -> bytes:
    service.require_model()
    return await body.read(request, cast("Settings", request.app.state.settings))


async def _parse(parse: Callable[[], T], content: bytes, *, inline: bool = True) -> T:
    """Parse here when that takes microseconds, else on a thread."""
    if inline and len(content) <= INLINE_BYTES:
        return parse()
    return await asyncio.to_thread(parse)


async def _infer(request: Request, service: Service, inputs: Arrays) -> Arrays:
    """Infer, unless the client leaves first: then what has not reached the model never does."""
    work = asyncio.create_task(service.infer(inputs))
    watch = asyncio.create_task(_cancel_when_gone(request, work))
    try:
        return await work
    except asyncio.CancelledError:
        if watch.done():
            raise ClientDisconnected("the client left before its answer") from None
        raise
    finally:
        watch.cancel()


async def _cancel_when_gone(request: Request, work: asyncio.Task[Arrays]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    work.cancel()
