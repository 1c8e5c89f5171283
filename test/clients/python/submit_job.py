"""A command job with local code, local data and an environment of its own; its log; the list of jobs."""

from pathlib import Path
from tempfile import TemporaryDirectory

from azure.ai.ml import Input, command
from azure.ai.ml.entities import Environment
from harness import client, result

ml = client()

with TemporaryDirectory() as folder:
    code = Path(folder, "code")
    code.mkdir()
    (code / "train.py").write_text("print('training')\n")
    (code / "util.py").write_text("# helps\n")
    data = Path(folder, "data.csv")
    data.write_text("a,b\n1,2\n")

    job = ml.jobs.create_or_update(
        command(
            display_name="from the published SDK",
            experiment_name="clients",
            code=str(code),
            command="python train.py --data ${{inputs.data}}",
            inputs={"data": Input(type="uri_file", path=str(data))},
            environment=Environment(
                name="training", image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
            ),
            compute="cpu-cluster",
            tags={"see": "https://management.azure.com/not-to-be-touched"},
        )
    )

ml.jobs.stream(job.name)

for n in range(4):
    ml.jobs.create_or_update(
        command(command=f"echo {n}", environment="azureml:training:1", compute="cpu-cluster")
    )

result(
    name=job.name,
    status=ml.jobs.get(job.name).status,
    code=str(job.code),
    data=job.inputs["data"].path,
    tag=ml.jobs.get(job.name).tags["see"],
    listed=[one.name for one in ml.jobs.list()],
)
