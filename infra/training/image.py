"""The image that trains: built from `inference_app/training/`, or given by digest."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi

from infra.images.build import ROOT, build_args, content_tag, pushed, references
from infra.images.registry import Registry
from infra.settings.image import Variant
from infra.settings.training import TrainingSettings

APP = "inference_app"
SOURCE = f"{APP}/training"


@dataclass(frozen=True, kw_only=True)
class TrainingImageArgs:
    """`base` is the base image of the build; `registries`, by the cloud that pulls from each.

    `clouds` are all that pull, those without a registry too, for an image that is given.
    """

    settings: TrainingSettings
    base: str
    registries: Mapping[str, Registry]
    clouds: Sequence[str]


class TrainingImage(pulumi.ComponentResource):
    """One image in every registry of the stack, beside the model image; `refs` names it in each."""

    refs: Mapping[str, pulumi.Input[str]]

    def __init__(self, name: str, args: TrainingImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:training:TrainingImage", name, None, opts)
        given = args.settings.image
        self.refs = dict.fromkeys(args.clouds, given) if given else references(self._built(name, args), args.registries)
        self.register_outputs({"refs": self.refs})

    def _built(self, name: str, args: TrainingImageArgs) -> pulumi.Output[str]:
        kind = variant(args.settings)
        built, cache = build_args(SOURCE, args.base, kind), f"training-{kind.value}"
        return pushed(name, built, source_tag(args.base, kind), cache, [*args.registries.values()], self)


def variant(settings: TrainingSettings) -> Variant:
    """TensorFlow with CUDA where a run has a GPU."""
    return Variant.CUDA if settings.gpus else Variant.CPU


def source_tag(base: str, kind: Variant, root: Path = ROOT) -> str:
    """A tag that changes when anything that goes into the image does: `training-<variant>-<12 hex digits>`."""
    return f"training-{content_tag(base, kind, _sources(root / APP), root)}"


def _sources(app: Path) -> Iterable[Path]:
    """What `Dockerfile.dockerignore` leaves in the build context, and what says how to build it."""
    files = ((path, path.relative_to(app).parts) for path in app.rglob("*") if path.is_file())
    return (path for path, parts in files if parts[0] != "model_repository" and "__pycache__" not in parts)
