"""The image that every target runs: built from `inference_app/`, or given by digest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi

from infra.images.build import ROOT, BuildArgs, build_args, content_tag, pushed, references
from infra.images.registry import Registry
from infra.settings.image import ImageSettings

APP = "inference_app"
_CACHE = "__pycache__"


@dataclass(frozen=True, kw_only=True)
class ModelImageArgs:
    """`registries`, by the cloud that pulls from each: one build is pushed to all of them."""

    settings: ImageSettings
    registries: Mapping[str, Registry]


class ModelImage(pulumi.ComponentResource):
    """One image in every registry of the stack, under one digest; `refs` names it in each."""

    refs: Mapping[str, pulumi.Output[str]]

    def __init__(self, name: str, args: ModelImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:images:ModelImage", name, None, opts)
        self.refs = references(args.settings.digest or self._built(name, args), args.registries)
        self.register_outputs({"refs": self.refs})

    def _built(self, name: str, args: ModelImageArgs) -> pulumi.Output[str]:
        settings, registries = args.settings, [*args.registries.values()]
        return pushed(name, build(settings), source_tag(settings), settings.variant.value, registries, self)


def build(settings: ImageSettings) -> BuildArgs:
    """What every build of the image shares, wherever the result goes."""
    return build_args(APP, settings.base, settings.variant)


def source_tag(settings: ImageSettings, root: Path = ROOT) -> str:
    """A tag that changes when anything that goes into the image does: `<variant>-<12 hex digits>`."""
    return content_tag(settings.base, settings.variant, _sources(root / APP), root)


def _sources(folder: Path) -> Iterable[Path]:
    """What `Dockerfile.dockerignore` leaves in the build context."""
    files = ((path, path.relative_to(folder).parts) for path in folder.rglob("*") if path.is_file())
    return (path for path, parts in files if parts[0] != "training" and _CACHE not in parts)
