"""The `serving.tensorFlowServing` block."""

from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field

from infra.settings.image import ImageByDigest
from infra.settings.model import Settings, unit


def _ascending(sizes: tuple[int, ...]) -> tuple[int, ...]:
    if any(later <= earlier for earlier, later in pairwise(sizes)):
        raise ValueError("must be in ascending order")
    return sizes


class TensorFlowServingSettings(Settings):
    """TensorFlow Serving in the model server's place, for SavedModels of `model.source`."""

    image: ImageByDigest
    """Image with `tensorflow_model_server`, by digest: `tensorflow/serving:2.20.0@sha256:...`, or the tag `2.20.0-gpu`
    where `serving.gpus` is above 0. `docker buildx imagetools inspect tensorflow/serving:2.20.0` shows the digest."""
    model_path: Annotated[str, Field(pattern=r"^[\w-][\w.-]*(/[\w-][\w.-]*)*$")] | None = None
    """Folder of a volume that holds the model's numbered versions; absent means the one of the model's name."""
    batch_threads: Annotated[int | None, Field(ge=1, le=256), unit("threads")] = None
    """Batches that run at once; absent means one for each core of the node."""
    allowed_batch_sizes: Annotated[
        tuple[Annotated[int, Field(ge=1), unit("examples")], ...], AfterValidator(_ascending)
    ] = ()
    """Sizes that batches are padded to, ascending up to `model.batching.maxSize`; for models compiled for each size."""
