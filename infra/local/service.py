"""One container of the local stack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_docker as docker

LOOPBACK = "127.0.0.1"
WAIT_SECONDS = 120
"""How long `up` waits for a service to answer its health check."""


@dataclass(frozen=True, kw_only=True)
class ServiceArgs:
    """What runs, and all that it may have.

    `name` is its host name in the network, `port` where it answers there, `published` that port's number on 127.0.0.1;
    `files` are contents by path, `data` a path that outlives the container, `memory_mib` in MiB, `health` a command.
    """

    name: str
    image: pulumi.Input[str]
    user: str
    memory_mib: int
    port: int
    published: int | None = None
    command: Sequence[str] | None = None
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    data: str | None = None
    scratch: Mapping[str, str] = field(default_factory=dict[str, str])
    health: Sequence[str] | None = None
    stop_seconds: int = 10

    @property
    def url(self) -> str:
        """Where this machine finds it; where it is not published, where the other services do."""
        return f"http://{LOOPBACK}:{self.published}" if self.published else f"http://{self.name}:{self.port}"


class Service(pulumi.ComponentResource):
    """A container of its own image in the stack's network, reached from this machine only."""

    def __init__(
        self,
        name: str,
        args: ServiceArgs,
        network: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inference:local:Service", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # Other containers may run from it, and a pull is slow.
        image = docker.RemoteImage(name, name=args.image, keep_locally=True, opts=child)
        volume = docker.Volume(name, opts=child) if args.data else None
        docker.Container(
            name,
            container(args, image.image_id, network, volume.name if volume else None),
            # Two containers cannot have one port of this machine.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.register_outputs({"url": args.url})


def container(
    args: ServiceArgs, image: pulumi.Input[str], network: pulumi.Input[str], volume: pulumi.Input[str] | None
) -> docker.ContainerArgs:
    """A container without privileges (https://www.pulumi.com/registry/packages/docker/api-docs/container/)."""
    return docker.ContainerArgs(
        image=image,
        command=args.command,
        envs=[pulumi.Output.concat(f"{name}=", value) for name, value in sorted(args.environment.items())],
        user=args.user,
        capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"]),
        security_opts=["no-new-privileges:true"],
        # Docker refuses to put files into a read-only root; what has files runs as a user that owns next to nothing.
        read_only=not args.files,
        tmpfs=args.scratch,
        memory=args.memory_mib,
        # No swap; left open, Docker's own choice would look like a change at the next `up`.
        memory_swap=args.memory_mib,
        restart="unless-stopped",
        log_driver="json-file",
        log_opts={"max-size": "10m", "max-file": "3"},
        networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network, aliases=[args.name])],
        ports=[published(args.port, args.published)] if args.published else None,
        uploads=[docker.ContainerUploadArgs(file=path, content=text) for path, text in args.files.items()],
        volumes=[docker.ContainerVolumeArgs(volume_name=volume, container_path=args.data)] if volume else None,
        healthcheck=healthcheck(args.health) if args.health else None,
        wait=args.health is not None,
        wait_timeout=WAIT_SECONDS,
        destroy_grace_seconds=args.stop_seconds,
    )


def published(port: int, number: int) -> docker.ContainerPortArgs:
    """The container's `port` under another `number`, which no other machine reaches."""
    return docker.ContainerPortArgs(internal=port, external=number, ip=LOOPBACK)


def healthcheck(command: Sequence[str]) -> docker.ContainerHealthcheckArgs:
    """Runs `command` in the container every 5 seconds; a minute of failures at the start is no failure."""
    return docker.ContainerHealthcheckArgs(
        tests=["CMD", *command], interval="5s", timeout="3s", retries=3, start_period="1m0s"
    )
