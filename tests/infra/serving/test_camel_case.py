from infra.serving.camel_case import camel_case


def test_fields_get_the_names_that_kubernetes_has_for_them() -> None:
    given = {"run_as_non_root": True, "http_get": {"port": 1}, "env_from": [{"config_map_ref": {"name": "a"}}]}

    assert camel_case(given) == {
        "runAsNonRoot": True,
        "httpGet": {"port": 1},
        "envFrom": [{"configMapRef": {"name": "a"}}],
    }


def test_labels_resources_and_values_stay_as_they_are() -> None:
    given = {
        "match_labels": {"app.kubernetes.io/name": "a_b"},
        "limits": {"nvidia.com/gpu": "1", "ephemeral-storage": "5Gi"},
        "data": {"MAX_BATCH_SIZE": "8"},
    }

    assert camel_case(given) == {
        "matchLabels": {"app.kubernetes.io/name": "a_b"},
        "limits": {"nvidia.com/gpu": "1", "ephemeral-storage": "5Gi"},
        "data": {"MAX_BATCH_SIZE": "8"},
    }
