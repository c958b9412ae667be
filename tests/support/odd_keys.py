"""Objects whose keys obstore does not take: those that are no proper paths."""

from __future__ import annotations

import http.client
from urllib.parse import quote, urlsplit

from support import az_server
from support.cloud import Cloud


def put_raw(cloud: Cloud, key: str, data: bytes) -> None:
    """Put an object under a key as it is."""
    scheme, _, name = cloud.url.partition("://")
    place = f"/{name}/{quote(key, safe='/')}"
    if scheme == "az":
        az_server.ask(cloud.endpoint, place, data, x_ms_blob_type="BlockBlob")
    elif scheme == "gs":
        connection = http.client.HTTPConnection(urlsplit(cloud.endpoint).netloc)
        connection.request("PUT", place, data)
        assert connection.getresponse().status == 200
        connection.close()
    else:
        import boto3

        client = boto3.client("s3", endpoint_url=cloud.endpoint)
        client.put_object(Bucket=name, Key=key, Body=data)
