"""A workspace is made: not by azure-ai-ml, whose way is a template deployment, but by the API that such a template calls."""

import os

import requests
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Workspace
from azure.core.exceptions import HttpResponseError
from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient
from azure.mgmt.machinelearningservices.models import Identity
from azure.mgmt.machinelearningservices.models import Workspace as Resource
from harness import RESOURCE_GROUP, SUBSCRIPTION, Credential, client, result

GATEWAY = os.environ["LAB_GATEWAY"]
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}/providers"

ml = client()
try:
    ml.workspaces.begin_create(Workspace(name="ws-made", location="eastus")).result()
    made = "created"
except HttpResponseError as error:
    made = f"{error.status_code} {error.error.code}: {error.error.message}"

arm = MachineLearningServicesMgmtClient(
    Credential(), SUBSCRIPTION, base_url=GATEWAY, credential_scopes=[f"{GATEWAY}/.default"]
)
workspace = arm.workspaces.begin_create_or_update(
    RESOURCE_GROUP,
    "ws-made",
    Resource(
        location="eastus",
        identity=Identity(type="SystemAssigned"),
        storage_account=f"{GROUP}/Microsoft.Storage/storageAccounts/labstorage",
        key_vault=f"{GROUP}/Microsoft.KeyVault/vaults/labvault",
        application_insights=f"{GROUP}/Microsoft.Insights/components/labinsights",
    ),
    polling_interval=1,
).result()

ml.workspaces.begin_update(Workspace(name="ws-made", description="for churn")).result()
shown = ml.workspaces.get("ws-made")
made_ml = MLClient(Credential(), SUBSCRIPTION, RESOURCE_GROUP, "ws-made")
written = requests.put(
    f"{GATEWAY}{GROUP}/Microsoft.MachineLearningServices/workspaces/ws-made/connections/search",
    params={"api-version": "2024-04-01"},
    headers={"Authorization": f"Bearer {os.environ['LAB_TOKEN']}"},
    json={
        "properties": {
            "authType": "ApiKey",
            "category": "CognitiveSearch",
            "target": "https://search.example.com",
            "credentials": {"key": "a key that nobody reads again"},
        }
    },
    timeout=60,
)
connection = made_ml.connections.get("search")

result(
    connection=[connection.name, connection.target],
    key=getattr(connection.credentials, "key", None),
    echoed="nobody reads" in written.text,
    template=made,
    made=workspace.provisioning_state,
    shown=shown.description,
    discovery=shown.discovery_url,
)
