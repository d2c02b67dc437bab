"""One server's way to the results that are kept."""

import asyncio

from inference_app.jobs import Queue
from inference_app.metrics import CacheMetrics, ModelMetrics
from inference_app.protocols import tensor_list
from inference_app.repository import Metadata
from inference_app.result_cache.client import connect
from inference_app.result_cache.key import Keys
from inference_app.result_cache.lookups import Lookups
from inference_app.result_cache.queue import CachedQueue
from inference_app.result_cache.stores import Stores
from inference_app.settings import Settings


class ResultCache:
    """All models of a server share it; lives on the event loop."""

    def __init__(self, settings: Settings) -> None:
        """Makes no connection yet, and asks for nothing before `start`."""
        self.max_value_bytes = settings.result_cache_max_value_bytes
        # A connection each: a large value on its way must not keep a question waiting.
        self.lookups = Lookups(connect(settings), settings.result_cache_timeout_ms / 1000)
        self.stores = Stores(connect(settings), settings.result_cache_ttl_seconds)
        self._provider = settings.execution_provider
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Connect, in the background."""
        self._running = [asyncio.create_task(self.lookups.run()), asyncio.create_task(self.stores.run())]

    def close(self) -> None:
        """Ask for nothing more; the connections are closed soon."""
        for task in self._running:
            task.cancel()

    def before(self, queue: Queue, metadata: Metadata, metrics: ModelMetrics) -> CachedQueue:
        """A queue that answers what is kept, before another one."""
        metrics.cache = metrics.cache or CacheMetrics()
        outputs = tensor_list.lenient(metadata.outputs)
        return CachedQueue(queue, self, Keys(metadata, self._provider), outputs, metrics.cache)
