#!/usr/bin/env bash
# Gets two parsers of Bicep (requirements.txt) into .venv/bicep, for the tests beside this file. Needs Python.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
if ! .venv/bicep/bin/python -c 'import pycep, tree_sitter_bicep' 2>/dev/null; then
  python3 -m venv .venv/bicep
  .venv/bicep/bin/python -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
fi
