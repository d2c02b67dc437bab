"""One model behind every protocol: whether it is ready, and the way into its queue."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from inference_app import model as models
from inference_app.batching import STOPPING, Batcher, BatchingLimits
from inference_app.errors import ModelUnusable, NotReady
from inference_app.metrics import Metrics
from inference_app.model import Model
from inference_app.repository import ModelVersion
from inference_app.settings import Settings
from inference_app.tensors import Arrays

logger = logging.getLogger(__name__)

LOADING = "the model is loading"


class Service:
    """Loads the model in the background, answers for it, and knows why it is not ready."""

    def __init__(self, version: ModelVersion, settings: Settings) -> None:
        self.metadata = version.metadata
        self.metrics = Metrics(version.metadata.name)
        self._version = version
        self._settings = settings
        self._batcher: Batcher | None = None
        self._obstacle: str | None = LOADING
        self.metrics.ready.set_function(lambda: float(self._obstacle is None))

    async def load(self, make: Callable[..., Model] = models.load) -> None:
        """Load and prove the model on another thread; a model that fails leaves the service alive, never ready."""
        settings = self._settings
        load = partial(
            make, self._version, settings.execution_provider, settings.intra_op_threads, settings.max_batch_size
        )
        try:
            model = await asyncio.to_thread(load)
        except ModelUnusable as error:
            self._refuse(str(error))
        except Exception as error:
            logger.exception("the model cannot be loaded")
            self._refuse(f"{type(error).__name__}: {error}")
        else:
            self._serve(model)

    def require_ready(self) -> None:
        """Raise `NotReady` with the reason unless the service is ready."""
        if self._obstacle is not None:
            raise NotReady(self._obstacle)

    def require_model(self) -> Batcher:
        """The model's queue, which a stopping server still has; raises `NotReady` while there is none."""
        if self._batcher is None:
            raise NotReady(self._obstacle or STOPPING)
        return self._batcher

    async def infer(self, inputs: Arrays) -> Arrays:
        """Outputs for checked inputs; raises what `Batcher.infer` raises, and `NotReady` while there is no model."""
        return await self.require_model().infer(inputs)

    def drain(self) -> None:
        """Stop being ready; requests are still answered."""
        self._obstacle = STOPPING

    def close(self) -> None:
        """Stop the model's thread."""
        if self._batcher is not None:
            self._batcher.close()

    def _refuse(self, reason: str) -> None:
        self._obstacle = reason
        logger.error("not ready", extra={"reason": reason})

    def _serve(self, model: Model) -> None:
        settings = self._settings
        limits = BatchingLimits(
            max_batch_size=settings.max_batch_size,
            max_delay=settings.max_batch_delay_ms / 1000,
            max_queue_size=settings.max_queue_size,
            timeout=settings.request_timeout_seconds,
        )
        self._batcher = Batcher(model.run, limits, self.metrics)
        if self._obstacle == LOADING:  # else the server began to stop meanwhile
            self._obstacle = None
        labels = (model.metadata.name, model.metadata.version, model.provider)
        self.metrics.model_info.labels(*labels).set(1)
        logger.info("ready", extra=dict(zip(("model", "version", "execution_provider"), labels, strict=True)))
