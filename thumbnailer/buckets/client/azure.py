"""How Azure Blob Storage is reached: by the variables of Azure's own tools.

obstore itself reads `AZURE_STORAGE_ACCOUNT_NAME`, `AZURE_STORAGE_ACCOUNT_KEY`, `AZURE_CLIENT_ID`,
`AZURE_TENANT_ID`, `AZURE_CLIENT_SECRET`, `AZURE_FEDERATED_TOKEN_FILE` and the identity of a virtual
machine. What Azure's command line names otherwise is translated here.
"""

from __future__ import annotations

import os
from typing import Any

from thumbnailer.buckets.client.environment import ca_bundles, client_options, first_of, is_set
from thumbnailer.errors import ConfigError

# The account of the emulator Azurite, which Microsoft publishes ("Connect to Azurite with SDKs and
# tools").
_EMULATOR = {
    "AccountName": "devstoreaccount1",
    "AccountKey": (
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    ),
    "BlobEndpoint": "http://127.0.0.1:10000/devstoreaccount1",
}


def store_options(endpoint: str) -> dict[str, Any]:
    """Return the options of obstore's store.

    Args:
        endpoint: the URL of the account; "" for what the environment names, or Azure's.

    Raises:
        ConfigError: no account is named, or the connection string can't be used.
    """
    said = _connection_string()
    account = said.get("AccountName") or first_of(
        "AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"
    )
    key = said.get("AccountKey") or first_of(
        "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCESS_KEY"
    )
    signature = said.get("SharedAccessSignature") or first_of("AZURE_STORAGE_SAS_TOKEN")
    base = (
        endpoint
        or said.get("BlobEndpoint")
        or first_of("AZURE_STORAGE_SERVICE_ENDPOINT", "AZURE_STORAGE_ENDPOINT")
    )
    suffix = said.get("EndpointSuffix")
    if account and suffix and not base:
        base = f"{said.get('DefaultEndpointsProtocol', 'https')}://{account}.blob.{suffix}"
    if not account and base:
        account = base.partition("://")[2].partition(".")[0]
    if not account:
        raise ConfigError(
            "az:// needs the name of an account: set AZURE_STORAGE_ACCOUNT_NAME, or "
            "AZURE_STORAGE_CONNECTION_STRING"
        )
    config: dict[str, Any] = {"account_name": account}
    if base:
        config["endpoint"] = base.rstrip("/")
    if is_set("AZURE_SKIP_SIGNATURE", "AZURE_NO_SIGN_REQUEST"):
        config["skip_signature"] = True
    elif key:
        config["account_key"] = key
    elif signature:
        config["sas_key"] = signature.lstrip("?")
    elif os.environ.get("AZURE_STORAGE_AUTH_MODE") == "login":
        config["use_azure_cli"] = True
    return {"config": config, "client_options": client_options(base or "", ca_bundles())}


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
