"""A change that needs a review: how azure-ai-ml shows its refusal, and how long it waits for one that is held."""

import os

from azure.ai.ml.entities import ManagedOnlineEndpoint
from azure.core.exceptions import HttpResponseError
from harness import client, result

ml = client()
name = os.environ["LAB_ENDPOINT"]
try:
    made = ml.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name=name, auth_mode="aad_token")
    ).result()
    result(state=made.provisioning_state, refusal=None, code=None)
except HttpResponseError as error:
    result(state=None, refusal=str(error), code=error.error.code if error.error else None)
