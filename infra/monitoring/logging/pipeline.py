"""What Fluent Bit does with a line, as its YAML configuration says it.

https://docs.fluentbit.io/manual/administration/configuring-fluent-bit/yaml
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TIME_KEY, TIME_FORMAT = "time", "%Y-%m-%dT%H:%M:%S.%L%z"
"""Where the model server's lines have their time, and how: RFC 3339 with a fraction of a second (`%L`)."""

METRICS_PORT = 2020
LINES = "kube.*"

Section = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Folders:
    """Of the node: `logs` is where the kubelet links the containers' files, `state` Fluent Bit's own."""

    logs: str = "/var/log/containers"
    state: str = "/var/fluent-bit"


def configuration(
    output: Section, namespaces: Sequence[str] = (), unread: Sequence[str] = (), folders: Folders | None = None
) -> dict[str, Any]:
    """The whole file: lines of `namespaces`, of every one where there are none, through filters to `output`.

    `unread` are patterns of files that are left alone.
    """
    at = folders or Folders()
    return {
        "service": service(at),
        "parsers": [parser()],
        "pipeline": {"inputs": [files(at, namespaces, unread)], "filters": filters(at), "outputs": [kept(output)]},
    }


def service(folders: Folders) -> Section:
    """What concerns all parts (https://docs.fluentbit.io/manual/administration/configuring-fluent-bit/yaml/service-section)."""
    return {
        "flush": 1,
        "log_level": "warn",
        # A search for a word with an accent finds it.
        "json.escape_unicode": False,
        "http_server": True,
        "http_listen": "0.0.0.0",  # noqa: S104 the kubelet and Prometheus ask from other addresses
        "http_port": METRICS_PORT,
        "health_check": True,
        "storage.path": f"{folders.state}/storage",
        "storage.metrics": True,
        # Of 2 MB each: what waits beyond these is on the node's disk alone.
        "storage.max_chunks_up": 32,
        "storage.backlog.mem_limit": "16M",
    }


def parser() -> Section:
    """A line of JSON; one whose time is of another form keeps the time at which containerd took it."""
    return {"name": "json-line", "format": "json", "time_key": TIME_KEY, "time_format": TIME_FORMAT, "time_keep": True}


def files(folders: Folders, namespaces: Sequence[str], unread: Sequence[str]) -> Section:
    """Every line once, those before Fluent Bit's own start too (https://docs.fluentbit.io/manual/data-pipeline/inputs/tail).

    `cri` puts lines together that containerd cut into pieces of 16 KiB. On disk until they are delivered, lines outlive
    a restart and a store that does not answer.
    """
    wanted = [f"{folders.logs}/*_{namespace}_*.log" for namespace in namespaces] or [f"{folders.logs}/*.log"]
    found = {
        "name": "tail",
        "tag": LINES,
        "path": ",".join(wanted),
        "multiline.parser": "cri",
        "db": f"{folders.state}/files.db",
        "read_from_head": True,
        # Otherwise one line that is too long would end the file for ever.
        "skip_long_lines": True,
        "refresh_interval": 5,
        "storage.type": "filesystem",
    }
    return {**found, "exclude_path": ",".join(f"{folders.logs}/{each}" for each in unread)} if unread else found


def filters(folders: Folders) -> list[Section]:
    """Fields out of a line, and whose it is.

    Namespace, pod and container are in the file's name, so nothing has to be asked, or allowed, at the API server; a
    line that claims another `kubernetes` loses it. What is no JSON stays text, as `message`.
    """
    prefix = f"kube{folders.logs.replace('/', '.')}."
    return [
        {"name": "record_modifier", "match": LINES, "allowlist_key": ["log"]},
        {"name": "parser", "match": LINES, "key_name": "log", "parser": parser()["name"]},
        {"name": "record_modifier", "match": LINES, "remove_key": ["kubernetes"]},
        {"name": "modify", "match": LINES, "rename": "log message"},
        {"name": "kubernetes", "match": LINES, "use_tag_for_meta": True, "kube_tag_prefix": prefix},
    ]


def kept(output: Section) -> Section:
    """An output that tries until it is heard; the oldest lines go when half a gigabyte of the node's disk waits."""
    return {**output, "match": LINES, "retry_limit": "no_limits", "storage.total_limit_size": "512M"}
