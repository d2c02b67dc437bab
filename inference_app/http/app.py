"""The HTTP application: what is not worth a place on the lane, and the API's description."""

from collections import defaultdict
from http import HTTPStatus
from itertools import chain
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Route

from inference_app import __version__, api_keys, asynchronous
from inference_app.errors import BadRequest, ConfigurationError, InferenceError, ModelUnusable, UnknownModel
from inference_app.http import admin, key_dependency, openapi, routes, sagemaker_routes
from inference_app.http.exchange import INTERNAL_ERROR, error_answer
from inference_app.http.middleware import Observe
from inference_app.models import Models
from inference_app.settings import Settings


def create_app(models: Models, settings: Settings) -> FastAPI:
    """An application on models that are loaded elsewhere."""
    app = FastAPI(
        title="inference-platform",
        version=__version__,
        docs_url=None,  # FastAPI's page loads scripts from elsewhere; `routes` has one that needs no internet
        redoc_url=None,
        redirect_slashes=False,
        strict_content_type=False,  # clients of the model repository send JSON without saying so
    )
    app.state.models = models
    app.state.settings = settings
    keys = api_keys.of(settings)
    routers = [routes.make_probes(models), routes.router, admin.router, sagemaker_routes.router]
    for router in routers:
        app.include_router(router)
    keyed = [routes.keyed, *_jobs(app, settings)]
    for router in keyed:
        app.include_router(router, dependencies=key_dependency.require(keys), responses=openapi.KEYED if keys else {})
    app.state.methods = _methods([*routers, *keyed])
    app.add_middleware(Observe, metrics=models.metrics)
    for kind in (InferenceError, HTTPException, RequestValidationError, ConfigurationError, ModelUnusable, Exception):
        app.add_exception_handler(kind, _respond)
    describe = app.openapi
    app.openapi = lambda: openapi.complete(describe(), models, settings.max_queue_size, names_only=keys is not None)
    return app


def _jobs(app: FastAPI, settings: Settings) -> list[APIRouter]:
    """The routes of asynchronous inference, where the settings name a Redis for it."""
    store = asynchronous.of(settings)
    if store is None:
        return []
    from inference_app.http import jobs  # with Redis's client

    app.state.jobs = store
    return [jobs.router]


def _respond(request: Request, error: Exception) -> Response:
    known = _known(error)
    answer = error_answer(known)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    if known.status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["allow"] = _allowed(request)
    return Response(answer.body, int(known.status), headers, answer.content_type.decode())


def _methods(routers: list[APIRouter]) -> dict[str, set[str]]:
    """Path template to methods."""
    methods = defaultdict[str, set[str]](set)
    for route in chain.from_iterable(router.routes for router in routers):
        if isinstance(route, Route):
            methods[route.path] |= route.methods or set()
    return methods


def _allowed(request: Request) -> str:
    """The methods of all routes at a path; Starlette names those of the first."""
    methods = request.app.state.methods[request.scope["route"].path]
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def _known(error: Exception) -> InferenceError:
    if isinstance(error, InferenceError):
        return error
    if isinstance(error, HTTPException):
        known = InferenceError(error.detail)
        known.status, known.headers = error.status_code, error.headers or {}
        return known
    if isinstance(error, RequestValidationError):
        first: dict[str, Any] = dict(error.errors()[0])
        return BadRequest(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    if isinstance(error, ConfigurationError):
        return UnknownModel(str(error))
    if isinstance(error, ModelUnusable):
        return BadRequest(str(error))
    return INTERNAL_ERROR
