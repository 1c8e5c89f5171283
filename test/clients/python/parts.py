"""A job's steps, as azure-ai-ml finds them: through Azure Resource Manager first, then in run history."""

import os

from azure.core.exceptions import HttpResponseError
from harness import client, result

ml = client()


def refused(call):
    try:
        call()
    except HttpResponseError as error:
        return f"{error.status_code}: {error.message}"
    return "accepted"


result(
    step=ml.jobs.get(os.environ["LAB_OWN_STEP"]).name,
    steps=[one.name for one in ml.jobs.list(parent_job_name=os.environ["LAB_OWN_JOB"])],
    other=refused(lambda: ml.jobs.get(os.environ["LAB_OTHER_STEP"])),
    job=refused(lambda: ml.jobs.get(os.environ["LAB_OTHER_JOB"])),
    listed=[one.name for one in ml.jobs.list()],
)
