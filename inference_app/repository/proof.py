"""What a version must show before it comes into a repository: that a server could serve it."""

import asyncio

from inference_app.metrics import Metrics
from inference_app.repository.versions import ModelVersion
from inference_app.served_model import ServedModel
from inference_app.settings import Settings


def prove(version: ModelVersion, settings: Settings) -> None:
    """Load a version as a server does, its golden inference included; raises `ModelUnusable` with the reason."""
    asyncio.run(_load(version, settings))


async def _load(version: ModelVersion, settings: Settings) -> None:
    model = ServedModel(version, settings, Metrics())
    try:
        await model.load()
    finally:
        model.close()
