"""The page of docs/ that lists what the server answers over HTTP."""

from collections.abc import Iterator
from typing import Any

from inference_app.http.app import create_app
from inference_app.metrics import Metrics
from inference_app.models import Models
from inference_app.settings import Settings

_HEAD = """# Endpoints

Generated from the server's OpenAPI document by `make docs`; a running server has it at `/openapi.json`, with the bodies
that its models take, and as a page at `/docs`. gRPC's calls are those of the Open Inference Protocol. `/jobs` is there
where `JOBS_URL` is set ([asynchronous inference](asynchronous.md)).

| Method | Path | What |
|---|---|---|
"""


def endpoints_page() -> str:
    """Returns docs/endpoints.md."""
    settings = Settings(jobs_url="redis://localhost")  # nothing connects before it is asked
    document = create_app(Models([], settings, Metrics()), settings).openapi()
    return _HEAD + "".join(_rows(document["paths"]))


def _rows(paths: dict[str, dict[str, Any]]) -> Iterator[str]:
    for path in sorted(paths):
        for method, operation in paths[path].items():
            what = " ".join(operation.get("description", operation["summary"]).split())
            yield f"| {method.upper()} | `{path}` | {what.replace('|', '&#124;')} |\n"
