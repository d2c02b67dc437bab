"""moto's S3 on loopback."""

import logging
from collections.abc import Generator
from contextlib import contextmanager

from moto.server import ThreadedMotoServer

from tests.processes import HOST


@contextmanager
def s3_server() -> Generator[str]:
    """Its URL."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it tells of every request
    server = ThreadedMotoServer(ip_address=HOST, port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
