#!/usr/bin/env bash
# Gets two parsers of Bicep and Azure's models of resources (requirements.txt) into .venv/bicep, for the tests beside this file.
# Needs Python 3.10.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
installed=.venv/bicep/requirements.txt
if ! cmp -s "$here/requirements.txt" "$installed"; then
  python3 -m venv .venv/bicep
  .venv/bicep/bin/python -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
  cp "$here/requirements.txt" "$installed"
fi
