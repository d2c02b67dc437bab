"""The `security` block: what watches every cluster of the stack."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from infra.settings.model import Settings, distinct


class Priority(StrEnum):
    """How grave a finding is, gravest first (https://falco.org/docs/concepts/rules/basic-elements/#priority)."""

    EMERGENCY = "emergency"
    ALERT = "alert"
    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"
    INFO = "info"
    DEBUG = "debug"


class Severity(StrEnum):
    """How grave a vulnerability is (https://trivy.dev/latest/docs/scanner/vulnerability/#severity-selection)."""

    UNKNOWN = "UNKNOWN"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class FalcoSettings(Settings):
    """Falco on every node: reports what running containers do and should not."""

    priority: Priority = Priority.NOTICE
    """Least grave findings that are reported."""


class TrivySettings(Settings):
    """Trivy operator: scans the images of the stack's namespaces once a day."""

    severities: Annotated[tuple[Severity, ...], Field(min_length=1), AfterValidator(distinct)] = (
        Severity.HIGH,
        Severity.CRITICAL,
    )
    """Severities that are reported."""
    # https://trivy.dev/latest/docs/advanced/self-hosting/
    databases: Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:[0-9]{1,5})?/[a-z0-9]+([._/-][a-z0-9]+)*$")] = (
        "mirror.gcr.io/aquasec"
    )
    """Registry and path, as `host/path`, that hold `trivy-db` and `trivy-java-db`; for sites without internet."""


class SecuritySettings(Settings):
    """Add-ons that watch for intruders and for vulnerable images."""

    falco: FalcoSettings | None = None
    """Falco; absent runs none."""
    trivy: TrivySettings | None = None
    """Trivy operator; absent runs none."""
