from infra.preview import Plan


def test_each_controller_ends_after_its_own_drain(eks: Plan) -> None:
    hooks = {each.name: each.options["hooks"] for each in eks.resources if "hooks" in each.options}

    assert hooks == {
        "eks-load-balancer-controller": {"beforeDelete": ["eks-drain-load-balancers"]},
        "eks-cluster-aws-ebs-csi-driver": {"beforeDelete": ["eks-drain-volumes"]},
    }


def test_a_hook_finds_its_cluster_in_what_it_guards(eks: Plan) -> None:
    values = eks.one("kubernetes:helm.sh/v3:Release", "eks-load-balancer-controller").inputs["values"]
    driver = eks.one("aws:eks/addon:Addon", "eks-cluster-aws-ebs-csi-driver")

    assert {"clusterName", "region"} <= values.keys()
    assert "clusterName" in driver.inputs
    assert "region" in driver.outputs


def test_what_controllers_make_carries_the_stacks_tags(eks: Plan) -> None:
    values = eks.one("kubernetes:helm.sh/v3:Release", "eks-load-balancer-controller").inputs["values"]
    driver = eks.one("aws:eks/addon:Addon", "eks-cluster-aws-ebs-csi-driver").inputs

    assert values["defaultTags"] == {"owner": "ml-platform", "stack": "test"}
    assert (
        driver["configurationValues"]
        == '{"controller": {"extraVolumeTags": {"owner": "ml-platform", "stack": "test"}}}'
    )
