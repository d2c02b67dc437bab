"""Where files are: object stores, and directories of NFS servers."""

import re
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from inference_app.contract import BLOB_URL, S3_URL
from infra.settings.model import Settings


def _of_a_store(url: str) -> str:
    if not (re.fullmatch(S3_URL, url) or re.fullmatch(BLOB_URL, url)):
        raise ValueError("must be s3://bucket/prefix or https://account.blob.core.windows.net/container/prefix")
    return url


ObjectUrl = Annotated[str, AfterValidator(_of_a_store)]


class NfsSettings(Settings):
    """A directory of an NFS server; user 10001, whom the pods run as, must be able to use it."""

    server: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:-]*$")]
    """Name or address of the server."""
    path: Annotated[str, Field(pattern=r"^/[^\s]*$")]
    """Directory that it exports."""


class OneOf(Settings):
    """A block that has exactly one of its keys, or of those that `alternatives` names."""

    alternatives: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="after")
    def _one(self) -> Self:
        fields = type(self).model_fields
        known = self.alternatives or tuple(fields)
        if sum(getattr(self, name) is not None for name in known) != 1:
            raise ValueError(f"must have exactly one of {', '.join(str(fields[name].alias) for name in known)}")
        return self
