"""The image that trains: built from `inference_app/training/`, or given by digest."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_docker_build as docker_build

from infra.images.model_image import BuildArgs
from infra.images.registry import BUILD_CACHE_PREFIX, Registry
from infra.settings.image import Variant
from infra.settings.training import TrainingSettings

ROOT = Path(__file__).parents[2]
SOURCE = "inference_app/training"


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
        if args.settings.image:
            self.refs = dict.fromkeys(args.clouds, args.settings.image)
        else:
            digest = self._build(name, args).digest
            self.refs = {
                cloud: pulumi.Output.concat(registry.repository_url, "@", digest)
                for cloud, registry in args.registries.items()
            }
        self.register_outputs({"refs": self.refs})

    def _build(self, name: str, args: TrainingImageArgs) -> docker_build.Image:
        urls = [registry.repository_url for registry in args.registries.values()]
        kind = variant(args.settings)
        cache = pulumi.Output.concat(urls[0], f":{BUILD_CACHE_PREFIX}training-{kind}")
        return docker_build.Image(
            name,
            **build(args.base, kind),
            platforms=[docker_build.Platform.LINUX_AMD64],
            tags=[pulumi.Output.concat(url, ":", source_tag(args.base, kind)) for url in urls],
            push=True,
            cache_from=[{"registry": {"ref": cache}}],
            # ECR takes a cache as an OCI image only.
            cache_to=[{"registry": {"ref": cache, "image_manifest": True, "oci_media_types": True}}],
            registries=[login for registry in args.registries.values() if (login := registry.login())],
            # Old images are the registry's to expire: a run may still pull the one that leaves the program.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )


def variant(settings: TrainingSettings) -> Variant:
    """TensorFlow with CUDA where a run has a GPU."""
    return Variant.CUDA if settings.gpus else Variant.CPU


def build(base: str, kind: Variant) -> BuildArgs:
    """The build; https://www.pulumi.com/registry/packages/docker-build/api-docs/image/."""
    return {
        # Relative to the program, so that a laptop's state and CI's are the same.
        "context": {"location": "."},
        "dockerfile": {"location": f"{SOURCE}/Dockerfile"},
        "build_args": {"BASE_IMAGE": base, "VARIANT": kind.value},
        # A preview reads; it neither builds nor pushes.
        "build_on_preview": False,
    }


def source_tag(base: str, kind: Variant, root: Path = ROOT) -> str:
    """A tag that changes when anything that goes into the image does: `training-<variant>-<12 hex digits>`."""
    digest = hashlib.sha256(f"{kind.value} {base}".encode())
    for path in _sources(root / SOURCE):
        digest.update(f"\n{path.relative_to(root)} {path.stat().st_mode:o} ".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return f"training-{kind.value}-{digest.hexdigest()[:12]}"


def _sources(folder: Path) -> Iterable[Path]:
    """What `Dockerfile.dockerignore` leaves in the build context, and what says how to build it."""
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return sorted([*files, folder.parent / "__init__.py"])
