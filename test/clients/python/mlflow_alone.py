"""MLflow and nothing of Azure's: experiments, params, metrics, tags, a search, a registered model."""

import os

# what a script would inherit from a shell is all it needs: MLFLOW_TRACKING_URI and MLFLOW_TRACKING_TOKEN
import mlflow
from mlflow import MlflowClient
from harness import result

NAME = os.environ["LAB_NAME"]

experiment = mlflow.set_experiment(NAME)
for depth in (2, 4):
    with mlflow.start_run(run_name=f"depth {depth}") as run:
        mlflow.log_params({"depth": depth, "rate": 0.1})
        for step in range(3):
            mlflow.log_metric("loss", 1.0 / (depth + step), step=step)
        mlflow.set_tag("see", "https://eastus.api.azureml.ms/not-to-be-touched")

client = MlflowClient()
best = mlflow.search_runs(
    experiment_names=[NAME], filter_string="params.depth = '4'", order_by=["metrics.loss"]
)
pages = client.search_runs([experiment.experiment_id], max_results=1)
client.create_registered_model(NAME)
version = client.create_model_version(
    NAME, source=f"{run.info.artifact_uri}/model", run_id=run.info.run_id
)

result(
    store=type(mlflow.tracking._tracking_service.utils._get_store()).__name__,
    run=run.info.run_id,
    experiment=experiment.name,
    artifacts=run.info.artifact_uri,
    found=list(best["tags.mlflow.runName"]),
    loss=[one.value for one in client.get_metric_history(run.info.run_id, "loss")],
    tag=client.get_run(run.info.run_id).data.tags["see"],
    token=pages.token is not None,
    version=version.version,
    model=client.get_registered_model(NAME).name,
    client=f"mlflow {mlflow.__version__.split('.')[0]}",
    client_version=mlflow.__version__,
)
