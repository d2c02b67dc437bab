"""MLServer (https://mlserver.readthedocs.io): the Open Inference Protocol in JSON, with its adaptive batching."""

import os

import uvloop
from mlserver import MLServer, ModelSettings, Settings
from model import Predict


async def main() -> None:
    """Serve until killed."""
    settings = Settings(
        debug=False,
        host="127.0.0.1",
        http_port=int(os.environ["PORT"]),
        grpc_port=0,
        metrics_endpoint=None,
        parallel_workers=int(os.environ["MLSERVER_WORKERS"]),
        logging_settings={"version": 1, "disable_existing_loggers": True},
        gzip_enabled=False,
    )
    model = ModelSettings(
        name=os.environ["MODEL_NAME"],
        implementation=Predict,
        max_batch_size=int(os.environ["MLSERVER_BATCH"]),
        max_batch_time=float(os.environ["MLSERVER_WAIT"]),
    )
    await MLServer(settings).start([model])


if __name__ == "__main__":
    uvloop.run(main())  # as its own command line does
