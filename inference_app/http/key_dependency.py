"""What the application's routes depend on where a request needs an API key."""

from collections.abc import Sequence

from fastapi import Depends, Request, params
from fastapi.security import APIKeyHeader, HTTPBearer

from inference_app.api_keys import ApiKeys
from inference_app.contract import API_KEY_HEADER

_DESCRIBED = (
    HTTPBearer(scheme_name="ApiKey", description="One of API_KEYS", auto_error=False),
    APIKeyHeader(name=API_KEY_HEADER, scheme_name="ApiKeyHeader", description="One of API_KEYS", auto_error=False),
)


def require(keys: ApiKeys | None) -> Sequence[params.Depends]:
    """Dependencies of routes that need one of `keys`: the first refuses, the others describe. None for None."""
    if keys is None:
        return []

    async def require_key(request: Request) -> None:
        keys.check(dict(request.headers.raw))

    return [Depends(each) for each in (require_key, *_DESCRIBED)]
