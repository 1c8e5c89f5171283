"""Submits one job: its name, or what the SDK shows of the refusal."""

from azure.ai.ml import command
from azure.core.exceptions import HttpResponseError
from harness import client, result

try:
    job = client().jobs.create_or_update(
        command(
            name="asked-for",
            command="echo",
            environment="azureml:training:1",
            compute="cpu-cluster",
        )
    )
    result(name=job.name, refusal=None)
except HttpResponseError as refusal:
    result(name=None, refusal=str(refusal))
