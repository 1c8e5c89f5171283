"""Somebody signs in at the lab's Entra ID with azure-identity, by device code."""

import json
import os

from azure.identity import DeviceCodeCredential
from result import result


def show(uri, code, _expires):
    print(json.dumps({"verification": f"{uri}?user_code={code}"}), flush=True)


credential = DeviceCodeCredential(
    client_id=os.environ["LAB_CLIENT"],
    tenant_id=os.environ["LAB_TENANT"],
    authority=os.environ["LAB_AUTHORITY"],
    disable_instance_discovery=True,
    prompt_callback=show,
)
record = credential.authenticate(scopes=[os.environ["LAB_SCOPE"]])
again = credential.get_token(os.environ["LAB_SCOPE"])
result(
    username=record.username,
    tenant=record.tenant_id,
    account=record.home_account_id,
    token=again.token,
)
