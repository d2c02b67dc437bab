from infra.pods.configuration import config_name


def test_the_name_of_the_configuration_follows_its_content_and_not_its_order() -> None:
    name = config_name("server", {"a": "1", "b": "2"})

    assert name == config_name("server", {"b": "2", "a": "1"})
    assert name != config_name("server", {"a": "1", "b": "3"})
