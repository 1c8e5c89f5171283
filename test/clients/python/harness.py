"""What scripts of Azure's clients need: a credential, a client made the documented way, and a result for the test.

Where the gateway is comes from the environment alone, as docs/clients.md has it.
"""

import os
import time

from azure.core.credentials import AccessToken

from result import result  # noqa: F401 -- for the scripts

SUBSCRIPTION = os.environ["LAB_SUBSCRIPTION"]
RESOURCE_GROUP = os.environ["LAB_RESOURCE_GROUP"]
WORKSPACE = os.environ["LAB_WORKSPACE"]


class Credential:
    """A person's tokens: the gateway's for Azure ML, their own for storage.

    Pipeline jobs refuse to start without a token for https://ml.azure.com, which Entra gives anybody who asks.
    """

    def get_token(self, *scopes, **_):
        name = "LAB_TOKEN"
        if scopes[0].startswith("https://storage.azure.com"):
            name = "LAB_STORAGE_TOKEN"
        if scopes[0].startswith("https://ml.azure.com") and "LAB_ML_TOKEN" in os.environ:
            name = "LAB_ML_TOKEN"
        return AccessToken(os.environ[name], int(time.time()) + 3000)


def client():
    from azure.ai.ml import MLClient

    return MLClient(Credential(), SUBSCRIPTION, RESOURCE_GROUP, WORKSPACE)
