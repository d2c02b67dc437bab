"""Calls that change which models are served; they need the token that the settings name."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from inference_app import admin_token
from inference_app.contract import Route
from inference_app.errors import (
    ConfigurationError,
    InsufficientMemory,
    ModelUnusable,
    NotInRepository,
    SwitchRefused,
    VersionUnusable,
)
from inference_app.health import State
from inference_app.http.openapi import ADMIN, UNKNOWN, Responses
from inference_app.models import Models
from inference_app.settings import Settings
from inference_app.switching import Switched

# Dependencies are coroutines: FastAPI runs others on threads, for which it imports what stops the event loop first.


async def require_token(request: Request) -> None:
    """Raise `Forbidden` where no token is set, `Unauthorized` for a wrong one."""
    settings = cast("Settings", request.app.state.settings)
    admin_token.check(settings, request.headers.get("authorization", "").encode("latin-1"))


REPOSITORY = f"{Route.V2}/repository"

KEPT: Responses = UNKNOWN | {
    409: {"description": "Not on this server, or not now; `error` says why."},
    422: {"description": "The version was found, but its files or its answers are not what it declares."},
}
"""Why the version in service stays."""

router = APIRouter(
    tags=["admin"],
    dependencies=[Depends(require_token), Depends(HTTPBearer(auto_error=False, description="ADMIN_TOKEN"))],
    responses=ADMIN,
)


async def models_of(request: Request) -> Models:
    """The models behind the application that got this request."""
    return cast("Models", request.app.state.models)


ModelsOf = Annotated[Models, Depends(models_of)]


class Filter(BaseModel):
    """Which models to list."""

    ready: StrictBool = False


class Entry(BaseModel):
    """One model of the index."""

    name: str
    version: str
    state: State
    reason: str


class Switch(BaseModel):
    """The model to switch, the default one where left out, and the version, the active one where left out."""

    model_config = ConfigDict(extra="forbid")

    model: Annotated[str, Field(min_length=1)] | None = None
    version: Annotated[str, Field(min_length=1)] | None = None


@router.post(Route.SWITCH_MODEL, responses=KEPT)
async def switch_model(models: ModelsOf, wanted: Switch | None = None) -> Switched:
    """Exchange a model for another version of it, which first loads beside it and proves itself.

    No request fails meanwhile. When this answers, requests reach the version that it names, and the previous one is
    gone; `seconds` is how long that took. On any error the version in service stays.
    """
    chosen = wanted or Switch()
    try:
        return await models.switch(chosen.model, chosen.version)
    except NotInRepository:
        raise
    except (ConfigurationError, ModelUnusable) as error:
        raise VersionUnusable(str(error)) from error
    except InsufficientMemory as error:
        raise SwitchRefused(str(error)) from error


@router.post(f"{REPOSITORY}/index")
async def index(models: ModelsOf, wanted: Filter | None = None) -> list[Entry]:
    """Every model that is served, or, with `{"ready": true}`, those that are ready."""
    only_ready = wanted is not None and wanted.ready
    return [
        Entry(name=entry.name, version=entry.version, state=entry.state, reason=entry.reason)
        for entry in models.index()
        if entry.state is State.READY or not only_ready
    ]


@router.post(f"{REPOSITORY}/models/{{name}}/load", responses=UNKNOWN)
async def load(models: ModelsOf, name: str) -> dict[str, str]:
    """Load a model of the repository, or exchange the one served for the active version that the repository now has."""
    await models.load(name)
    return {}


@router.post(f"{REPOSITORY}/models/{{name}}/unload", responses=UNKNOWN)
async def unload(models: ModelsOf, name: str) -> dict[str, str]:
    """Take a model out of service once its requests are answered."""
    await models.unload(name)
    return {}
