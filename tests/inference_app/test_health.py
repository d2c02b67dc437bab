import logging

import pytest

from inference_app.errors import NotReady
from inference_app.health import Health, State

WRONG = (State.FAILING, State.HUNG, State.BROKEN)


def health_in(*states: State) -> Health:
    health = Health("digits")
    for state in states:
        assert health.become(state, f"it is {state}")
    return health


def refusal(health: Health) -> str:
    with pytest.raises(NotReady) as raised:
        health.require_ready()
    return str(raised.value)


def test_a_loading_model_is_live_and_says_that_it_loads() -> None:
    health = Health("digits")
    health.require_live()
    assert refusal(health) == "the model is loading"


def test_a_loaded_model_is_ready() -> None:
    health = health_in(State.READY)
    health.require_ready()
    health.require_live()


@pytest.mark.parametrize("state", [State.FAILING, State.HUNG, State.BROKEN, State.DRAINING, State.STOPPED])
def test_whatever_keeps_a_model_from_answering_is_named(state: State) -> None:
    assert refusal(health_in(State.READY, state)) == f"it is {state}"


@pytest.mark.parametrize("state", [State.HUNG, State.BROKEN])
def test_what_only_a_restart_helps_is_not_live(state: State) -> None:
    with pytest.raises(NotReady, match=f"it is {state}"):
        health_in(State.READY, state).require_live()


@pytest.mark.parametrize("state", [State.LOADING, State.READY, State.FAILING, State.DRAINING, State.STOPPED])
def test_whatever_may_pass_by_itself_is_live(state: State) -> None:
    health_in(state).require_live()


@pytest.mark.parametrize("state", [State.FAILING, State.HUNG])
def test_a_model_may_come_back(state: State) -> None:
    assert health_in(State.READY, state, State.READY).is_ready


@pytest.mark.parametrize("state", [State.BROKEN, State.DRAINING, State.STOPPED])
def test_a_model_that_is_given_up_or_stops_never_turns_ready_again(state: State) -> None:
    health = health_in(State.READY, state)
    assert not health.become(State.READY)
    assert refusal(health) == f"it is {state}"


def test_a_draining_model_stops_and_stays_stopped() -> None:
    health = health_in(State.READY, State.DRAINING, State.STOPPED)
    assert not health.become(State.DRAINING)
    assert health.state is State.STOPPED


@pytest.mark.parametrize("state", WRONG)
def test_a_model_that_goes_wrong_is_logged_once_with_its_reason(state: State, caplog: pytest.LogCaptureFixture) -> None:
    health = health_in(State.READY)
    with caplog.at_level(logging.INFO):
        health.become(state, "no answer")
        health.become(state, "no answer yet")
    entries = [(entry.message, vars(entry)["model"], vars(entry)["reason"]) for entry in caplog.records]
    assert entries == [("not ready", "digits", "no answer")]


def test_a_model_that_comes_back_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    health = health_in(State.READY, State.FAILING)
    with caplog.at_level(logging.INFO):
        health.become(State.READY)
    assert [entry.message for entry in caplog.records] == ["not ready", "ready again"]
