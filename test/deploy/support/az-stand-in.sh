#!/bin/bash
# Stands in the place of `az` for what cannot be asked of the lab: writes down how it was called, and answers as Azure does.
#
#   AZ_CALLS  file of the calls: each argument ends with a NUL, each call with a line feed after that
#   AZ_STATE  directory of what was made, so that a second run finds it
#   AZ_TENANT, AZ_GROUP, AZ_DOMAINS, AZ_APP, AZ_ENDPOINT, AZ_RULE  what Azure gives
set -euo pipefail
{ printf '%s\0' "$@"; echo; } >> "$AZ_CALLS"

# the same GUID for the same text
guid_of() {
  local hex
  hex=$(printf '%s' "$1" | sha256sum)
  printf '%s-%s-4%s-8%s-%s' "${hex:0:8}" "${hex:8:4}" "${hex:12:3}" "${hex:15:3}" "${hex:18:12}"
}
value_of() {
  local flag=$1
  shift
  while (($# > 1)); do
    if [ "$1" = "$flag" ]; then printf '%s' "$2"; fi
    shift
  done
}

case "$*" in
  'account show '*) echo "${AZ_TENANT:-}" ;;
  'ad group show '*) echo "${AZ_GROUP:-}" ;;
  'rest '*/v1.0/domains\ *) echo "${AZ_DOMAINS:-}" ;;
  'ad app list '*) [ ! -e "$AZ_STATE/app" ] || echo "${AZ_APP:-}" ;;
  'ad app create '*)
    touch "$AZ_STATE/app"
    echo "${AZ_APP:-}"
    ;;
  'ad sp list '*) [ ! -e "$AZ_STATE/sp" ] || guid_of sp ;;
  'ad sp create '*) touch "$AZ_STATE/sp" ;;
  'identity create '*)
    name=$(value_of --name "$@")
    echo "$(guid_of "client $name") $(guid_of "$name") /subscriptions/x/$name"
    ;;
  'deployment group create '*)
    echo "${AZ_ENDPOINT:-https://x.eastus-1.ingest.monitor.azure.com} ${AZ_RULE:-dcr-0}"
    ;;
esac
