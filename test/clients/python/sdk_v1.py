"""SDK v1, azureml-core, as far as it goes behind the gateway: an experiment, a run with metrics, tags and a file, a model.

What it cannot do is tried, too: it ends in a refusal, and not in a call around the gateway.
"""

import os
from pathlib import Path

from azureml.core import VERSION, Environment, Experiment, Model, Run, Workspace
from azureml.core.authentication import TokenAuthentication
from result import result

asked = []


def token(audience):
    asked.append(audience)
    return os.environ["LAB_TOKEN"]


def refused(call):
    try:
        call()
    except Exception as error:  # each service has a class of its own
        text = f"{error!r} {getattr(error, 'message', '')}"
        # the SDK keeps the gateway's answer to itself where it downloads
        codes = ("secrets_refused", "unknown_operation", "bad_path", "was not found")
        return next((code for code in codes if code in text), text)
    return "accepted"


auth = TokenAuthentication(token)
workspace = Workspace.get(
    os.environ["LAB_WORKSPACE"],
    auth=auth,
    subscription_id=os.environ["LAB_SUBSCRIPTION"],
    resource_group=os.environ["LAB_RESOURCE_GROUP"],
)
experiment = Experiment(workspace, "v1")
run = experiment.start_logging(snapshot_directory=None, outputs=None)
run.log("loss", 0.5)
run.tag("kind", "test")
Path("notes.txt").write_text("from version 1\n")
run.upload_file("outputs/notes.txt", "notes.txt")
run.complete()
model = Model.register(workspace, model_path="notes.txt", model_name="v1", tags={"a": "1"})
stamp = model.tags.get("harness.principal")
model.add_tags({"b": "2"})
tags = Model(workspace, id=model.id).tags

result(
    version=VERSION,
    audiences=sorted(set(asked)),
    workspace=workspace.name,
    run=run.id,
    files=run.get_file_names(),
    found=Run.get(workspace, run.id).id,
    runs=[one.id for one in experiment.get_runs()],
    model=model.version,
    tags=sorted(name for name in tags if not name.startswith("harness.")),
    stamped=stamp is not None and tags.get("harness.principal") == stamp,
    models=[one.name for one in Model.list(workspace)],
    refused={
        "workspaces": refused(lambda: Workspace.list(os.environ["LAB_SUBSCRIPTION"], auth=auth)),
        "computes": refused(lambda: workspace.compute_targets),
        "datastores": refused(lambda: workspace.datastores),
        "environments": refused(lambda: Environment.list(workspace)),
        "download": refused(lambda: run.download_file("outputs/notes.txt", "back.txt")),
    },
)
