"""What the program itself asks AWS at `up` and `destroy`, answered on loopback out of the stand-in's clouds."""

import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from urllib.parse import parse_qs

from infra.preview.wire import Plain
from tests.engine.standin.clouds import Clouds, Held
from tests.engine.standin.forms import plain
from tests.loopback import Loopback, Request, Response

ENDPOINTS = ("aws:sagemaker/endpoint:Endpoint", "aws-native:sagemaker:Endpoint")
CONFIGURATION = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
MODEL = "aws:sagemaker/model:Model"
ARN = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net"
CLUSTER = "aws:eks/cluster:Cluster"
STRANGER = "k8s-somebodys-service"
"""A load balancer that an object of nobody's stack asked for."""


@contextmanager
def aws(clouds: Clouds) -> Generator[str]:
    """The URL that answers for all of AWS's services, until the context ends."""
    with Loopback(lambda request: _answered(clouds, request)) as server:
        yield server.url


def _answered(clouds: Clouds, request: Request) -> Response:
    if "x-amz-target" in request.headers:
        document = described_endpoint(clouds, json.loads(request.body)["EndpointName"])
        return Response(body=json.dumps(document).encode(), headers={"Content-Type": "application/x-amz-json-1.1"})
    action = parse_qs(request.body.decode())["Action"][0]
    answer = QUERIES.get(action)
    if answer is None:
        return Response(status=400, body=f"nobody here answers {action}".encode())
    return Response(body=answer(clouds).encode(), headers={"Content-Type": "text/xml"})


def described_endpoint(clouds: Clouds, name: str) -> Mapping[str, Plain]:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html"""
    endpoint = next(each for kind in ENDPOINTS for each in _named(clouds, kind, "endpointName", name))
    config = plain(endpoint.outputs)["endpointConfigName"]
    configuration = next(iter(_named(clouds, CONFIGURATION, "name", config)))
    return {
        "EndpointName": name,
        "EndpointArn": f"arn:aws:sagemaker:eu-west-1:111122223333:endpoint/{name}",
        "EndpointConfigName": config,
        "EndpointStatus": "InService",
        "CreationTime": 1,
        "LastModifiedTime": 1,
        "ProductionVariants": [_variant(clouds, each) for each in plain(configuration.outputs)["productionVariants"]],
    }


def _variant(clouds: Clouds, variant: Plain) -> Plain:
    model = next(iter(_named(clouds, MODEL, "name", variant["modelName"])))
    image = plain(model.outputs)["primaryContainer"]["image"]
    described = {"VariantName": variant["variantName"], "DeployedImages": [{"SpecifiedImage": image}]}
    count = variant.get("initialInstanceCount")
    return described if count is None else {**described, "CurrentInstanceCount": count, "DesiredInstanceCount": count}


def _named(clouds: Clouds, type_: str, key: str, name: str) -> list[Held]:
    return [held for held in clouds.of_type(type_) if plain(held.outputs).get(key) == name]


def _balancers(clouds: Clouds) -> str:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeLoadBalancers.html"""
    names = [clouds.balancers.pop()] if clouds.balancers else []  # each is told of once, and gone when asked again
    members = [
        f"<member><LoadBalancerArn>{ARN}/{name}</LoadBalancerArn><LoadBalancerName>{name}</LoadBalancerName></member>"
        for name in names
    ]
    return _result("DescribeLoadBalancers", f"<LoadBalancers>{''.join(members)}</LoadBalancers>")


def _tags(clouds: Clouds) -> str:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html"""
    (cluster,) = (plain(held.outputs)["name"] for held in clouds.of_type(CLUSTER))
    tag = f"<Tags><member><Key>elbv2.k8s.aws/cluster</Key><Value>{cluster}</Value></member></Tags>"
    member = f"<member><ResourceArn>{ARN}/{STRANGER}</ResourceArn>{tag}</member>"
    return _result("DescribeTags", f"<TagDescriptions>{member}</TagDescriptions>")


def _volumes(clouds: Clouds) -> str:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVolumes.html"""
    del clouds
    return "<DescribeVolumesResponse><volumeSet/></DescribeVolumesResponse>"


def _result(action: str, content: str) -> str:
    return f"<{action}Response><{action}Result>{content}</{action}Result></{action}Response>"


QUERIES: Mapping[str, Callable[[Clouds], str]] = {
    "DescribeLoadBalancers": _balancers,
    "DescribeTags": _tags,
    "DescribeVolumes": _volumes,
}
