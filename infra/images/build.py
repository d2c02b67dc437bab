"""How an image is built from the program's sources, and pushed to every registry of a stack."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import pulumi
import pulumi_docker_build as docker_build

from infra.images.registry import BUILD_CACHE_PREFIX, Registry
from infra.settings.image import Variant

ROOT = Path(__file__).parents[2]


class BuildArgs(TypedDict):
    """Inputs of an image build, by the names that the SDK has for them."""

    context: docker_build.BuildContextArgsDict
    dockerfile: docker_build.DockerfileArgsDict
    build_args: Mapping[str, str]
    build_on_preview: bool


def build_args(folder: str, base: str, variant: Variant) -> BuildArgs:
    """What every build of the image in `folder`'s Dockerfile shares, wherever the result goes."""
    return {
        # Relative to the program, so that a laptop's state and CI's are the same.
        "context": {"location": "."},
        "dockerfile": {"location": f"{folder}/Dockerfile"},
        "build_args": {"BASE_IMAGE": base, "VARIANT": variant.value},
        # A preview reads; it neither builds nor pushes.
        "build_on_preview": False,
    }


def content_tag(base: str, variant: Variant, files: Iterable[Path], root: Path) -> str:
    """A tag that changes with the base and with any file's content, mode or place: `<variant>-<12 hex digits>`."""
    digest = hashlib.sha256(f"{variant.value} {base}".encode())
    for path in sorted(files):
        digest.update(f"\n{path.relative_to(root)} {path.stat().st_mode:o} ".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return f"{variant.value}-{digest.hexdigest()[:12]}"


def pushed(
    name: str, args: BuildArgs, tag: str, cache: str, registries: Sequence[Registry], parent: pulumi.Resource
) -> pulumi.Output[str]:
    """The digest of one build, pushed to every registry under one tag.

    The first registry keeps the build cache, under a name of its own.
    https://www.pulumi.com/registry/packages/docker-build/api-docs/image/
    """
    urls = [registry.repository_url for registry in registries]
    kept = pulumi.Output.concat(urls[0], ":", BUILD_CACHE_PREFIX, cache)
    to: docker_build.CacheToRegistryArgsDict = {
        "ref": kept,
        "mode": docker_build.CacheMode.MAX,
        # ECR takes a cache as an OCI image only.
        "image_manifest": True,
        "oci_media_types": True,
    }
    image = docker_build.Image(
        name,
        **args,
        platforms=[docker_build.Platform.LINUX_AMD64],
        tags=[pulumi.Output.concat(url, ":", tag) for url in urls],
        push=True,
        cache_from=[{"registry": {"ref": kept}}],
        cache_to=[{"registry": to}],
        registries=[login for registry in registries if (login := registry.login())],
        # Old images are the registry's to expire: the one that leaves the program may still be running.
        opts=pulumi.ResourceOptions(parent=parent, retain_on_delete=True),
    )
    return image.digest


def references(digest: pulumi.Input[str], registries: Mapping[str, Registry]) -> dict[str, pulumi.Output[str]]:
    """The image in each registry, by digest."""
    return {cloud: pulumi.Output.concat(registry.repository_url, "@", digest) for cloud, registry in registries.items()}
