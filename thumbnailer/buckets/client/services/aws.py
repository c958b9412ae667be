"""How S3 is reached: endpoint, region, credentials and certificates, found as Amazon's tools do.

The environment is asked before the files `~/.aws/config` and `credentials`. What they have no
variable for is named as others have it: `AWS_REGION` and `AWS_SKIP_SIGNATURE` (object_store, which
obstore wraps), `AWS_NO_SIGN_REQUEST` and `AWS_REQUEST_PAYER` (GDAL, and object_store).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from thumbnailer.buckets.client.services.environment import (
    ca_bundles,
    client_options,
    first_of,
    is_set,
)
from thumbnailer.buckets.client.services.http import new_client, query_text, read
from thumbnailer.errors import ConfigError, install_hint, shortened

_USUAL_REGION = "us-east-1"

# How often credentials are looked for anew. botocore renews those that end 10 to 15 minutes before.
_ASK_AGAIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, eq=False)
class Access:
    """A way to S3.

    Attributes:
        credentials: botocore's, which renew themselves; None if requests are not signed.
        endpoint: the URL of the service; "" for Amazon's.
        region: its name.
        ca_bundles: files of certificates to trust besides the usual ones.
        pays: whether whoever asks pays for requests.
        http: urllib3's client, for what obstore can't ask.
    """

    credentials: Any
    endpoint: str
    region: str
    ca_bundles: list[str]
    pays: bool
    http: Any

    def store_options(self) -> dict[str, Any]:
        """Return the options of obstore's store."""
        config: dict[str, Any] = {"region": self.region}
        if self.endpoint:
            config["endpoint"] = self.endpoint
        if self.pays:
            config["request_payer"] = True
        options: dict[str, Any] = {
            "config": config,
            "client_options": client_options(self.endpoint, self.ca_bundles),
        }
        if self.credentials:
            options["credential_provider"] = self._credentials_now
        else:
            config["skip_signature"] = True
        return options

    @property
    def can_send(self) -> bool:
        """Whether `send` can be used."""
        return True

    def send(self, bucket: str, query: Mapping[str, str]) -> bytes:
        """Send a query to a bucket, and return the answer.

        Raises:
            ServerError: it is an error.
            Exception: botocore's or urllib3's: there are no credentials, or nobody answers.
        """
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest

        china = ".cn" if self.region.startswith("cn-") else ""
        base = self.endpoint or f"https://s3.{self.region}.amazonaws.com{china}"
        url = f"{base.rstrip('/')}/{bucket}?{query_text(query)}"
        request = AWSRequest(method="GET", url=url)
        if self.pays:
            request.headers["x-amz-request-payer"] = "requester"
        if self.credentials:
            credentials = self.credentials.get_frozen_credentials()
            S3SigV4Auth(credentials, "s3", self.region).add_auth(request)
        ready = request.prepare()
        return read(self.http, ready.url, ready.headers)

    def _credentials_now(self) -> dict[str, Any]:
        """Return credentials as obstore wants them, which asks again once they expire."""
        now = self.credentials.get_frozen_credentials()
        return {
            "access_key_id": now.access_key,
            "secret_access_key": now.secret_key,
            "token": now.token,
            "expires_at": datetime.now(UTC) + _ASK_AGAIN,
        }


def access(endpoint: str) -> Access:
    """Return how S3 is reached.

    Args:
        endpoint: the URL of the service; "" for what environment or profile name.

    Raises:
        ConfigError: the extra is not installed, or there are no such profile or no credentials.
    """
    session = _session()
    try:
        profile = session.get_scoped_config()
    except Exception:  # ProfileNotFound, which names the profile
        name = shortened(session.profile or "")
        trouble = ConfigError(f"there is no profile {name!r}, which AWS_PROFILE names")
    else:
        credentials = None
        if not is_set("AWS_SKIP_SIGNATURE", "AWS_NO_SIGN_REQUEST"):
            credentials = _credentials(session)
        url = endpoint or _endpoint(session, profile)
        bundles = ca_bundles(first_of("AWS_CA_BUNDLE") or profile.get("ca_bundle") or "")
        return Access(
            credentials,
            url,
            first_of("AWS_REGION", "AWS_DEFAULT_REGION") or profile.get("region") or _USUAL_REGION,
            bundles,
            is_set("AWS_REQUEST_PAYER")
            or os.environ.get("AWS_REQUEST_PAYER", "").lower() == "requester",
            new_client(url or "https://s3.amazonaws.com", bundles),
        )
    raise trouble


def _session() -> Any:
    try:
        import botocore.session
    except ImportError:
        trouble = ConfigError(f"s3:// needs {install_hint('s3')}")
    else:
        return botocore.session.Session()
    raise trouble


def _credentials(session: Any) -> Any:
    """Return botocore's credentials, which may renew themselves.

    Raises:
        ConfigError: there are none, or what the files say can't be used.
    """
    try:
        found = session.get_credentials()
    except Exception as error:
        trouble = ConfigError(f"the credentials for S3 can't be had ({type(error).__name__})")
    else:
        if found:
            return found
        trouble = ConfigError(
            "no credentials for S3 are found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "AWS_PROFILE, or AWS_SKIP_SIGNATURE=true for a public bucket"
        )
    raise trouble


def _endpoint(session: Any, profile: dict[str, Any]) -> str:
    """Return the endpoint that environment or profile name; "" for Amazon's."""
    if is_set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        return ""
    if named := first_of("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        return named
    services = session.full_config.get("services", {}).get(profile.get("services"), {})
    of_s3 = services.get("s3") if isinstance(services, dict) else None
    own = of_s3.get("endpoint_url") if isinstance(of_s3, dict) else None
    return own or profile.get("endpoint_url") or ""
