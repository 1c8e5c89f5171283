"""An online endpoint with a deployment, traffic to it, and a call by identity."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from azure.ai.ml.entities import ManagedOnlineDeployment, ManagedOnlineEndpoint, Model
from harness import client, result

ml = client()

endpoint = ml.online_endpoints.begin_create_or_update(
    ManagedOnlineEndpoint(name="churn-online", auth_mode="aad_token")
).result()

with TemporaryDirectory() as folder:
    weights = Path(folder, "weights.bin")
    weights.write_bytes(b"weights")
    deployment = ml.online_deployments.begin_create_or_update(
        ManagedOnlineDeployment(
            name="blue",
            endpoint_name="churn-online",
            model=Model(name="served", version="1", path=str(weights), type="custom_model"),
            environment="azureml:serving:1",
            instance_type="Standard_DS3_v2",
            instance_count=1,
        )
    ).result()

    endpoint.traffic = {"blue": 100}
    ml.online_endpoints.begin_create_or_update(endpoint).result()

    request = Path(folder, "request.json")
    request.write_text(json.dumps({"data": [[1, 2, 3]]}))
    answer = ml.online_endpoints.invoke(
        endpoint_name="churn-online", deployment_name="blue", request_file=str(request)
    )

found = ml.online_endpoints.get("churn-online")
result(
    state=found.provisioning_state,
    traffic=found.traffic,
    scoring=found.scoring_uri,
    deployment=deployment.name,
    answer=json.loads(answer),
    endpoints=[one.name for one in ml.online_endpoints.list()],
    logs=ml.online_deployments.get_logs(name="blue", endpoint_name="churn-online", lines=5),
)
