"""Calls that change which models are served; they need the token that the settings name."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPBearer
from pydantic import BaseModel, StrictBool

from inference_app import admin_token
from inference_app.contract import Route
from inference_app.health import State
from inference_app.http.openapi import ADMIN, UNKNOWN
from inference_app.models import Models
from inference_app.settings import Settings


def require_token(request: Request) -> None:
    """Raise `Forbidden` where no token is set, `Unauthorized` for a wrong one."""
    settings = cast("Settings", request.app.state.settings)
    admin_token.check(settings, request.headers.get("authorization", "").encode("latin-1"))


router = APIRouter(
    prefix=f"{Route.V2}/repository",
    tags=["admin"],
    dependencies=[Depends(require_token), Depends(HTTPBearer(auto_error=False, description="ADMIN_TOKEN"))],
    responses=ADMIN,
)


def models_of(request: Request) -> Models:
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


@router.post("/index")
async def index(models: ModelsOf, wanted: Filter | None = None) -> list[Entry]:
    """Every model that is served, or, with `{"ready": true}`, those that are ready."""
    only_ready = wanted is not None and wanted.ready
    return [
        Entry(name=entry.name, version=entry.version, state=entry.state, reason=entry.reason)
        for entry in models.index()
        if entry.state is State.READY or not only_ready
    ]


@router.post("/models/{name}/load", responses=UNKNOWN)
async def load(models: ModelsOf, name: str) -> dict[str, str]:
    """Load a model of the repository, or exchange the one served for the active version that the repository now has."""
    await models.load(name)
    return {}


@router.post("/models/{name}/unload", responses=UNKNOWN)
async def unload(models: ModelsOf, name: str) -> dict[str, str]:
    """Take a model out of service once its requests are answered."""
    await models.unload(name)
    return {}
