"""What every settings model shares: frozen, strict, camelCase in YAML, unknown keys refused."""

from typing import Annotated, Any, Self

import pulumi
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel


class Settings(BaseModel):
    """One block of a stack file; values are already valid once it exists."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        alias_generator=to_camel,
        use_attribute_docstrings=True,
        validate_default=True,
    )


class SettingsError(pulumi.RunError):
    """A stack file is wrong: one line a mistake (file, key, rule, value), which Pulumi prints without a traceback."""


def unit(name: str) -> Any:
    """Names the unit that a number is in, for the settings reference."""
    return Field(json_schema_extra={"unit": name})


# A Kubernetes object name (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names).
DnsLabel = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$")]

# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/, the suffixes that settings need.
CpuQuantity = Annotated[str, Field(pattern=r"^([1-9][0-9]*m?|0\.[0-9]+|[1-9][0-9]*\.[0-9]+)$")]
ByteQuantity = Annotated[str, Field(pattern=r"^[1-9][0-9]*(Mi|Gi|Ti)$")]


def distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuses a list that names something twice."""
    if len(set(names)) != len(names):
        raise ValueError("must name each once")
    return names


class MinMax(Settings):
    """A least and a most of something."""

    min: int
    """Fewest."""
    max: int
    """Most."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max < self.min:
            raise ValueError(f"max must be at least min, {self.min}, got {self.max}")
        return self


class Bounds(MinMax):
    """The same, with a lower least outside office hours where it has one."""

    min_outside_office_hours: int | None = None
    """Fewest outside `officeHours`; absent means `min` around the clock."""

    @model_validator(mode="after")
    def _lower_outside(self) -> Self:
        least = self.min_outside_office_hours
        if least is not None and least > self.min:
            raise ValueError(f"minOutsideOfficeHours must be at most min, {self.min}, got {least}")
        return self
