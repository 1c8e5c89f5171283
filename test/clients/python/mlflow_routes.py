"""Every method and path that the server of the installed MLflow answers."""

import mlflow
from mlflow.server import app

from result import result

routes = {
    (method, rule.rule)
    for rule in app.url_map.iter_rules()
    for method in rule.methods - {"HEAD", "OPTIONS"}
}
result(version=mlflow.__version__, routes=sorted(routes))
