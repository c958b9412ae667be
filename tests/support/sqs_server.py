"""A server that answers like Amazon SQS (moto's)."""

from __future__ import annotations

import json
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


def client_of(endpoint: str, service: str = "sqs") -> Any:
    """boto3's client."""
    import boto3

    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=ENVIRONMENT["AWS_DEFAULT_REGION"],
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
    )


def notify_directly(storage: s3_server.Storage, queue: CloudQueue) -> None:
    """Have a bucket notify a queue on the same server of what comes and goes."""
    _configure(storage, "Queue", _arn(storage, queue))


def notify_by_sns(storage: s3_server.Storage, queue: CloudQueue, *, raw: bool) -> None:
    """The same by a topic of SNS."""
    sns = client_of(storage.endpoint, "sns")
    topic = sns.create_topic(Name=storage.name)["TopicArn"]
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=_arn(storage, queue),
        Attributes={"RawMessageDelivery": str(raw).lower()},
    )
    _configure(storage, "Topic", topic)


def notify_by_eventbridge(storage: s3_server.Storage, queue: CloudQueue) -> None:
    """The same by a rule of EventBridge."""
    bridge = client_of(storage.endpoint, "events")
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [storage.name]}}}
    bridge.put_rule(Name=storage.name, EventPattern=json.dumps(pattern))
    target = {"Id": "queue", "Arn": _arn(storage, queue)}
    bridge.put_targets(Rule=storage.name, Targets=[target])
    storage.client.put_bucket_notification_configuration(
        Bucket=storage.name, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )


def _arn(storage: s3_server.Storage, queue: CloudQueue) -> str:
    """Amazon's name of a queue."""
    answer = client_of(storage.endpoint).get_queue_attributes(
        QueueUrl=queue.url, AttributeNames=["QueueArn"]
    )
    arn: str = answer["Attributes"]["QueueArn"]
    return arn


def _configure(storage: s3_server.Storage, kind: str, arn: str) -> None:
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    storage.client.put_bucket_notification_configuration(
        Bucket=storage.name,
        NotificationConfiguration={
            f"{kind}Configurations": [{f"{kind}Arn": arn, "Events": events}]
        },
    )
