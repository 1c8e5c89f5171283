#!/bin/sh
# Compares what Azure grants the gateway's managed identities with what the policies need, and looks for ways past the
# gateway into workspaces. What it finds is written as Markdown to the file that is its argument, and to standard output. It
# fails for each difference and each gap, and where Azure cannot be asked: nothing is known then.
#
#   CONFIG      the configuration of the gateway; `harness.yaml` if absent
#   PRINCIPALS  NAME=OBJECT-ID of each identity that has no `objectId` in the configuration, with spaces between them
#   WORKSPACES  ARM ids of the workspaces that are examined, with spaces between them; none if absent. Networks are asked
#               from here, so this needs an agent in the gateway's network
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
failed=0
: >"$report"

# section SOUND ILL COMMAND...: what a command said, under the one title if its status is 0, and under the other if not
section() {
  title=$1
  ill=$2
  shift 2
  azureml-harness "$@" >"$found" 2>&1 || {
    title=$ill
    failed=1
  }
  {
    printf '### %s\n\n```\n' "$title"
    cat "$found"
    printf '```\n\n'
  } | tee -a "$report"
}

section 'Azure grants what the policies need, and nothing else' \
  'Azure grants something else than the policies need, or could not be asked' \
  policy drift --config "$config" "$@"
for workspace in ${WORKSPACES:-}; do
  section "No way past the gateway: $workspace" "Ways past the gateway, or what could not be examined: $workspace" \
    workspace check "$workspace" --config "$config" "$@"
done
exit "$failed"
