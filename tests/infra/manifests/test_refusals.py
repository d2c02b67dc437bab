from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random

from infra.manifests.refusals import refusals
from infra.preview import Plan, run
from infra.preview.manifests import Manifest, is_object, kubernetes_object


def program() -> None:
    password = random.RandomPassword("password", length=20)
    kubernetes.core.v1.ConfigMap("open", metadata={"name": "open"}, data={"size": "4"})
    kubernetes.core.v1.ConfigMap("leaking", metadata={"name": "leaking"}, data={"password": password.result})
    kubernetes.core.v1.Secret("plain", metadata={"name": "plain"}, string_data={"user": "me"})
    kubernetes.core.v1.ConfigMap(
        "later", metadata={"name": "later"}, data={"id": random.RandomId("a", byte_length=1).hex}
    )
    pulumi.export("done", value=True)


def files(plan: Plan) -> list[Manifest]:
    found = [each for each in plan.resources if is_object(each)]
    return [Manifest(resource=each, path=Path(each.name), document=kubernetes_object(each)) for each in found]


def test_a_secret_and_what_only_up_knows_are_refused_by_the_name_of_their_file() -> None:
    plan = run(program, {})

    found = {line.partition(" ")[0]: line for line in refusals(plan, files(plan))}

    assert set(found) == {"leaking", "plain", "later"}
    assert found["leaking"].startswith("leaking holds a secret value")
    assert found["plain"].startswith("plain holds a secret value")
    assert found["later"] == "later lacks what only `up` knows; add --set output.a.hex=STRING"
