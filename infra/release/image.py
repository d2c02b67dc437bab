"""The name of a released image."""

import re
from dataclasses import dataclass

from infra.release.errors import ReleaseError
from infra.settings.image import Variant

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REPOSITORY = re.compile(r"[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*")


@dataclass(frozen=True, kw_only=True)
class Released:
    """One variant's image in the release registry, by digest."""

    repository: str
    digest: str

    @property
    def reference(self) -> str:
        """`host/path@sha256:...`."""
        return f"{self.repository}@{self.digest}"


def released(registry: str, variant: Variant, digest: str) -> Released:
    """The image below `registry`: each variant has a repository of its own, so that no stack gets another's.

    Raises `ReleaseError` for what is no digest or no registry.
    """
    if not _DIGEST.fullmatch(digest):
        raise ReleaseError(f"DIGEST must be sha256: and 64 hex digits, got {digest!r}; `release` prints it")
    return Released(repository=repository(registry, variant), digest=digest)


def repository(registry: str, variant: Variant) -> str:
    """Where `release` pushes a variant. Raises `ReleaseError` for a name that no registry has."""
    name = registry.lower().rstrip("/")
    if not _REPOSITORY.fullmatch(name):
        raise ReleaseError(f"REGISTRY must be host/path, such as ghcr.io/team/platform, got {registry!r}")
    return f"{name}/model-server-{variant.value}"
