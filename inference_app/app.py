"""The HTTP application: routes, errors and the model's life cycle."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from inference_app import __version__, operations, routes
from inference_app.errors import InferenceError
from inference_app.middleware import Observe
from inference_app.protocols import json_body
from inference_app.service import Service
from inference_app.settings import Settings


def create_app(service: Service, settings: Settings) -> FastAPI:
    """An application that starts loading its model when it starts, and is live before it is ready."""
    app = FastAPI(
        title=f"inference-platform: {service.metadata.name} {service.metadata.version}",
        version=__version__,
        docs_url=None,  # FastAPI's page loads scripts from elsewhere; `operations` has one that needs no internet
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_load_model,
    )
    app.state.service = service
    app.state.settings = settings
    app.include_router(routes.router)
    app.include_router(operations.router)
    app.add_middleware(Observe, metrics=service.metrics)
    app.add_exception_handler(InferenceError, _inference_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected_error)
    return app


@asynccontextmanager
async def _load_model(app: FastAPI) -> AsyncGenerator[None]:
    service: Service = app.state.service
    loading = asyncio.create_task(service.load())
    yield
    loading.cancel()
    service.close()


def _error(message: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(json_body.dumps({"error": message}), status, headers, media_type="application/json")


def _inference_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, InferenceError)  # noqa: S101 - registered for this type only
    return _error(str(error), error.status, dict(error.headers))


def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    return _error(error.detail, error.status_code, dict(error.headers or {}))


def _unexpected_error(_: Request, __: Exception) -> Response:
    return _error("internal error", HTTPStatus.INTERNAL_SERVER_ERROR)
