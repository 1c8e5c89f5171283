#!/usr/bin/env bash
# Makes the virtual environments that the tests of published Python clients need, in .venv: all of them, or those named.
#   python  azure-ai-ml, MLflow 2 and azureml-mlflow; MLflow 3 beside it
#   az      the Azure CLI
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."

pip_install() { "$1/bin/python" -m pip install --quiet --disable-pip-version-check "${@:2}"; }

install_python() {
  python3 -m venv .venv
  pip_install .venv --requirement "$here/requirements.txt"
  pip_install .venv --target .venv/mlflow-3 --upgrade --requirement "$here/requirements-mlflow-3.txt"
}

install_az() {
  python3 -m venv .venv/az
  pip_install .venv/az --requirement "$here/requirements-az.txt"
}

if (($# == 0)); then set -- python az; fi
for name in "$@"; do
  case "$name" in
    python | az) "install_$name" ;;
    *) echo "there is no environment \"$name\": python or az" >&2; exit 2 ;;
  esac
done
