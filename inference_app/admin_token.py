"""The token that calls need which look into the repository or change what is served."""

import hmac

from inference_app.errors import Forbidden, Unauthorized
from inference_app.settings import Settings


def check(settings: Settings, authorization: bytes) -> None:
    """Check the value of an `Authorization` header; the comparison takes as long for a close guess as for a far one.

    Raises `Forbidden` where the server has no token, `Unauthorized` for another one than its own.
    """
    if settings.admin_token is None:
        raise Forbidden("set ADMIN_TOKEN on the server to allow calls that load or unload models")
    if not hmac.compare_digest(authorization, f"Bearer {settings.admin_token.get_secret_value()}".encode()):
        raise Unauthorized("send the server's ADMIN_TOKEN as Authorization: Bearer")
