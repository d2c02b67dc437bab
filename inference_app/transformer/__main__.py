"""`python -m inference_app.transformer --model_name NAME --predictor_host HOST`: serve a model that a predictor runs.

These are the arguments that KServe gives to a transformer
(https://github.com/kserve/kserve/blob/v0.20.0/pkg/apis/serving/v1beta1/transformer_custom.go). All else comes from the
server's own variables. It is the same server, so it speaks the same protocols; what it needs of the model is its folder
in the repository, for the preprocessing, the labels and the golden inference.
"""

import argparse
import os
import signal
import sys
from collections.abc import Mapping
from types import FrameType

from inference_app import __main__ as server
from inference_app import logs, models, settings
from inference_app.contract import Env, Execution
from inference_app.errors import ConfigurationError
from inference_app.transformer.predictor import Predictor

CALLS = 8
"""Requests to the predictor at a time; each holds a batch of what waits, so more would only make smaller batches."""


def main(arguments: list[str]) -> int:
    """Serve once the predictor is ready; returns the exit status."""
    os.environ.update(environment(arguments, os.environ))
    # The first process of a container has no default way to end.
    signal.signal(signal.SIGTERM, _end)
    try:
        wanted = settings.load()
        logs.configure(wanted.log_level)
        for version in models.find(wanted):
            Predictor(version.metadata, wanted).wait()
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return server.main([])


def _end(number: int, frame: FrameType | None) -> None:
    del number, frame
    sys.exit(0)


def environment(arguments: list[str], given: Mapping[str, str]) -> dict[str, str]:
    """KServe's arguments in the server's own variables; ends the process where they are wrong."""
    parser = argparse.ArgumentParser("python -m inference_app.transformer", allow_abbrev=False)
    parser.add_argument("--model_name", required=True)
    parser.add_argument("--predictor_host", required=True, help="HOST or HOST:PORT")
    parser.add_argument("--predictor_protocol", choices=["v2"], default="v2")
    parser.add_argument("--http_port", type=int)
    read = parser.parse_args(arguments)
    wanted = {
        Env.MODEL_NAME: read.model_name,
        Env.PREDICTOR_URL: f"http://{read.predictor_host}",
        # Its calls wait for others, so neither the event loop nor the number of cores has a say.
        Env.EXECUTION: given.get(Env.EXECUTION, Execution.THREADS),
        Env.MODEL_THREADS: given.get(Env.MODEL_THREADS, CALLS),
    }
    port = {Env.PORT: read.http_port} if read.http_port else {}
    return {name.value: str(value) for name, value in (wanted | port).items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
