"""The image that every target runs: built from `inference_app/`, or given by digest."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import pulumi
import pulumi_docker_build as docker_build

from infra.images.registry import BUILD_CACHE_PREFIX, Registry
from infra.settings.image import ImageSettings

ROOT = Path(__file__).parents[2]
APP = "inference_app"
_CACHE = "__pycache__"


class BuildArgs(TypedDict):
    """Inputs of an image build, by the names that the SDK has for them."""

    context: docker_build.BuildContextArgsDict
    dockerfile: docker_build.DockerfileArgsDict
    build_args: Mapping[str, str]
    build_on_preview: bool


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
        digest = args.settings.digest or self._build(name, args).digest
        self.refs = {
            cloud: pulumi.Output.concat(registry.repository_url, "@", digest)
            for cloud, registry in args.registries.items()
        }
        self.register_outputs({"refs": self.refs})

    def _build(self, name: str, args: ModelImageArgs) -> docker_build.Image:
        settings, urls = args.settings, [registry.repository_url for registry in args.registries.values()]
        cache = pulumi.Output.concat(urls[0], f":{BUILD_CACHE_PREFIX}{settings.variant.value}")
        logins = [login for registry in args.registries.values() if (login := registry.login())]
        return docker_build.Image(
            name,
            **build(settings),
            platforms=[docker_build.Platform.LINUX_AMD64],
            tags=[pulumi.Output.concat(url, ":", source_tag(settings)) for url in urls],
            push=True,
            cache_from=[{"registry": {"ref": cache}}],
            # ECR takes a cache as an OCI image only.
            cache_to=[
                {
                    "registry": {
                        "ref": cache,
                        "mode": docker_build.CacheMode.MAX,
                        "image_manifest": True,
                        "oci_media_types": True,
                    }
                }
            ],
            registries=logins,
            # Old images are the registry's to expire: the one that leaves the program may still be running.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )


def build(settings: ImageSettings) -> BuildArgs:
    """What every build of the image shares, wherever the result goes."""
    return {
        # Relative to the program, so that a laptop's state and CI's are the same.
        "context": {"location": "."},
        "dockerfile": {"location": f"{APP}/Dockerfile"},
        "build_args": {"BASE_IMAGE": settings.base, "VARIANT": settings.variant.value},
        # A preview reads; it neither builds nor pushes.
        "build_on_preview": False,
    }


def source_tag(settings: ImageSettings, root: Path = ROOT) -> str:
    """A tag that changes when anything that goes into the image does: `<variant>-<12 hex digits>`."""
    digest = hashlib.sha256(f"{settings.variant.value} {settings.base}".encode())
    for path in _sources(root / APP):
        digest.update(f"\n{path.relative_to(root)} {path.stat().st_mode:o} ".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return f"{settings.variant.value}-{digest.hexdigest()[:12]}"


def _sources(folder: Path) -> Iterable[Path]:
    """What `Dockerfile.dockerignore` leaves in the build context."""
    files = ((path, path.relative_to(folder).parts) for path in folder.rglob("*") if path.is_file())
    return sorted(path for path, parts in files if parts[0] != "training" and _CACHE not in parts)
