"""Models from a local file and from what a job left behind, and their downloads: by somebody who may not have the keys of
the datastores that they are in.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from azure.ai.ml import command
from azure.ai.ml.entities import Model
from harness import client, result

ml = client()
WEIGHTS = bytes(range(256)) * 64

with TemporaryDirectory() as folder:
    file = Path(folder, "weights.bin")
    file.write_bytes(WEIGHTS)
    ml.models.create_or_update(
        Model(name="weights", version="1", path=str(file), type="custom_model")
    )

with TemporaryDirectory() as folder:
    ml.models.download("weights", version="1", download_path=folder)
    files = [one for one in Path(folder).rglob("*") if one.is_file()]
    same = [one.read_bytes() == WEIGHTS for one in files]

job = ml.jobs.create_or_update(
    command(command="echo 1", environment="azureml:training:1", compute="cpu-cluster")
)
ml.jobs.stream(job.name)
kept = f"azureml://datastores/workspaceartifactstore/paths/ExperimentRun/dcid.{job.name}/user_logs"
ml.models.create_or_update(Model(name="kept", version="1", path=kept, type="custom_model"))
with TemporaryDirectory() as folder:
    ml.models.download("kept", version="1", download_path=folder)
    logs = [one.read_text() for one in Path(folder).rglob("*") if one.is_file()]

result(
    job=job.name,
    logs=logs,
    files=[one.name for one in files],
    same=same,
    credentials=[type(one.credentials).__name__ for one in ml.datastores.list()],
    default=ml.datastores.get_default(include_secrets=True).name,
)
