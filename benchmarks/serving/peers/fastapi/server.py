"""FastAPI (https://fastapi.tiangolo.com/) as its tutorial has it: a pydantic body, the model called in the handler."""

import os

import uvicorn
from fastapi import FastAPI, Request, Response
from onnx_model import OnnxModel
from pydantic import BaseModel

app = FastAPI()
model = OnnxModel()


class Features(BaseModel):
    """The body of a request."""

    inputs: list[list[float]]


class Prediction(BaseModel):
    """The body of an answer."""

    outputs: list[list[float]]


@app.post("/predict")
async def predict(features: Features) -> Prediction:
    """One example as JSON."""
    return Prediction(**model.answer([model.from_json(features.inputs)])[0])


@app.post("/bytes")
async def predict_bytes(request: Request) -> Response:
    """One example as raw numbers."""
    return Response(model.answer([model.from_numbers(await request.body())])[0])


@app.post("/image")
async def predict_image(request: Request) -> dict[str, str | float]:
    """One JPEG."""
    return model.answer([model.from_jpeg(await request.body())])[0]


if __name__ == "__main__":
    uvicorn.run(
        "server:app",
        port=int(os.environ["PORT"]),
        workers=int(os.environ["WORKERS"]),
        log_level="error",
        access_log=False,
    )
