"""Jobs in a queue, put there as a server would."""

from collections.abc import Iterable, Mapping

from inference_app.asynchronous.request import JobRequest
from inference_app.asynchronous.store import JobStore
from inference_app.settings import Settings


async def submit(environment: Mapping[str, str], requests: Iterable[JobRequest]) -> None:
    """By a server with these variables."""
    store = JobStore(Settings.model_validate({name.lower(): value for name, value in environment.items()}))
    for request in requests:
        await store.submit(request)
    await store.close()
