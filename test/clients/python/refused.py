"""Somebody who may only read: what the SDK and MLflow make of a refusal."""

import os

import mlflow
from azure.ai.ml import command
from azure.core.exceptions import HttpResponseError
from harness import client, result

ml = client()
listed = [one.name for one in ml.jobs.list()]
try:
    ml.jobs.create_or_update(
        command(command="echo", environment="azureml:training:1", compute="cpu-cluster")
    )
    sdk = None
except HttpResponseError as refusal:
    sdk = {"status": refusal.status_code, "code": refusal.error.code}

mlflow.set_tracking_uri(os.environ["LAB_TRACKING_URI"])
os.environ["MLFLOW_TRACKING_TOKEN"] = os.environ["LAB_TOKEN"]
try:
    mlflow.create_experiment("not-mine")
    tracking = None
except mlflow.MlflowException as refusal:
    tracking = refusal.error_code

result(listed=listed, sdk=sdk, tracking=tracking)
