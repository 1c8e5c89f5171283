#!/usr/bin/env bash
# Builds Helm from its published module (go.mod beside this file) into .clients/helm, and gets the schemas of Kubernetes
# (kubernetes-validate) into .venv/kubernetes, for test/deploy/helm/chart.test.ts. Needs Go 1.26, a module proxy and Python.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
version=$(sed -n 's,^.*helm.sh/helm/v4 v\([0-9.]*\).*,\1,p' "$here/go.mod")
program=$PWD/.clients/helm/helm-$version
if [ ! -x "$program" ]; then
  mkdir -p .clients/helm
  # under another name until it is whole
  (cd "$here" && go build -mod=readonly -buildvcs=false -ldflags='-s -w' -o "$program.part" helm.sh/helm/v4/cmd/helm)
  mv "$program.part" "$program"
fi
if [ ! -x .venv/kubernetes/bin/kubernetes-validate ]; then
  python3 -m venv .venv/kubernetes
  .venv/kubernetes/bin/python -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
fi
