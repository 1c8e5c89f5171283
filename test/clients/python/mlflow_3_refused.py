"""Somebody who may only read: what MLflow 3 makes of refusals."""

import os

import mlflow
from mlflow import MlflowClient
from result import result


def refusal(call):
    try:
        call()
        return None
    except mlflow.MlflowException as refused:
        return {"code": refused.error_code, "message": refused.message}


client = MlflowClient()
experiment = client.get_experiment_by_name(os.environ["LAB_NAME"])
traces = mlflow.search_traces(
    locations=[experiment.experiment_id], return_type="list", max_results=2
)
trace_id = traces[0].info.trace_id

result(
    read=len([mlflow.get_trace(one.info.trace_id) for one in traces]),
    feedback=refusal(lambda: mlflow.log_feedback(trace_id=trace_id, name="good", value=True)),
    tag=refusal(lambda: client.set_trace_tag(trace_id, "seen", "no")),
    model=refusal(lambda: client.create_logged_model(experiment.experiment_id, name="mine")),
    prompt=refusal(lambda: mlflow.genai.register_prompt("mine", template="x")),
    webhook=refusal(lambda: client.list_webhooks()),
)
