"""A batch endpoint: made, called with data, and its jobs listed."""

from azure.ai.ml import Input
from azure.ai.ml.entities import BatchEndpoint
from harness import client, result

ml = client()

ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="churn-batch")).result()
job = ml.batch_endpoints.invoke(
    endpoint_name="churn-batch",
    input=Input(
        type="uri_folder", path="azureml://datastores/workspaceblobstore/paths/customers/"
    ),
)
result(
    scoring=ml.batch_endpoints.get("churn-batch").scoring_uri,
    job=job.name,
    listed=[(one.name, one.status) for one in ml.batch_endpoints.list_jobs("churn-batch")],
)
