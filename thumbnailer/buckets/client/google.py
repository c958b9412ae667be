"""How Google Cloud Storage is reached: by the variables of Google's own tools.

obstore itself reads `GOOGLE_APPLICATION_CREDENTIALS`, `GOOGLE_SERVICE_ACCOUNT_KEY` and what
`gcloud auth application-default login` has left.
"""

from __future__ import annotations

import json
import os
from typing import Any

from thumbnailer.buckets.client.environment import ca_bundles, client_options, is_set

_NOBODY = {"client_email": "", "private_key": "", "private_key_id": "", "disable_oauth": True}


def store_options(endpoint: str) -> dict[str, Any]:
    """Return the options of obstore's store.

    Args:
        endpoint: the URL of the service; "" for that of the emulator which `STORAGE_EMULATOR_HOST`
            names, else Google's.

    Raises:
        ConfigError: the file of certificates can't be read.
    """
    config: dict[str, Any] = {}
    emulator = os.environ.get("STORAGE_EMULATOR_HOST", "")
    if emulator and "://" not in emulator:
        emulator = f"http://{emulator}"
    base = (endpoint or emulator).rstrip("/")
    if base.startswith("http://") or (emulator and not endpoint):
        # An emulator. With `skip_signature`, obstore still asks Google for a token to write.
        config["service_account_key"] = json.dumps(_NOBODY | {"gcs_base_url": base})
    elif base:
        config["base_url"] = base
    if is_set("GOOGLE_SKIP_SIGNATURE", "GS_NO_SIGN_REQUEST"):
        config["skip_signature"] = True
    return {"config": config, "client_options": client_options(base, ca_bundles())}
