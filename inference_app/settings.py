"""The server's settings, read from environment variables; nothing else reads the environment."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from inference_app import contract
from inference_app.errors import ConfigurationError

MIB = 1024 * 1024
Finite = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _unit(name: str) -> dict[str, Any]:
    return {"unit": name}


class Settings(BaseSettings):
    """One field per environment variable of the same name in capitals (`contract.Env`)."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    host: str = Field(default="127.0.0.1", description="Address to listen on; the container image sets 0.0.0.0.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=contract.PORT, description="TCP port to listen on; 0 takes a free one, which the log names."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severe level logged."
    )
    model_repository: Path = Field(
        default=Path(__file__).parent / "model_repository", description="Folder that holds one folder per model."
    )
    model_name: Annotated[str, Field(min_length=1)] = Field(default="digits", description="Model to serve.")
    model_version: str | None = Field(
        default=None, description="Version to serve; unset, the one that the model's active.json names."
    )
    execution_provider: contract.ExecutionProvider = Field(
        default=contract.ExecutionProvider.CPU,
        description="Where the model must run; the server never becomes ready anywhere else.",
    )
    intra_op_threads: Annotated[int, Field(ge=0)] = Field(
        default=0, description="Threads of one model call; 0 takes one per core.", json_schema_extra=_unit("threads")
    )
    max_batch_size: Annotated[int, Field(ge=1)] = Field(
        default=32, description="Most examples in one model call.", json_schema_extra=_unit("examples")
    )
    max_batch_delay_ms: Finite = Field(
        default=0,
        description="How long a free model waits for a fuller batch; 0 takes what is there.",
        json_schema_extra=_unit("milliseconds"),
    )
    max_queue_size: Annotated[int, Field(ge=1)] = Field(
        default=512,
        description="Most examples waiting for the model; more get 429.",
        json_schema_extra=_unit("examples"),
    )
    max_body_bytes: Annotated[int, Field(ge=1)] = Field(
        default=8 * MIB, description="Largest request body; larger ones get 413.", json_schema_extra=_unit("bytes")
    )
    read_timeout_seconds: Annotated[Finite, Field(gt=0)] = Field(
        default=30,
        description="How long a client may take to send its headers, and again its body (408).",
        json_schema_extra=_unit("seconds"),
    )
    request_timeout_seconds: Annotated[Finite, Field(gt=0)] = Field(
        default=10,
        description="How long a request may wait for the model; then it gets 504 and never reaches the model.",
        json_schema_extra=_unit("seconds"),
    )
    drain_seconds: Finite = Field(
        default=contract.DRAIN_SECONDS,
        description="How long a stopping server keeps answering while load balancers take it out.",
        json_schema_extra=_unit("seconds"),
    )
    grace_seconds: Annotated[Finite, Field(gt=0)] = Field(
        default=contract.GRACE_SECONDS,
        description="From SIGTERM to exit at the latest, the drain included.",
        json_schema_extra=_unit("seconds"),
    )

    @model_validator(mode="after")
    def _grace_outlasts_drain(self) -> "Settings":
        if self.grace_seconds < self.drain_seconds + 1:
            raise ValueError(
                f"GRACE_SECONDS must exceed DRAIN_SECONDS by at least 1 ({self.drain_seconds:g} + 1), "
                f"got {self.grace_seconds:g}"
            )
        return self


_RULES = {
    "greater_than_equal": "must be at least {ge:g}",
    "greater_than": "must be more than {gt:g}",
    "less_than_equal": "must be at most {le:g}",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
}


def load() -> Settings:
    """Read the settings from the environment.

    Raises `ConfigurationError` with one line per wrong variable: name, rule, value.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise ConfigurationError("\n".join(_line(detail) for detail in error.errors())) from None


def _line(detail: ErrorDetails) -> str:
    if not detail["loc"]:
        return detail["msg"].removeprefix("Value error, ")
    variable = str(detail["loc"][0]).upper()
    rule = _RULES.get(detail["type"], detail["msg"]).format(**detail.get("ctx", {}))
    return f"{variable} {rule}, got {detail['input']}"
