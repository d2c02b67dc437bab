"""Answers to inputs that came before, kept in a Redis that all replicas share; off by default.

A request looks there first and, where its answer is not there in time, goes to the model as ever. Whole requests are
looked up, not their examples: one key, one value, and no batch that is half there. Requests for the same answer that
is not there yet each go to the model.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference_app.result_cache.cache import ResultCache
    from inference_app.settings import Settings


def of(settings: "Settings") -> "ResultCache | None":
    """The cache that the settings name; None where they name none."""
    if settings.result_cache_url is None:
        return None
    from inference_app.result_cache.cache import ResultCache  # with Redis's client, which most servers need not load

    return ResultCache(settings)
