"""The images of a stack, by the cloud that pulls them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.clouds.cloud import Cloud
from infra.images.model_image import ModelImage, ModelImageArgs
from infra.settings import StackSettings
from infra.settings.image import ImageSettings
from infra.training.image import TrainingImage, TrainingImageArgs


@dataclass(frozen=True, kw_only=True)
class Images:
    """What a cloud pulls, by digest; None where the stack has no such image."""

    model: pulumi.Input[str] | None = None
    training: pulumi.Input[str] | None = None


def stack_images(settings: StackSettings, clouds: Sequence[Cloud]) -> Mapping[str, Images]:
    """Build what the settings ask for and push it to every registry of the stack."""
    registries = {cloud.name: cloud.registry for cloud in clouds if cloud.registry}
    models: Mapping[str, pulumi.Input[str]] = {}
    if settings.image and registries:
        model = ModelImage("image", ModelImageArgs(settings=settings.image, registries=registries))
        pulumi.export("image", model.refs)
        models = model.refs
    training: Mapping[str, pulumi.Input[str]] = {}
    if settings.training and (settings.training.image or registries):
        args = TrainingImageArgs(
            settings=settings.training,
            base=(settings.image or ImageSettings()).base,
            registries=registries,
            clouds=[cloud.name for cloud in clouds],
        )
        training = TrainingImage("training-image", args).refs
    return {cloud.name: Images(model=models.get(cloud.name), training=training.get(cloud.name)) for cloud in clouds}
