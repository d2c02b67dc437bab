"""The `image` block."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from infra.settings.model import Settings, unit

ImageByDigest = Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+(:[\w.-]+)?@sha256:[0-9a-f]{64}$")]


class Variant(StrEnum):
    """Which ONNX Runtime the image carries."""

    CPU = "cpu"
    CUDA = "cuda"


class ImageSettings(Settings):
    """The model image: built from `inference_app/` by `up`, or given by the digest that CI built."""

    variant: Variant = Variant.CUDA
    """`cuda` for GPU nodes, `cpu` for the rest."""
    base: str = "python:3.13-slim-trixie"
    """Base image of the build; pin it by digest (`name@sha256:...`) or name a mirror where policy asks for it."""
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    """Digest of an image that is already in the stack's registry; with it `up` builds nothing."""
    repository: Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+$")] | None = None
    """A repository that exists, `host/path`, for `existing` clusters; pushed to with Docker's own login."""
    keep: Annotated[int, Field(ge=2), unit("images")] = 20
    """Tagged images that the registry keeps; older ones expire."""
    delete_images: bool = True
    """Whether `destroy` deletes the registry with its images; false refuses."""
