"""Runs of two projects in one experiment: what MLflow's client shows to a member of one of them, and lets it do."""

import os

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from harness import result


def become(who):
    os.environ["MLFLOW_TRACKING_TOKEN"] = os.environ[f"LAB_{who}_TOKEN"]


def refused(call):
    try:
        call()
    except MlflowException as error:
        return f"{error.error_code}: {error}"
    return "accepted"


NAME = os.environ["LAB_NAME"]
client = MlflowClient()
become("SERVICE")
experiment = mlflow.set_experiment(NAME).experiment_id
runs = {}
for name, project in (("a1", "a"), ("b1", "b"), ("b2", "b"), ("b3", "b"), ("a2", "a")):
    with mlflow.start_run(run_name=name, tags={"project": project}) as run:
        runs[name] = run.info.run_id
        mlflow.log_metric("loss", 1.0)
        with mlflow.start_run(run_name=f"{name}-step", nested=True) as step:
            runs[f"{name}-step"] = step.info.run_id
for name, project in ((f"{NAME}-a", "a"), (f"{NAME}-b", "b")):
    client.create_registered_model(name, tags={"project": project})
    client.create_model_version(
        name, source=run.info.artifact_uri, run_id=run.info.run_id, tags={"project": project}
    )

become("SCIENTIST")
found, pages, token = [], 0, None
while True:
    page = client.search_runs([experiment], max_results=3, page_token=token)
    found += [run.info.run_name for run in page]
    pages += 1
    token = page.token
    if not token:
        break
own = client.get_run(runs["a1-step"])
client.log_metric(own.info.run_id, "late", 2.0)
client.set_tag(own.info.run_id, "seen", "yes")
untagged = refused(lambda: client.create_run(experiment))
with mlflow.start_run(run_name="mine", tags={"project": "a"}) as run:
    mlflow.log_params({"depth": 3})
    mlflow.log_metric("loss", 0.5)

result(
    found=sorted(found),
    pages=pages,
    frame=sorted(mlflow.search_runs([experiment])["tags.mlflow.runName"]),
    late=[one.value for one in client.get_metric_history(own.info.run_id, "late")],
    mine=client.get_run(run.info.run_id).data.params,
    models=[model.name for model in client.search_registered_models() if model.name.startswith(NAME)],
    versions=[version.name for version in client.search_model_versions() if version.name.startswith(NAME)],
    untagged=untagged,
    run=refused(lambda: client.get_run(runs["b1"])),
    step=refused(lambda: client.get_run(runs["b1-step"])),
    history=refused(lambda: client.get_metric_history(runs["b1"], "loss")),
    metric=refused(lambda: client.log_metric(runs["b1"], "loss", 9.0)),
    tag=refused(lambda: client.set_tag(runs["b1-step"], "project", "a")),
    delete=refused(lambda: client.delete_run(runs["b1"])),
    model=refused(lambda: client.get_registered_model(f"{NAME}-b")),
    version=refused(lambda: client.get_model_version(f"{NAME}-b", "1")),
)
