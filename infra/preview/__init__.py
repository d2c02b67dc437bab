"""The program run without an engine: what `up` would do, with no account, no network and no Pulumi CLI.

    plan = run(program, {"image": {"digest": "sha256:..."}, "aws:region": "eu-west-1"}, stack="test")
    cluster = plan.one("aws:eks/cluster:Cluster", name="test-eks")
    assert cluster.inputs["version"] == "1.36"
    assert plan.exports["url"] == "http://${test-gateway.status.loadBalancer.ingress[0].hostname: string}"

Inputs carry the names that the wire carries (camelCase). A value known only after `up` is the string
`${<logical name>.<property path>: <type>}`, a function's result `${aws:ecr/getAuthorizationToken.password: string}`, a
secret `${secret: <type>}`. From a shell: `python -m infra.preview --stack dev`.
"""

from infra.preview.errors import OverrideError, PreviewError, StackFileError
from infra.preview.plan import Plan, Resource
from infra.preview.runner import run

__all__ = ["OverrideError", "Plan", "PreviewError", "Resource", "StackFileError", "run"]
