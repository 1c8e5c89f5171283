"""A run that exists, gone on with by Azure's plug-in under a token from the environment: metrics and artifacts."""

import os
from importlib.metadata import version as version_of
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
from mlflow import MlflowClient
from harness import result

client = MlflowClient()
with TemporaryDirectory() as folder, mlflow.start_run() as run:
    mlflow.log_metric("late", 1.0)
    Path(folder, "late.txt").write_text("late\n")
    mlflow.log_artifact(str(Path(folder, "late.txt")))
    back = mlflow.artifacts.download_artifacts(
        run_id=run.info.run_id, artifact_path="late.txt", dst_path=str(Path(folder, "back"))
    )
    text = Path(back).read_text()

result(
    client=f"azureml-mlflow with mlflow {mlflow.__version__.split('.')[0]}",
    client_version=version_of("azureml-mlflow"),
    run=run.info.run_id,
    store=type(mlflow.tracking._tracking_service.utils._get_store()).__name__,
    text=text,
    metric=client.get_run(run.info.run_id).data.metrics["late"],
)
