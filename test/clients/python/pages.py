"""Lists of two pages, by the SDK's own paging."""

import os

from azure.core.exceptions import HttpResponseError
from harness import client, result

ml = client()
got = []
for _ in range(int(os.environ["LAB_LISTS"])):
    try:
        got.append([one.name for one in ml.data.list()])
    except HttpResponseError as fault:
        got.append(fault.error.code)
result(got=got)
