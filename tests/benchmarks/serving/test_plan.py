from benchmarks.serving.cases import Case, ModelName, Payload
from benchmarks.serving.contenders import CONTENDERS, Contender
from benchmarks.serving.plan import Plan, by_payload

OURS, LIMIT = CONTENDERS[:2]


def _plan(*contenders: Contender, rounds: int = 1, concurrencies: list[int] | None = None) -> Plan:
    return Plan(
        contenders=contenders or CONTENDERS,
        models=list(ModelName),
        payloads=list(Payload),
        concurrencies=concurrencies,
        rounds=rounds,
        seconds=2,
    )


def test_a_server_is_asked_only_what_it_speaks() -> None:
    payloads = {case.payload for case in _plan().cases(LIMIT, ModelName.TINY)}
    assert payloads == {Payload.JSON, Payload.BINARY}


def test_a_server_without_settings_for_a_model_is_not_asked() -> None:
    assert _plan().cases(LIMIT, ModelName.EFFICIENTNET) == []


def test_given_concurrencies_replace_a_model_s_own() -> None:
    cases = _plan(concurrencies=[2]).cases(OURS, ModelName.MINILM)
    assert cases == [Case(ModelName.MINILM, Payload.BINARY, 2)]


def test_each_round_begins_with_another_server() -> None:
    plan = _plan(*CONTENDERS[:3])
    assert [plan.order(number)[0] for number in range(4)] == [*CONTENDERS[:3], CONTENDERS[0]]
    assert {each.name for each in plan.order(1)} == {each.name for each in plan.contenders}


def test_more_rounds_take_longer_in_proportion() -> None:
    assert _plan(rounds=3).estimate_seconds() == 3 * _plan(rounds=1).estimate_seconds()


def test_cases_are_grouped_by_payload_in_order() -> None:
    groups = by_payload(_plan(concurrencies=[1, 8]).cases(OURS, ModelName.EFFICIENTNET))
    assert [(payload, len(cases)) for payload, cases in groups] == [(Payload.BINARY, 2), (Payload.JPEG, 2)]
