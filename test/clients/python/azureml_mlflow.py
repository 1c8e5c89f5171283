"""MLflow with Azure's plug-in: a run with artifacts, which go to storage by SAS, and a model made of them."""

import os
from importlib.metadata import version as version_of
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
from mlflow import MlflowClient
from harness import result

client = MlflowClient()
NAME = os.environ["LAB_NAME"]
mlflow.set_experiment(NAME)
with TemporaryDirectory() as folder, mlflow.start_run() as run:
    mlflow.log_param("depth", 3)
    mlflow.log_metric("loss", 0.25)
    mlflow.log_metric("later", 0.5, synchronous=False).wait()
    Path(folder, "model").mkdir()
    Path(folder, "model", "MLmodel").write_text("flavors: {}\n")
    Path(folder, "model", "weights.bin").write_bytes(bytes(range(256)))
    Path(folder, "notes.txt").write_text("read me\n")
    mlflow.log_artifact(str(Path(folder, "notes.txt")), artifact_path="docs")
    mlflow.log_artifacts(str(Path(folder, "model")), artifact_path="model")
    back = mlflow.artifacts.download_artifacts(
        run_id=run.info.run_id, artifact_path="docs/notes.txt", dst_path=folder
    )
    notes = Path(back).read_text()

client.create_registered_model(NAME)
version = client.create_model_version(
    NAME, source=f"{run.info.artifact_uri}/model", run_id=run.info.run_id
)

result(
    client=f"azureml-mlflow with mlflow {mlflow.__version__.split('.')[0]}",
    client_version=version_of("azureml-mlflow"),
    store=type(mlflow.tracking._tracking_service.utils._get_store()).__name__,
    run=run.info.run_id,
    notes=notes,
    later=[one.value for one in client.get_metric_history(run.info.run_id, "later")],
    artifacts=sorted(one.path for one in client.list_artifacts(run.info.run_id, "model")),
    found=list(mlflow.search_runs(experiment_names=[NAME])["params.depth"]),
    version=version.version,
)
