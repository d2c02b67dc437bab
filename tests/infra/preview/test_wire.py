from infra.preview.wire import Secret, decode_struct, encode


def test_a_value_survives_the_wire() -> None:
    value = {"a": [1, 2.5, True, None, "text"], "b": {"c": Secret({"d": "hidden"})}}

    assert decode_struct(encode(value)) == value


def test_whole_numbers_come_back_as_integers() -> None:
    port = decode_struct(encode({"port": 8080.0}))["port"]

    assert isinstance(port, int)


def test_keys_come_back_sorted() -> None:
    assert list(decode_struct(encode({"b": 1, "a": 2, "c": 3}))) == ["a", "b", "c"]
