"""The stack on one machine: the server that every target runs, and what it is seen with."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker
import pulumi_random as random

from infra.endpoint import Endpoint, EndpointKind
from infra.local.grafana import USER, grafana
from infra.local.image import LocalImage
from infra.local.jaeger import COLLECTOR, jaeger
from infra.local.model_server import environment, model_server
from infra.local.prometheus import prometheus
from infra.local.redis import redis
from infra.local.service import Service, ServiceArgs
from infra.settings.image import ImageSettings
from infra.settings.local import LocalSettings
from infra.settings.monitoring import MonitoringSettings
from infra.settings.served import ModelSettings


@dataclass(frozen=True, kw_only=True)
class LocalStackArgs:
    """`image` says how to build where `settings.image` names none; without `monitoring` nothing watches."""

    settings: LocalSettings
    model: ModelSettings
    image: ImageSettings | None = None
    monitoring: MonitoringSettings | None = None


class LocalStack(pulumi.ComponentResource):
    """Containers on a network of their own, which answer on 127.0.0.1."""

    endpoints: Mapping[str, Endpoint]
    urls: Mapping[str, str]
    grafana: Mapping[str, pulumi.Input[str]] | None = None

    def __init__(self, name: str, args: LocalStackArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:local:LocalStack", name, None, opts)
        self._name, self._args = name, args
        # A network of one's own resolves names; Docker's default one does not.
        network = docker.Network(name, driver="bridge", opts=pulumi.ResourceOptions(parent=self))
        server = model_server(args.settings, self._image(), self._environment())
        services = [server, redis(args.settings.redis_memory_mib), *self._watchers()]
        for service in services:
            Service(f"{name}-{service.name}", service, network.name, pulumi.ResourceOptions(parent=self))
        self.urls = {service.name: service.url for service in services if service.published}
        self.endpoints = {name: Endpoint(kind=EndpointKind.HTTP, address=server.url, model=args.model.name)}
        self.register_outputs({"urls": self.urls})

    def _image(self) -> pulumi.Input[str]:
        """The one that the settings name, else one that is built now."""
        given = self._args.settings.image
        if given is not None:
            return given
        return LocalImage(
            f"{self._name}-image", self._args.image or ImageSettings(), pulumi.ResourceOptions(parent=self)
        ).tag

    def _environment(self) -> Mapping[str, str]:
        monitoring = self._args.monitoring
        if monitoring is None:
            return environment(self._args.model, None)
        return environment(self._args.model, COLLECTOR, monitoring.objectives.p95_latency_ms)

    def _watchers(self) -> list[ServiceArgs]:
        """Prometheus, Grafana and Jaeger."""
        monitoring, ports = self._args.monitoring, self._args.settings.ports
        if monitoring is None:
            return []
        password = random.RandomPassword(
            f"{self._name}-grafana", length=32, special=False, opts=pulumi.ResourceOptions(parent=self)
        )
        shown = grafana(monitoring, ports.grafana, password.result)
        self.grafana = {"open": shown.url, "user": USER, "password": pulumi.Output.secret(password.result)}
        return [prometheus(monitoring, ports.prometheus), shown, jaeger(ports.jaeger)]
