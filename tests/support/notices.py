"""Notifications as the services write them, after their documentation."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote_plus


def s3_record(name: str, key: str, bucket: str = "uploads") -> dict[str, Any]:
    """A record of S3's for a key, which is encoded here (Amazon S3 User Guide, "Event message
    structure")."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-west-1",
        "eventTime": "2026-11-30T01:02:03.456Z",
        "eventName": name,
        "userIdentity": {"principalId": "AIDAJDPLRKLG7UEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "192.0.2.1"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "thumbnails",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {
                "key": quote_plus(key, safe="/"),
                "size": 1024,
                "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                "sequencer": "0055AED6DCD90281E5",
            },
        },
    }


def s3_notice(*records: dict[str, Any]) -> str:
    return json.dumps({"Records": records})


def eventbridge_notice(kind: str, key: str, bucket: str = "uploads") -> str:
    """Amazon S3 User Guide, "EventBridge event message structure"."""
    detail = {
        "version": "0",
        "bucket": {"name": bucket},
        "object": {"key": key, "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184"},
        "requester": "123456789012",
        "reason": "PutObject",
    }
    said = {"version": "0", "source": "aws.s3", "account": "123456789012", "region": "ca-central-1"}
    return json.dumps({"detail-type": kind, "detail": detail} | said)


def in_envelope_of_sns(notice: str) -> str:
    """Amazon SNS Developer Guide, "Parsing Amazon SNS message formats"."""
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": "arn:aws:sns:us-west-2:123456789012:uploads",
            "Subject": "Amazon S3 Notification",
            "Message": notice,
            "Timestamp": "2026-11-30T01:02:03.456Z",
            "SignatureVersion": "1",
            "Signature": "EXAMPLEw6JRN",
        }
    )


def event_grid_event(kind: str, key: str, container: str = "uploads") -> dict[str, Any]:
    """Microsoft, "Azure Blob Storage as an Event Grid source"."""
    return {
        "topic": "/subscriptions/0/resourceGroups/G/providers/Microsoft.Storage/storageAccounts/a",
        "subject": f"/blobServices/default/containers/{container}/blobs/{key}",
        "eventType": f"Microsoft.Storage.{kind}",
        "id": "831e1650-001e-001b-66ab-eeb76e069631",
        "data": {"api": "PutBlockList", "contentLength": 524288, "blobType": "BlockBlob"},
        "dataVersion": "",
        "metadataVersion": "1",
        "eventTime": "2026-11-30T01:02:03.456789Z",
    }


def cloud_event(kind: str, key: str, container: str = "uploads") -> dict[str, Any]:
    """The same by the schema of CloudEvents."""
    event = event_grid_event(kind, key, container)
    names = {"topic": "source", "eventType": "type", "eventTime": "time"}
    said = {names.get(name, name): value for name, value in event.items()}
    return {"specversion": "1.0"} | said


def encoded(said: object) -> str:
    """JSON as Event Grid puts it into a queue."""
    return b64encode(json.dumps(said).encode()).decode()


def google_attributes(kind: str, key: str, bucket: str = "uploads", **more: str) -> dict[str, str]:
    """Google, "Pub/Sub notifications for Cloud Storage"."""
    return {
        "notificationConfig": f"projects/_/buckets/{bucket}/notificationConfigs/1",
        "eventType": kind,
        "payloadFormat": "JSON_API_V1",
        "bucketId": bucket,
        "objectId": key,
        "objectGeneration": "1764464523000000",
        "eventTime": "2026-11-30T01:02:03.456789Z",
    } | more
