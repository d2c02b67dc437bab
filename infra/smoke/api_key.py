"""The key that smoke runs show to endpoints which want one: from the user's environment, and printed nowhere."""

import os
import re

from inference_app.contract import API_KEY_HEADER
from infra.smoke.errors import InputError

VARIABLE = "SMOKE_API_KEY"


def headers() -> dict[str, str]:
    """The key in both headers that servers and gateways look into, none where there is no key; raises `InputError`."""
    key = _key()
    if not key:
        return {}
    if not re.fullmatch("[!-~]+", key):
        raise InputError(f"{VARIABLE} must be one key or token, of ASCII characters and without spaces")
    return {"Authorization": f"Bearer {key}", API_KEY_HEADER: key}


def advice() -> str:
    """What to do where an endpoint refuses a request for its key, or for having none."""
    if _key():
        return f"it does not take the key in {VARIABLE}: set that to one of its own"
    return f"it wants a key: set {VARIABLE} to one of its own"


def _key() -> str:
    return os.environ.get(VARIABLE, "").strip()
