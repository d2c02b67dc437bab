"""In the place of metrics-server, which asks kubelets that simulated nodes do not have.

Every running pod is said to use an even share of the CPU time and the memory of one real process.
https://kubernetes.io/docs/reference/external-api/metrics.v1beta1/
"""

import json
import os
import ssl
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.cluster.api import Api
from tests.cluster.control_plane import ControlPlane
from tests.processes import HOST, resident

API = "metrics.k8s.io/v1beta1"
PARTS = {"apiVersion": "v1", "kind": "APIResourceList", "groupVersion": API,
         "resources": [{"name": "pods", "kind": "PodMetrics", "namespaced": True, "verbs": ["get", "list"],
                        "singularName": ""}]}  # fmt: skip


@contextmanager
def resource_metrics(plane: ControlPlane, pid: int) -> Generator[None]:
    """Answer for pods' CPU and memory with what the process `pid` uses."""
    use = Use(pid)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answer(plane.api, self.path, use)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(plane.certificates.certificate, plane.certificates.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        with plane.serving(API, server.server_port):
            yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Use:
    """What a process used since it was last asked: cores of CPU, and bytes of memory."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._lock = threading.Lock()
        self._before = self._seconds(), time.monotonic()
        self._cores = 0.0

    def read(self) -> tuple[float, int]:
        """Cores over the last second or more, bytes now (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html)."""
        with self._lock:
            seconds, now = self._seconds(), time.monotonic()
            if now - self._before[1] >= 1:
                self._cores = (seconds - self._before[0]) / (now - self._before[1])
                self._before = seconds, now
            return self._cores, resident(self._pid)

    def _seconds(self) -> float:
        user, system = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def answer(api: Api, path: str, use: Use) -> dict[str, Any]:
    """What metrics-server would say at a path: its parts, or the metrics of a namespace's pods."""
    url = urlsplit(path)
    if "/namespaces/" not in url.path:
        return PARTS
    namespace = url.path.split("/namespaces/")[1].partition("/")[0]
    selector = parse_qs(url.query).get("labelSelector", [""])[0]
    pods = [pod for pod in api.list("v1 Pod", namespace, selector) if pod["status"].get("phase") == "Running"]
    cores, memory = use.read()
    share = {"cpu": f"{cores * 1000 / max(len(pods), 1):.0f}m", "memory": f"{memory // max(len(pods), 1)}"}
    return {"apiVersion": API, "kind": "PodMetricsList", "metadata": {}, "items": [_of(pod, share) for pod in pods]}


def _of(pod: dict[str, Any], usage: dict[str, str]) -> dict[str, Any]:
    metadata = {key: pod["metadata"][key] for key in ("name", "namespace", "labels")}
    containers = [{"name": each["name"], "usage": usage} for each in pod["spec"]["containers"]]
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"metadata": metadata, "timestamp": now, "window": "15s", "containers": containers}
