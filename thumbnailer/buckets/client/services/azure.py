"""How Azure Blob Storage is reached: by the variables of Azure's own tools.

obstore itself reads `AZURE_STORAGE_ACCOUNT_NAME`, `AZURE_STORAGE_ACCOUNT_KEY`, `AZURE_CLIENT_ID`,
`AZURE_TENANT_ID`, `AZURE_CLIENT_SECRET`, `AZURE_FEDERATED_TOKEN_FILE` and the identity of a virtual
machine. What Azure's command line names otherwise is translated here.
"""

from __future__ import annotations

import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

from thumbnailer.buckets.client.services.environment import (
    ca_bundles,
    client_options,
    first_of,
    is_set,
)
from thumbnailer.buckets.client.services.http import new_client, query_text, request
from thumbnailer.errors import ConfigError

# Of the interface of Azure, as obstore asks for it.
_VERSION = "2023-11-03"

# The account of the emulator Azurite, which Microsoft publishes ("Connect to Azurite with SDKs and
# tools").
_EMULATOR = {
    "AccountName": "devstoreaccount1",
    "AccountKey": (
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    ),
    "BlobEndpoint": "http://127.0.0.1:10000/devstoreaccount1",
}


@dataclass(frozen=True, slots=True, eq=False)
class Access:
    """A way to an account of Azure's storage.

    Attributes:
        account: its name.
        base: its URL.
        key, signature: its key, or a shared access signature; "" for none.
        is_public: whether requests are not signed.
    """

    account: str
    base: str
    key: str
    signature: str
    is_public: bool
    bundles: list[str]
    http: Any

    def store_options(self) -> dict[str, Any]:
        """Return the options of obstore's store."""
        config: dict[str, Any] = {"account_name": self.account, "endpoint": self.base}
        if self.is_public:
            config["skip_signature"] = True
        elif self.key:
            config["account_key"] = self.key
        elif self.signature:
            config["sas_key"] = self.signature
        elif os.environ.get("AZURE_STORAGE_AUTH_MODE") == "login":
            config["use_azure_cli"] = True
        return {"config": config, "client_options": client_options(self.base, self.bundles)}

    @property
    def can_send(self) -> bool:
        """Whether `send` can be used: it has no tokens."""
        return bool(self.is_public or self.key or self.signature)

    def send(self, container: str, query: Mapping[str, str]) -> bytes:
        """Send a query to a container, and return the answer.

        Raises:
            ServerError: it is an error.
            Exception: urllib3's: nobody answers.
        """
        data: bytes = self.request("GET", container, query).data
        return data

    def request(self, method: str, path: str, query: Mapping[str, str]) -> Any:
        """Send a request without content, and return urllib3's answer.

        It is signed as Microsoft describes under "Authorize with Shared Key".

        Args:
            path: below the account, quoted.

        Raises:
            ServerError: it is an error.
            Exception: urllib3's: nobody answers.
        """
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": _VERSION}
        url = f"{self.base}/{path}"
        text = query_text(query)
        if self.key and not self.is_public:
            named = sorted(f"{name.lower()}:{value}" for name, value in query.items())
            said = (f"{name}:{value}" for name, value in sorted(headers.items()))
            place = f"/{self.account}{urlsplit(url).path}"
            signed = "\n".join([method, *[""] * 11, *said, place, *named])
            digest = hmac.digest(b64decode(self.key), signed.encode(), "sha256")
            headers["Authorization"] = f"SharedKey {self.account}:{b64encode(digest).decode()}"
        elif self.signature and not self.is_public:
            text = f"{text}&{self.signature}"
        return request(self.http, method, f"{url}?{text}", headers)


def access(endpoint: str) -> Access:
    """Return how an account of Azure's storage is reached.

    Args:
        endpoint: the URL of the account; "" for what the environment names, or Azure's.

    Raises:
        ConfigError: no account is named, the connection string can't be used, or the file of
            certificates can't be read.
    """
    said = _connection_string()
    account = said.get("AccountName") or first_of(
        "AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"
    )
    base = (
        endpoint
        or said.get("BlobEndpoint")
        or first_of("AZURE_STORAGE_SERVICE_ENDPOINT", "AZURE_STORAGE_ENDPOINT")
    ).rstrip("/")
    where = urlsplit(base)
    account = account or where.path.strip("/") or where.netloc.partition(".")[0]
    if not account:
        raise ConfigError(
            "az:// needs the name of an account: set AZURE_STORAGE_ACCOUNT_NAME, or "
            "AZURE_STORAGE_CONNECTION_STRING"
        )
    protocol = said.get("DefaultEndpointsProtocol", "https")
    suffix = said.get("EndpointSuffix", "core.windows.net")
    base = base or f"{protocol}://{account}.blob.{suffix}"
    bundles = ca_bundles()
    return Access(
        account,
        base,
        said.get("AccountKey")
        or first_of("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCESS_KEY"),
        (said.get("SharedAccessSignature") or first_of("AZURE_STORAGE_SAS_TOKEN")).lstrip("?"),
        is_set("AZURE_SKIP_SIGNATURE", "AZURE_NO_SIGN_REQUEST"),
        bundles,
        new_client(base, bundles),
    )


def _connection_string() -> dict[str, str]:
    """Return the parts of the connection string, by their names.

    Raises:
        ConfigError: it has none. The message does not quote it: it holds a key.
    """
    text = os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "").strip()
    parts = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    if text and not parts:
        raise ConfigError("AZURE_STORAGE_CONNECTION_STRING is no connection string")
    if parts.get("UseDevelopmentStorage", "").lower() == "true":
        return _EMULATOR | parts
    return parts
