"""A pipeline of two steps with local code, run and streamed to its end."""

from pathlib import Path
from tempfile import TemporaryDirectory

from azure.ai.ml import Input, Output, command, dsl
from harness import client, result

ml = client()

with TemporaryDirectory() as folder:
    Path(folder, "prepare.py").write_text("print('preparing')\n")
    Path(folder, "train.py").write_text("print('training')\n")
    prepare = command(
        name="prepare",
        code=folder,
        command="python prepare.py --out ${{outputs.table}}",
        environment="azureml:training:1",
        outputs={"table": Output(type="uri_folder")},
    )
    train = command(
        name="train",
        code=folder,
        command="python train.py --table ${{inputs.table}}",
        environment="azureml:training:1",
        inputs={"table": Input(type="uri_folder")},
    )

    @dsl.pipeline(compute="cpu-cluster", description="two steps")
    def two_steps():
        first = prepare()
        train(table=first.outputs.table)

    job = ml.jobs.create_or_update(two_steps(), experiment_name="clients")

ml.jobs.stream(job.name)
result(
    name=job.name,
    status=ml.jobs.get(job.name).status,
    steps=sorted(job.jobs),
    type=job.type,
)
