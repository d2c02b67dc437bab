"""Routes for whoever runs the server: probes, metrics and the API's page."""

from typing import cast

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from inference_app import docs_page
from inference_app.contract import Route
from inference_app.openapi import NOT_READY
from inference_app.service import Service

router = APIRouter(tags=["operations"])


def service_of(request: Request) -> Service:
    """The service behind the application that got this request."""
    return cast("Service", request.app.state.service)


@router.get(Route.HEALTH)
async def health() -> dict[str, str]:
    """Live: the process answers, whatever its model does."""
    return {"status": "live"}


@router.get(Route.READY, responses=NOT_READY)
async def ready(request: Request) -> dict[str, str]:
    """Ready for requests: model loaded, warm, and its golden answer right."""
    service = service_of(request)
    service.require_ready()
    return {"status": "ready", "model": service.metadata.name, "version": service.metadata.version}


@router.get(Route.METRICS, response_class=Response)
async def metrics(request: Request) -> Response:
    """Prometheus metrics."""
    content, content_type = service_of(request).metrics.exposition(request.headers.get("accept", ""))
    return Response(content, headers={"Content-Type": content_type})


@router.get(Route.DOCS, include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """This API for people; /openapi.json has it for programs."""
    return HTMLResponse(docs_page.render(request.app.openapi()))
