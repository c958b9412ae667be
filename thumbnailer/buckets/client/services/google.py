"""How Google Cloud Storage is reached: by the variables of Google's own tools.

obstore itself reads `GOOGLE_APPLICATION_CREDENTIALS`, `GOOGLE_SERVICE_ACCOUNT_KEY` and what
`gcloud auth application-default login` has left.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thumbnailer.buckets.client.services.environment import ca_bundles, client_options, is_set
from thumbnailer.buckets.client.services.http import new_client, query_text, read

_USUAL_BASE = "https://storage.googleapis.com"

_NOBODY = {"client_email": "", "private_key": "", "private_key_id": "", "disable_oauth": True}


@dataclass(frozen=True, slots=True, eq=False)
class Access:
    """A way to Google's storage.

    Attributes:
        base: the URL of the service.
        is_emulator: whether it is not Google's, and knows no accounts.
        is_public: whether requests are not signed.
    """

    base: str
    is_emulator: bool
    is_public: bool
    bundles: list[str]
    http: Any

    def store_options(self) -> dict[str, Any]:
        """Return the options of obstore's store."""
        config: dict[str, Any] = {}
        if self.is_emulator:
            # With `skip_signature`, obstore still asks Google for a token to write.
            config["service_account_key"] = json.dumps(_NOBODY | {"gcs_base_url": self.base})
        elif self.base != _USUAL_BASE:
            config["base_url"] = self.base
        if self.is_public:
            config["skip_signature"] = True
        return {"config": config, "client_options": client_options(self.base, self.bundles)}

    @property
    def can_send(self) -> bool:
        """Whether `send` can be used: it has no tokens."""
        return self.is_emulator or self.is_public

    def send(self, bucket: str, query: Mapping[str, str]) -> bytes:
        """Send a query to a bucket, and return the answer.

        Raises:
            ServerError: it is an error.
            Exception: urllib3's: nobody answers.
        """
        return read(self.http, f"{self.base}/{bucket}?{query_text(query)}", {})


def access(endpoint: str) -> Access:
    """Return how Google's storage is reached.

    Args:
        endpoint: the URL of the service; "" for that of the emulator which `STORAGE_EMULATOR_HOST`
            names, else Google's.

    Raises:
        ConfigError: the file of certificates can't be read.
    """
    emulator = os.environ.get("STORAGE_EMULATOR_HOST", "")
    if emulator and "://" not in emulator:
        emulator = f"http://{emulator}"
    base = (endpoint or emulator or _USUAL_BASE).rstrip("/")
    bundles = ca_bundles()
    return Access(
        base,
        base.startswith("http://") or bool(emulator and not endpoint),
        is_set("GOOGLE_SKIP_SIGNATURE", "GS_NO_SIGN_REQUEST"),
        bundles,
        new_client(base, bundles),
    )
