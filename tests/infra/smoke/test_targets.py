"""Every kind of endpoint, asked through the contract of its cloud; behind each is the real model server."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import helper

from inference_app.process import ServerProcess
from infra.endpoint import EndpointKind
from infra.smoke.clients import CLIENTS
from tests.inference_app.lambda_runtime import LambdaFunction
from tests.infra.smoke.cloud import REGION, SageMaker, function_url, online_endpoint
from tests.infra.smoke.conftest import Smoke
from tests.loopback import Loopback, Request, Response

pytestmark = pytest.mark.slow

INFER = "/v2/models/digits/infer"
REAL_TIME = {"kind": "sagemaker", "address": "digits", "region": REGION}
ASYNC = {"kind": "sagemaker-async", "address": "digits", "region": REGION, "inputs": "s3://models/inputs"}
NOT_READY = Response(
    status=429,
    headers={"x-amzn-errortype": "ModelNotReadyException", "Content-Type": "application/json"},
    body=b'{"message": "starting"}',
)


@pytest.fixture
def function() -> Generator[LambdaFunction]:
    """The model server as a Lambda function."""
    with LambdaFunction({}) as function:
        yield function


@pytest.fixture
def pointed(amazon: pytest.MonkeyPatch, sagemaker_sdk: Any) -> Generator[Callable[[SageMaker], Loopback]]:
    """Points Amazon's own clients to a stand-in for SageMaker and S3; gives its runtime."""
    assert sagemaker_sdk
    with contextlib.ExitStack() as servers:

        def point(services: SageMaker) -> Loopback:
            runtime, s3 = (servers.enter_context(Loopback(part)) for part in (services.runtime, services.s3))
            amazon.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", runtime.url)
            amazon.setenv("AWS_ENDPOINT_URL_S3", s3.url)
            return runtime

        yield point


@pytest.fixture
def sagemaker(server: str, pointed: Callable[[SageMaker], Loopback]) -> SageMaker:
    """SageMaker and S3 for the shipped model."""
    services = SageMaker(server)
    pointed(services)
    return services


def test_there_is_a_client_for_every_kind_of_endpoint() -> None:
    assert CLIENTS.keys() == set(EndpointKind)


def test_a_server_is_asked_over_http(server: str, smoke: Smoke) -> None:
    run = smoke({"eks": {"kind": "http", "address": server}})

    assert (run.code, run.err) == (0, "")
    assert run.out.splitlines()[1].split()[:3] == ["eks", "http", "1"]
    assert run.out.rstrip().endswith("ok")


def test_a_function_is_asked_with_a_signature(
    function: LambdaFunction, amazon: pytest.MonkeyPatch, smoke: Smoke
) -> None:
    amazon.setenv("AWS_SESSION_TOKEN", "a-session")
    with Loopback(function_url(function)) as url:
        endpoint = {"kind": "lambda", "address": f"{url.url}/", "region": REGION}
        right = smoke({"lambda": endpoint})
        amazon.setenv("AWS_SECRET_ACCESS_KEY", "another")
        wrong = smoke({"lambda": endpoint})

    assert right.code == 0, right.out
    assert "x-amz-security-token" in url.requests[0].headers["authorization"]
    assert wrong.code == 1
    assert "status 403, Forbidden; the caller needs lambda:InvokeFunctionUrl" in wrong.verdict("lambda")


def test_a_scoring_address_is_asked_with_a_token(server: str, azure: Path, smoke: Smoke) -> None:
    with Loopback(online_endpoint(server)) as url:
        run = smoke({"azure-ml": {"kind": "azure-ml", "address": url.url + INFER}})

    assert run.code == 0, run.out
    asked = azure.read_text(encoding="utf-8")
    assert asked.startswith("account get-access-token --resource https://ml.azure.com ")


def test_an_endpoint_on_a_cluster_is_asked_with_a_token_of_its_own(server: str, azure: Path, smoke: Smoke) -> None:
    endpoint_id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/o/e"
    with Loopback(online_endpoint(server)) as url:
        run = smoke({"azure-ml": {"kind": "azure-ml", "address": url.url + INFER, "resource_id": endpoint_id}})

    assert run.code == 0, run.out
    asked = azure.read_text(encoding="utf-8")
    assert asked.startswith(f"rest --method post --url https://management.azure.com{endpoint_id}/token?api-version=")


def test_a_refused_token_says_which_role_is_missing(server: str, azure: Path, smoke: Smoke) -> None:
    (azure.parent / "az").write_text("#!/bin/sh\necho another\n", encoding="utf-8")
    with Loopback(online_endpoint(server)) as url:
        run = smoke({"azure-ml": {"kind": "azure-ml", "address": url.url + INFER}})

    assert run.code == 1
    assert "status 401, no valid token; give the caller the role AzureML Data Scientist" in run.verdict("azure-ml")


def test_without_a_token_nothing_is_asked(azure: Path, smoke: Smoke) -> None:
    endpoint = {"azure-ml": {"kind": "azure-ml", "address": "http://127.0.0.1:9/score"}}
    (azure.parent / "az").write_text("#!/bin/sh\necho 'Please run az login' >&2\nexit 1\n", encoding="utf-8")
    signed_out = smoke(endpoint)
    (azure.parent / "az").unlink()
    absent = smoke(endpoint)

    assert "Please run az login; sign in with `az login`" in signed_out.verdict("azure-ml")
    assert "the Azure CLI is not on PATH" in absent.verdict("azure-ml")


def test_a_real_time_endpoint_is_invoked_by_name(sagemaker: SageMaker, smoke: Smoke) -> None:
    run = smoke({"sagemaker": REAL_TIME})

    assert (run.code, run.err) == (0, ""), run.out
    assert sagemaker.objects == {}


def test_an_asynchronous_endpoint_is_asked_through_s3_and_leaves_no_input_there(
    sagemaker: SageMaker, smoke: Smoke
) -> None:
    run = smoke({"later": ASYNC})

    assert run.code == 0, run.out
    assert [key.startswith("/models/inputs/smoke-") for key in sagemaker.deleted] == [True]
    assert list(sagemaker.objects) == ["/models/outputs/1.out"]


def test_the_containers_own_words_are_in_a_model_errors_line(
    sagemaker: SageMaker, smoke: Smoke, checkout: Path
) -> None:
    other_model(checkout)
    run = smoke({"now": REAL_TIME, "later": ASYNC})

    assert run.code == 1
    assert "the container answered with status 400, input image: expected shape" in run.verdict("now")
    assert "the invocation failed: input image: expected shape" in run.verdict("later")
    assert len(sagemaker.deleted) == 1


def other_model(checkout: Path) -> None:
    """Make the checkout's model one that takes another shape than the server's."""
    shipped = checkout / "inference_app/model_repository/digits"
    own = checkout / "own/model_repository/digits/1"
    own.mkdir(parents=True)
    (own.parent / "active.json").write_text('{"version": "1"}')
    (own / "metadata.json").write_bytes((shipped / "1/metadata.json").read_bytes())
    golden = {"inputs": {"image": [[[1.0]]]}, "outputs": {"probabilities": [[1.0]]}}
    (own / "golden.json").write_text(json.dumps(golden))
    (checkout / "inference_app").unlink()
    (checkout / "own").rename(checkout / "inference_app")


class Starting(SageMaker):
    """A serverless endpoint whose container is being started for the first requests."""

    cold = 2

    def runtime(self, request: Request) -> Response:
        """The service's own error, until it is warm."""
        self.cold -= 1
        return NOT_READY if self.cold >= 0 else super().runtime(request)


def test_a_serverless_endpoint_that_is_starting_is_asked_again(
    server: str, pointed: Callable[[SageMaker], Loopback], amazon: pytest.MonkeyPatch, smoke: Smoke
) -> None:
    amazon.setattr("infra.smoke.aws.PAUSE", 0.1)
    runtime = pointed(Starting(server))
    run = smoke({"serverless": REAL_TIME})

    assert (run.code, len(runtime.requests)) == (0, 3), run.out
    said = "serverless is not ready (ModelNotReadyException, starting); asking again in 0.1 s"
    assert run.err.splitlines() == [said, said]


def test_an_asynchronous_answer_that_never_comes_ends_with_the_time(
    server: str, pointed: Callable[[SageMaker], Loopback], amazon: pytest.MonkeyPatch, smoke: Smoke
) -> None:
    amazon.setattr("infra.smoke.clients.sagemaker_async.POLL", 0.05)
    amazon.setattr("infra.smoke.clients.sagemaker_async.TELL", 0.1)
    services = SageMaker(server, seconds=60)
    pointed(services)
    run = smoke({"later": ASYNC}, "--timeout", "6")

    assert run.code == 1
    assert "nothing at s3://models/outputs/1.out nor at s3://models/failures/1.out after" in run.verdict("later")
    assert "give it --timeout 900" in run.verdict("later")
    assert "nothing at s3://models/outputs/1.out yet" in run.err
    assert len(services.deleted) == 1


class Silent(SageMaker):
    """A service that takes the request and does not answer."""

    def runtime(self, request: Request) -> Response:  # noqa: ARG002
        """Late."""
        return Response(delay=9)


def test_a_service_that_does_not_answer_ends_with_the_time(
    server: str, pointed: Callable[[SageMaker], Loopback], amazon: pytest.MonkeyPatch, smoke: Smoke
) -> None:
    amazon.setattr("infra.smoke.run.GRACE", 30)
    pointed(Silent(server))
    run = smoke({"sagemaker": REAL_TIME}, "--timeout", "1")

    assert "ReadTimeoutError, Read timeout on endpoint URL" in run.verdict("sagemaker")


@pytest.mark.parametrize(
    "endpoint", [{"kind": "lambda", "address": "http://127.0.0.1:9", "region": REGION}, REAL_TIME, ASYNC]
)
def test_without_credentials_nothing_is_asked(
    sagemaker: SageMaker, amazon: pytest.MonkeyPatch, smoke: Smoke, endpoint: dict[str, str]
) -> None:
    amazon.delenv("AWS_ACCESS_KEY_ID")
    amazon.delenv("AWS_SECRET_ACCESS_KEY")
    run = smoke({"x": endpoint})

    assert sagemaker.objects == {}
    assert "redentials" in run.verdict("x")
    assert "sign in (`aws sso login`) or set AWS_PROFILE" in run.verdict("x")


def test_a_model_of_several_inputs_and_datatypes_is_asked_too(
    pointed: Callable[[SageMaker], Loopback], smoke: Smoke, checkout: Path
) -> None:
    (checkout / "inference_app").unlink()
    repository = checkout / "inference_app/model_repository"
    write_echo(repository / "digits")
    with ServerProcess({"MODEL_REPOSITORY": str(repository)}) as process:
        process.until("ready")
        pointed(SageMaker(process.url()))
        run = smoke({"http": {"kind": "http", "address": process.url()}, "sagemaker": REAL_TIME})

    assert run.code == 0, run.out


def write_echo(directory: Path) -> None:
    """A model that gives back its whole numbers and its texts."""
    values = {"ids": [[1, 2**40]], "words": [["a", "ü"]]}
    kinds = {"ids": ("INT64", onnx.TensorProto.INT64), "words": ("BYTES", onnx.TensorProto.STRING)}
    inputs = [helper.make_tensor_value_info(name, kinds[name][1], ["n", 2]) for name in values]
    outputs = [helper.make_tensor_value_info(f"{name}_out", kinds[name][1], ["n", 2]) for name in values]
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in values]
    graph = helper.make_graph(nodes, "echo", inputs, outputs)
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)]).SerializeToString()
    metadata = {
        "name": "digits",
        "version": "1",
        "created": "2026-01-01T00:00:00Z",
        "framework": "onnx",
        "sha256": hashlib.sha256(model).hexdigest(),
        "inputs": [{"name": name, "datatype": kinds[name][0], "shape": [-1, 2]} for name in values],
        "outputs": [{"name": f"{name}_out", "datatype": kinds[name][0], "shape": [-1, 2]} for name in values],
        "golden": {"file": "golden.json", "tolerance": 1e-9},
    }
    golden = {"inputs": values, "outputs": {f"{name}_out": value for name, value in values.items()}}
    (directory / "1").mkdir(parents=True)
    (directory / "1/model.onnx").write_bytes(model)
    (directory / "1/metadata.json").write_text(json.dumps(metadata))
    (directory / "1/golden.json").write_text(json.dumps(golden))
    (directory / "active.json").write_text('{"version": "1"}')


def test_all_endpoints_are_asked_at_once_and_by_name(server: str, smoke: Smoke) -> None:
    endpoint = {"kind": "http", "address": "http://127.0.0.1:9"}
    run = smoke({"a": endpoint, "b": endpoint}, "--only", "b", "--address", f"b={server}", "--json")

    assert run.code == 0
    (verdict,) = json.loads(run.out)
    assert (verdict["endpoint"], verdict["version"], verdict["ok"]) == ("b", "1", True)
    assert verdict["difference"] < 1e-4
