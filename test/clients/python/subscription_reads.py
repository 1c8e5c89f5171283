"""azure-mgmt-machinelearningservices 1, with what it asks of a subscription: workspaces, sizes, usage, quotas."""

import os
import time

from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient, __version__
from result import result

GATEWAY = os.environ["LAB_GATEWAY"]


class Credential:
    def __init__(self, variable):
        self.variable = variable

    def get_token(self, *_scopes, **_):
        return AccessToken(os.environ[self.variable], int(time.time()) + 3000)


def connect(variable):
    return MachineLearningServicesMgmtClient(
        Credential(variable),
        os.environ["LAB_SUBSCRIPTION"],
        base_url=GATEWAY,
        credential_scopes=[f"{GATEWAY}/.default"],
    )


def refused(call):
    try:
        call()
    except HttpResponseError as error:
        return f"{error.status_code} {error.error.code}"
    return "accepted"


own, other = connect("LAB_TOKEN"), connect("LAB_OTHER_TOKEN")
result(
    version=__version__,
    workspaces=sorted(one.name for one in own.workspaces.list_by_subscription()),
    group=sorted(
        one.name
        for one in own.workspaces.list_by_resource_group(os.environ["LAB_RESOURCE_GROUP"])
    ),
    sizes=[one.name for one in own.virtual_machine_sizes.list("eastus").aml_compute],
    usages=[one.current_value for one in own.usages.list("eastus")],
    quotas=[one.limit for one in own.quotas.list("eastus")],
    keys=refused(
        lambda: own.workspaces.list_keys(
            os.environ["LAB_RESOURCE_GROUP"], os.environ["LAB_WORKSPACE"]
        )
    ),
    refused=refused(lambda: list(other.workspaces.list_by_subscription())),
)
