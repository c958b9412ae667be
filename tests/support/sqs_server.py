"""A server that answers like Amazon SQS (moto's)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from support import s3_server
from support.cloud_queue import CloudQueue, NewQueue
from support.notices import s3_notice, s3_record
from support.s3_server import ENVIRONMENT, KEY_ID, SECRET


def hindrance() -> str:
    """Why it can't be run; "" if it can."""
    if not (find_spec("boto3") and find_spec("moto") and find_spec("flask")):
        return "moto with Flask is not installed, or boto3"
    return ""


@contextmanager
def serving(folder: Path) -> Iterator[NewQueue]:
    """Run the server."""
    with s3_server.serving(folder) as (endpoint, _):
        yield lambda name: new_queue(endpoint, name)


def new_queue(endpoint: str, name: str) -> CloudQueue:
    client = client_of(endpoint)
    url = client.create_queue(QueueName=name)["QueueUrl"]

    def put(body: str) -> None:
        client.send_message(QueueUrl=url, MessageBody=body)

    return CloudQueue(
        url,
        "s3://uploads",
        ENVIRONMENT,
        put,
        lambda key: put(s3_notice(s3_record("ObjectCreated:Put", key))),
        (KEY_ID, SECRET),
    )


def client_of(endpoint: str) -> Any:
    """boto3's client."""
    import boto3

    return boto3.client(
        "sqs",
        endpoint_url=endpoint,
        region_name=ENVIRONMENT["AWS_DEFAULT_REGION"],
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
    )


def notify_of(storage: s3_server.Storage, queue: CloudQueue) -> None:
    """Have a bucket notify a queue on the same server of what comes and goes."""
    attributes = client_of(storage.endpoint).get_queue_attributes(
        QueueUrl=queue.url, AttributeNames=["QueueArn"]
    )
    wanted = {
        "QueueArn": attributes["Attributes"]["QueueArn"],
        "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
    }
    storage.client.put_bucket_notification_configuration(
        Bucket=storage.name, NotificationConfiguration={"QueueConfigurations": [wanted]}
    )
