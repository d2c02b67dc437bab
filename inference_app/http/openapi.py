"""What the OpenAPI document says of bodies and errors, which the protocols read themselves, unseen by FastAPI."""

from typing import Any

from inference_app.contract import Route
from inference_app.http import schemas
from inference_app.models import Models
from inference_app.preprocessing.declarations import ImagePreprocessing, TextPreprocessing
from inference_app.protocols.media import FORM, IMAGES
from inference_app.protocols.media import TEXT as PLAIN_TEXT
from inference_app.repository import Metadata

JSON = "application/json"
BINARY = {"schema": {"type": "string", "format": "binary"}}
TEXT = {"schema": {"type": "string"}}
ARRAYS = {"text/csv": TEXT, "application/x-npy": BINARY}
HTTP_METHODS = ("get", "post", "delete")
FASTAPI_422 = "Validation Error"

Responses = dict[int | str, dict[str, Any]]

NOT_READY: Responses = {503: {"description": "Not ready; `error` says why."}}
ADMIN: Responses = {
    401: {"description": "The bearer token is wrong or missing."},
    403: {"description": "The server has no ADMIN_TOKEN, so it refuses such calls."},
}
KEYED: Responses = {401: {"description": "The request brings none of the server's API keys."}}
UNKNOWN: Responses = {404: {"description": "No such model or version here."}}
NOT_ACCEPTABLE: Responses = {406: {"description": "Accept allows no form that this model's answer can have."}}
ERRORS: Responses = NOT_READY | {
    400: {"description": "The body is not what the model takes; `error` says what was expected and what came."},
    408: {"description": "The body did not arrive in time."},
    413: {"description": "The body, the image or the number of examples is too large."},
    415: {"description": "The body's type or encoding is not supported."},
    429: {"description": "The queue is full; try again after `Retry-After` seconds."},
    422: {"description": "The model's answer to this input is NaN or infinite."},
    500: {"description": "The model failed on this input."},
    504: {"description": "The model had no time for the request before its deadline."},
}
ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}

PREDICTIONS = {
    "type": "object",
    "required": ["model", "version", "predictions"],
    "properties": {"model": {"type": "string"}, "version": {"type": "string"}, "predictions": {"type": "array"}},
}
INFERENCE = {
    "type": "object",
    "required": ["model_name", "model_version", "outputs"],
    "properties": {"model_name": {"type": "string"}, "model_version": {"type": "string"}, "outputs": {"type": "array"}},
}


def complete(document: dict[str, Any], models: Models, most_examples: int, *, names_only: bool) -> dict[str, Any]:
    """The document with what FastAPI does not know: bodies of the models that are served, errors, no FastAPI 422.

    A path with a model's name in it is described for the default model. With `names_only` no body is: the document is
    open to everybody, and what a model takes is told to those who have an API key.
    """
    metadata = None if models.default is None or names_only else models.default.metadata
    for path, operations in document["paths"].items():
        for method in HTTP_METHODS:
            if method in operations:
                _complete_errors(operations[method])
        for parameter in operations.get("post", operations.get("get", {})).get("parameters", []):
            _name_what_is_served(path, parameter, models)
        if metadata is not None and "post" in operations:
            _describe(path, operations["post"], metadata, most_examples)
    schemas_left = document.get("components", {}).get("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas_left.pop(name, None)
    return document


def _complete_errors(operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    if answers.get("422", {}).get("description") == FASTAPI_422:
        del answers["422"]
        if "requestBody" in operation:
            answers.setdefault("400", {"description": "The body is not what this call takes."})
    for code, answer in answers.items():
        if int(code) >= 400:
            answer["content"] = {JSON: {"schema": ERROR}}


def _name_what_is_served(path: str, parameter: dict[str, Any], models: Models) -> None:
    if "/infer" not in path and "/invoke" not in path and not path.startswith(Route.PREDICT):
        return
    if parameter["name"] == "name":
        parameter["schema"] = {"type": "string", "enum": list(models.slots)}
    elif parameter["name"] == "version":
        parameter["schema"] = {
            "type": "string",
            "enum": [slot.model.metadata.version for slot in models.slots.values()],
        }


def _describe(path: str, operation: dict[str, Any], metadata: Metadata, most: int) -> None:
    if path.endswith("/infer"):
        body = _json(schemas.infer(metadata), schemas.infer_example(metadata))
        _set(operation, body, {JSON: {"schema": INFERENCE}})
        return
    body = _json(schemas.predict(metadata, most), schemas.predict_example(metadata)) | _media(metadata)
    if path == Route.JOBS:
        operation["requestBody"] = {"required": True, "content": body}
    if path.startswith(Route.PREDICT):
        _set(operation, body, {JSON: {"schema": PREDICTIONS}})
    elif path.endswith(("/invoke", Route.INVOCATIONS)):
        _set(operation, body | ARRAYS, {JSON: {"schema": PREDICTIONS}, **ARRAYS})


def _media(metadata: Metadata) -> dict[str, Any]:
    if isinstance(metadata.preprocessing, ImagePreprocessing):
        return dict.fromkeys((*IMAGES, FORM), BINARY)
    return {PLAIN_TEXT: TEXT} if isinstance(metadata.preprocessing, TextPreprocessing) else {}


def _set(operation: dict[str, Any], body: dict[str, Any], answers: dict[str, Any]) -> None:
    operation["requestBody"] = {"required": True, "content": body}
    operation["responses"]["200"] = {"description": "The model's answer.", "content": answers}


def _json(schema: schemas.Schema, example: Any) -> dict[str, Any]:
    return {JSON: {"schema": schema} | ({} if example is None else {"example": example})}
