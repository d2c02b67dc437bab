"""A job's message in Celery's queue, without Celery, which would cost the server its start and its memory.

Celery's protocol 2 (https://docs.celeryq.dev/en/stable/internals/protocol.html) in the envelope that Kombu keeps in a
Redis list (https://docs.celeryq.dev/projects/kombu/en/stable/reference/kombu.transport.redis.html).
"""

import base64
import uuid

import orjson

from inference_app.contract import JOB_QUEUE

TASK = "inference"
"""The task's name, by which the worker knows what to do."""


def make(job_id: str) -> bytes:
    """What to push; the job is all that it names."""
    arguments = orjson.dumps([[job_id], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    return orjson.dumps(
        {
            "body": base64.b64encode(arguments).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {"lang": "py", "task": TASK, "id": job_id, "root_id": job_id, "retries": 0},
            "properties": {
                "correlation_id": job_id,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": JOB_QUEUE},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid.uuid4()),
            },
        }
    )
