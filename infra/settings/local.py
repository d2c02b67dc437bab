"""The `local` block: the stack on one machine's Docker."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from infra.settings.model import Settings, unit

Port = Annotated[int, Field(ge=1024, le=65535), unit("TCP port")]


class LocalPortSettings(Settings):
    """Where the services answer, on 127.0.0.1 only."""

    model_server: Port = 8080
    """The model server."""
    grafana: Port = 3000
    """Grafana."""
    prometheus: Port = 9090
    """Prometheus."""
    jaeger: Port = 16686
    """Jaeger's page of traces."""

    @model_validator(mode="after")
    def _one_service_a_port(self) -> Self:
        taken: dict[int, str] = {}
        for name, field in type(self).model_fields.items():
            port = getattr(self, name)
            if port in taken:
                raise ValueError(f"{field.alias} must be another port than {taken[port]}'s, got {port}")
            taken[port] = str(field.alias)
        return self


class LocalSettings(Settings):
    """Model server and Redis, and with `monitoring` Prometheus, Grafana and Jaeger, as containers of this machine."""

    image: Annotated[str | None, Field(pattern=r"^[a-z0-9][a-z0-9._:/@-]*$")] = None
    """Model image as Docker names it, here or in a registry; absent means that `up` builds it from `inference_app/`."""
    ports: LocalPortSettings = LocalPortSettings()
    """Ports on 127.0.0.1."""
    memory_mib: Annotated[int, Field(ge=256), unit("MiB")] = 2048
    """Most memory of the model server, MiB."""
    redis_memory_mib: Annotated[int, Field(ge=16), unit("MiB")] = 256
    """Most memory of Redis's data, MiB; past it the keys used least recently go."""
