from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.preview.manifests import manifests
from infra.preview.report import checks, counts, exports, open_values, report, steps, tree


def test_children_stand_below_their_component(sample: Plan) -> None:
    lines = list(tree(sample))

    start = lines.index("├─ test:clusters:Cluster  eks")
    assert lines[start + 1] == "│  ├─ aws:eks:Cluster  eks [protected]"


def test_many_siblings_of_one_type_share_a_line(sample: Plan) -> None:
    assert "├─ aws:ec2:Subnet x 5  private-0, private-1, private-2, private-3, private-4" in list(tree(sample))


def test_every_resource_is_in_the_tree(sample: Plan) -> None:
    text = "\n".join(tree(sample))

    assert [resource.name for resource in sample.resources if resource.name not in text] == []


def test_resources_are_counted_by_provider(sample: Plan) -> None:
    assert [line.split() for line in counts(sample)] == [
        ["(components)", "1"],
        ["(explicit", "providers)", "1"],
        ["aws", "9"],
        ["docker-build", "1"],
        ["kubernetes", "6"],
        ["random", "1"],
        ["all", "19"],
    ]


def test_exports_are_shown_with_their_markers(sample: Plan) -> None:
    assert list(exports(sample)) == [
        "password: '${secret: string}'",
        "url: 'http://${gateway.status.loadBalancer.ingress[0].hostname: string}'",
    ]


def test_each_open_value_comes_with_the_option_that_fills_it(sample: Plan) -> None:
    assert list(open_values(sample, manifests(sample))) == [
        "--set output.credentials.metadata.name=STRING",
        "--set output.eks.vpcConfig.clusterSecurityGroupId=STRING",
        "--set output.image.ref=STRING",
        "secrets are left out of 1 of the files: `up` alone has them",
    ]


def test_kinds_that_nothing_checks_point_to_their_reasons(sample: Plan) -> None:
    lines = list(checks(check_plan(sample)))

    assert [line.split()[-2:] for line in lines if "ServiceMonitor" in line] == [["none", "[2]"]]
    assert lines[-1].startswith("[2] a custom resource; its schema comes with the chart")


def test_charts_and_runs_of_objects_are_steps_in_one_order(sample: Plan) -> None:
    assert list(steps(manifests(sample))) == [
        "helm     eks-api/charts/01-monitoring.values.yaml",
        "kubectl  eks-api/02-namespace-serving.yaml to eks-api/06-deployment-server.yaml",
    ]


def test_the_report_is_the_same_each_time(sample: Plan) -> None:
    reports = {"\n".join(report(sample, check_plan(sample), manifests(sample))) for _ in range(2)}

    assert len(reports) == 1
