"""The model repository on disk: which versions exist, what each declares about itself, and which is in service."""

from inference_app.repository.metadata import Golden, Metadata, Sample
from inference_app.repository.versions import (
    ModelVersion,
    active_version,
    check_digest,
    find,
    is_name,
    names,
    read,
    write,
)
from inference_app.staging.record import ActiveVersion

__all__ = [
    "ActiveVersion",
    "Golden",
    "Metadata",
    "ModelVersion",
    "Sample",
    "active_version",
    "check_digest",
    "find",
    "is_name",
    "names",
    "read",
    "write",
]
