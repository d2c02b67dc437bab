"""Where Redis is, as a setting names it."""

import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from inference_app.contract import REDIS_URL
from inference_app.mistakes import UNSHOWN

_RULE = "must be as redis://host:6379/0, or rediss for TLS, without a password: that has a variable of its own"


def _check(url: str) -> str:
    """The URL; a mistake does not show it, since there may be a password in it."""
    if not re.fullmatch(REDIS_URL, url):
        raise PydanticCustomError(UNSHOWN, _RULE)
    return url


RedisUrl = Annotated[str, AfterValidator(_check)]
