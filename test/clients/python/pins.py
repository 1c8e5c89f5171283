"""A job with an environment of Microsoft's registry, and a pipeline with a component of it, both by their labels."""

from azure.ai.ml import command, load_job
from harness import client, result

REGISTRY = "azureml://registries/azureml"

ml = client()
job = ml.jobs.create_or_update(
    command(
        command="python -V",
        environment=f"{REGISTRY}/environments/sklearn-1.5/labels/latest",
        compute="cpu-cluster",
    )
)

with open("pipeline.yml", "w", encoding="utf-8") as file:
    file.write(
        f"""
type: pipeline
settings:
  default_compute: azureml:cpu-cluster
jobs:
  train:
    type: command
    component: {REGISTRY}/components/train_model/labels/default
"""
    )
pipeline = ml.jobs.create_or_update(load_job("pipeline.yml"))

result(environment=str(job.environment), component=str(ml.jobs.get(pipeline.name).jobs["train"].component))
