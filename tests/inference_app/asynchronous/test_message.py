"""What Celery makes of a message that was made without it, and of the settings."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import json
import ssl
import subprocess
import sys

import pytest
from kombu.connection import Connection
from kombu.transport.redis import Transport

from inference_app.asynchronous import message
from inference_app.asynchronous.consumer import broker_url, configuration
from inference_app.asynchronous.runner import pause
from inference_app.settings import Settings

LOADED = """
import sys
import inference_app.asynchronous.store
import inference_app.http.app
import inference_app.http.jobs
import inference_app.http.server
print([name for name in sys.modules if name.split(".")[0] in ("celery", "kombu")])
"""


def settings(**given: object) -> Settings:
    return Settings.model_validate({"jobs_url": "redis://queue:6379/0", **given})


def test_kombu_reads_a_task_for_one_job_and_nothing_else() -> None:
    made = json.loads(message.make("an-id"))
    channel = Connection("memory://").channel()
    received = channel.Message(made, channel=channel, accept={"application/json"})
    arguments, keywords, _ = received.decode()
    assert (arguments, keywords) == (["an-id"], {})
    assert (received.headers["task"], received.headers["id"]) == (message.TASK, "an-id")


def test_two_messages_are_never_taken_for_one() -> None:
    tags = {json.loads(message.make("an-id"))["properties"]["delivery_tag"] for _ in range(10)}
    assert len(tags) == 10


def test_a_server_that_takes_jobs_loads_nothing_of_celery() -> None:
    found = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "redis://queue:6379/0"),
        ({"jobs_password": "a/b@c"}, "redis://:a%2Fb%40c@queue:6379/0"),
        ({"jobs_url": "rediss://worker@queue/1", "jobs_password": "secret"}, "rediss://worker:secret@queue/1"),
    ],
)
def test_the_password_is_part_of_the_url_that_celery_gets(given: dict[str, str], url: str) -> None:
    assert broker_url(settings(**given)) == url


def test_tls_is_never_without_a_look_at_the_certificate() -> None:
    secured = configuration(settings(jobs_url="rediss://queue:6379/0"))
    assert secured["broker_use_ssl"] == {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    assert configuration(settings())["broker_use_ssl"] is False


def test_nothing_but_json_is_read_and_no_results_are_kept_by_celery() -> None:
    found = configuration(settings())
    assert (found["accept_content"], found["task_serializer"]) == (["json"], "json")
    assert found["task_ignore_result"]
    assert "result_backend" not in found


def test_a_job_comes_back_only_when_no_attempt_can_still_run() -> None:
    options = configuration(settings(jobs_timeout_seconds=30))["broker_transport_options"]
    assert options["visibility_timeout"] == 150
    assert set(options) <= set(Transport.Channel.from_transport_options)


def test_pauses_double_up_to_the_time_of_an_attempt() -> None:
    assert [pause(attempts, 5) for attempts in range(1, 6)] == [1, 2, 4, 5, 5]
