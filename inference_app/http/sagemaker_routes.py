"""The calls by which a SageMaker multi-model endpoint loads, lists and unloads models.

https://docs.aws.amazon.com/sagemaker/latest/dg/mms-container-apis.html
"""

from pathlib import Path
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from inference_app import sagemaker
from inference_app.contract import Route
from inference_app.errors import AlreadyLoaded, BadRequest, ConfigurationError, ModelUnusable
from inference_app.http.admin import ModelsOf, require_token
from inference_app.http.openapi import ADMIN, UNKNOWN, Responses
from inference_app.settings import Settings

PAGE = 100
"""Models in one answer of the list."""

REFUSALS: Responses = {
    400: {"description": "The folder holds no model that can be served; `error` says why."},
    409: {"description": "A model of that name is loaded."},
    507: {"description": "The model does not fit into the memory that is left; unload another first."},
}


async def require_platform(request: Request) -> None:
    """In multi-model mode SageMaker is the only one who reaches the port; elsewhere these calls need the token."""
    if not cast("Settings", request.app.state.settings).sagemaker_multi_model:
        await require_token(request)


router = APIRouter(prefix=Route.MODELS, tags=["SageMaker"], dependencies=[Depends(require_platform)], responses=ADMIN)


class Load(BaseModel):
    """A model's name, which means nothing but itself, and the folder that its archive was unpacked to."""

    model_name: Annotated[str, Field(min_length=1)]
    url: Path


class Loaded(BaseModel):
    """A loaded model, in SageMaker's spelling."""

    modelName: str  # noqa: N815
    modelUrl: str  # noqa: N815


class Page(BaseModel):
    """Some of the loaded models; without a token, the last of them."""

    models: list[Loaded]
    nextPageToken: str | None = None  # noqa: N815


@router.post("", responses=REFUSALS)
async def load(models: ModelsOf, wanted: Load) -> Loaded:
    """Load the model in a folder, and answer for it under a name."""
    if wanted.model_name in models.slots:
        raise AlreadyLoaded(f"model {wanted.model_name} is loaded")
    try:
        version = sagemaker.locate(wanted.url)
        await models.load_from(version.directory, wanted.model_name)
    except (ConfigurationError, ModelUnusable) as error:
        raise BadRequest(str(error)) from error
    return _loaded(models, wanted.model_name)


@router.get("", response_model_exclude_none=True)
async def index(models: ModelsOf, next_page_token: Annotated[str, Query()] = "") -> Page:
    """The loaded models by name, page by page."""
    following = [name for name in sorted(models.slots) if name > next_page_token]
    shown = following[:PAGE]
    token = shown[-1] if len(following) > PAGE else None
    return Page(models=[_loaded(models, name) for name in shown], nextPageToken=token)


@router.get("/{name}", responses=UNKNOWN)
async def describe(models: ModelsOf, name: str) -> Loaded:
    """One loaded model."""
    return _loaded(models, name)


@router.delete("/{name}", responses=UNKNOWN)
async def unload(models: ModelsOf, name: str) -> dict[str, str]:
    """Unload a model; when this answers, its memory is free."""
    await models.unload(name)
    return {}


def _loaded(models: ModelsOf, name: str) -> Loaded:
    return Loaded(modelName=name, modelUrl=str(models.get(name).version.directory))
