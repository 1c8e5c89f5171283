#!/bin/sh
# Compares what Azure grants the gateway's managed identities with what the policies need. What it finds is written as
# Markdown to the file that is its argument, and to standard output. It fails for each difference, and where Azure cannot
# be asked: nothing is known then.
#
#   CONFIG      the configuration of the gateway; `harness.yaml` if absent
#   PRINCIPALS  NAME=OBJECT-ID of each identity that has no `objectId` in the configuration, with spaces between them
#   AZURE_ARM_TOKEN  a token for Azure Resource Manager; the one of `az` if absent
#   AZUREML_HARNESS_PACKAGE  what npm installs the command from, where it is not there yet
set -eu
report=$1
config=${CONFIG:-harness.yaml}

command -v azureml-harness >/dev/null || npm install --global "$AZUREML_HARNESS_PACKAGE"

if [ -z "${AZURE_ARM_TOKEN:-}" ]; then
  AZURE_ARM_TOKEN=$(az account get-access-token --query accessToken --output tsv)
fi
export AZURE_ARM_TOKEN

set --
for principal in ${PRINCIPALS:-}; do
  set -- "$@" --principal "$principal"
done

found=$(mktemp)
trap 'rm -f "$found"' EXIT
status=0
azureml-harness policy drift --config "$config" "$@" >"$found" 2>&1 || status=$?
{
  if [ "$status" -eq 0 ]; then
    printf '### Azure grants what the policies need, and nothing else\n\n'
  else
    printf '### Azure grants something else than the policies need, or could not be asked\n\n'
  fi
  printf '```\n'
  cat "$found"
  printf '```\n'
} | tee "$report"
exit "$status"
