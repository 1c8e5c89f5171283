"""azure-mgmt-machinelearningservices, Azure's generated Python client: pages, long-running operations, a refusal.

It is told the gateway twice: `base_url` is where calls go, `credential_scopes` is whom tokens are asked for.
"""

import os
import time

from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient, __version__
from azure.mgmt.machinelearningservices.models import (
    CommandJob,
    JobBase,
    OnlineEndpoint,
    OnlineEndpointProperties,
)
from result import result

GATEWAY = os.environ["LAB_GATEWAY"]
PLACE = (os.environ["LAB_RESOURCE_GROUP"], os.environ["LAB_WORKSPACE"])


class Credential:
    def __init__(self, variable):
        self.variable = variable
        self.scopes = []

    def get_token(self, *scopes, **_):
        self.scopes += scopes
        return AccessToken(os.environ[self.variable], int(time.time()) + 3000)


def connect(credential, **more):
    return MachineLearningServicesMgmtClient(
        credential, os.environ["LAB_SUBSCRIPTION"], base_url=GATEWAY, **more
    )


def job():
    return JobBase(
        properties=CommandJob(
            command="python train.py",
            environment_id="azureml:sklearn:1",
            compute_id="azureml:cpu-cluster",
        )
    )


def refused(call):
    try:
        call()
    except HttpResponseError as error:
        return f"{error.status_code} {error.error.code}"
    return "accepted"


own = Credential("LAB_TOKEN")
ml = connect(own, credential_scopes=[f"{GATEWAY}/.default"])
for n in range(5):
    ml.jobs.create_or_update(*PLACE, f"python-{n}", job())
pages = [[one.name for one in page] for page in ml.jobs.list(*PLACE).by_page()]
endpoint = ml.online_endpoints.begin_create_or_update(
    *PLACE,
    "python",
    OnlineEndpoint(location="eastus", properties=OnlineEndpointProperties(auth_mode="AADToken")),
    polling_interval=1,
).result()
ml.online_endpoints.begin_delete(*PLACE, "python", polling_interval=1).result()
try:
    ml.online_endpoints.get(*PLACE, "python")
    gone = "still there"
except ResourceNotFoundError as error:
    gone = f"{error.status_code} {error.error.code}"

reader = connect(Credential("LAB_OTHER_TOKEN"), credential_scopes=[f"{GATEWAY}/.default"])
# without the second setting the client asks for a token for Resource Manager
unscoped = Credential("LAB_TOKEN")
connect(unscoped).jobs.get(*PLACE, "python-0")

result(
    version=__version__,
    scopes=sorted(set(own.scopes)),
    names=[name for page in pages for name in page],
    pages=len(pages),
    properties={
        "provisioningState": endpoint.properties.provisioning_state,
        "scoringUri": endpoint.properties.scoring_uri,
    },
    gone=gone,
    unscoped=sorted(set(unscoped.scopes)),
    refused=refused(lambda: reader.jobs.create_or_update(*PLACE, "python-refused", job())),
)
