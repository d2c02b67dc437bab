"""Whether one served model may answer (ready) and whether only a restart would help it (live), with the reason."""

import logging
from enum import StrEnum

from inference_app.errors import NotReady

logger = logging.getLogger(__name__)


class State(StrEnum):
    """Where a served model is between its load and its end."""

    LOADING = "LOADING"
    READY = "READY"
    FAILING = "FAILING"
    HUNG = "HUNG"
    BROKEN = "BROKEN"
    DRAINING = "DRAINING"
    STOPPED = "STOPPED"


_FINAL = (State.BROKEN, State.DRAINING, State.STOPPED)
_WRONG = (State.FAILING, State.HUNG, State.BROKEN)


class Health:
    """A served model's state; lives on the event loop, whose thread alone may call it."""

    def __init__(self, model: str) -> None:
        self._model = model
        self.state = State.LOADING
        self.reason = "the model is loading"
        self.may_answer = False
        """Whether requests reach the model; those that are on their way when the server stops still do."""

    @property
    def is_ready(self) -> bool:
        """Whether the model may answer requests."""
        return self.state is State.READY

    @property
    def is_live(self) -> bool:
        """False when only a restart helps: the model hangs, or could not be brought back."""
        return self.state not in (State.HUNG, State.BROKEN)

    def require_ready(self) -> None:
        """Raise `NotReady` with the reason unless the model may answer."""
        if self.state is not State.READY:
            raise NotReady(self.reason)

    def require_live(self) -> None:
        """Raise `NotReady` with the reason when only a restart helps."""
        if not self.is_live:
            raise NotReady(self.reason)

    def become(self, state: State, reason: str = "") -> bool:
        """Move to `state`; False, and no move, where it comes too late: a model that stops never turns ready again."""
        if self.state in _FINAL and state is not State.STOPPED:
            return False
        before, self.state, self.reason = self.state, state, reason
        self.may_answer = state in (State.READY, State.DRAINING)
        if before is not state:
            self._log(before)
        return True

    def _log(self, before: State) -> None:
        if self.state in _WRONG:
            logger.error("not ready", extra={"model": self._model, "state": self.state, "reason": self.reason})
        elif self.state is State.READY and before in _WRONG:
            logger.warning("ready again", extra={"model": self._model})
