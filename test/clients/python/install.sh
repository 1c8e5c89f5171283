#!/usr/bin/env bash
# Makes the virtual environments that the tests of published Python clients need, in .venv: all of them, or those named.
#   python   azure-ai-ml, MLflow 2 and azureml-mlflow
#   mlflow3  the newest MLflow, which is the lab's tracking server, too
#   plugin3  azureml-mlflow with the newest MLflow that it allows
#   v1       SDK v1, azureml-core
#   services OpenAI's clients and the newer azure-mgmt-machinelearningservices
#   az       the Azure CLI, which pins its dependencies
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."

install() {
  python3 -m venv "$1"
  "$1/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/$2"
}

if (($# == 0)); then set -- python mlflow3 plugin3 v1 services az; fi
# one process each: most of the time is waiting for the registry
started=()
for name in "$@"; do
  case "$name" in
    python) install .venv requirements.txt & ;;
    mlflow3) install .venv/mlflow-3 requirements-mlflow-3.txt & ;;
    plugin3) install .venv/azureml-mlflow-3 requirements-azureml-mlflow-3.txt & ;;
    v1) install .venv/sdk-v1 requirements-sdk-v1.txt & ;;
    services) install .venv/services requirements-services.txt & ;;
    az) install .venv/az requirements-az.txt & ;;
    *) echo "there is no environment \"$name\": python, mlflow3, plugin3, v1, services or az" >&2; exit 2 ;;
  esac
  started+=($!)
done
for process in "${started[@]}"; do wait "$process"; done
