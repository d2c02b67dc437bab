"""Which kind of source a URL names."""

from collections.abc import Callable
from functools import partial

from inference_app.pull.source import SourceVersion, look_up
from inference_app.pull.store import ObjectStore
from inference_app.pull.wanted import Model
from inference_app.settings import Settings

REGISTERED = "models:/"


def opened(url: str, settings: Settings) -> Callable[[Model], SourceVersion]:
    """What tells what there is to pull of a model; raises `ConfigurationError` for a URL of no kind.

    What it gives raises `PullError`.
    """
    if not url.startswith(REGISTERED):
        return partial(look_up, ObjectStore(url, settings.model_source_retry_seconds))
    from inference_app.pull.registered import Registered

    return Registered(url, settings).look_up
