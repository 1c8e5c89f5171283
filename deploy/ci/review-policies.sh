#!/bin/sh
# Reviews a change of a policy repository: checks the policies, runs their cases, and says who may do more or less than
# before. What it finds is written as Markdown to the file that is its argument, and to standard output. It fails for
# policies that a gateway would not load, and for cases that fail; not for a change of what is permitted, which is for
# whoever reviews it.
#
#   BASE        the commit or branch to compare with, such as origin/main
#   POLICIES    the folder of the policies; `policies` if absent
#   IDENTITIES  names of the managed identities that policies may name, with spaces between them
#   RECORDS     a spool of records, or one of its files, to replay; nothing is replayed if absent
#   AZUREML_HARNESS_PACKAGE  what npm installs the command from, where it is not there yet
set -eu
report=$1
policies=${POLICIES:-policies}

command -v azureml-harness >/dev/null || npm install --global "$AZUREML_HARNESS_PACKAGE"

set --
for identity in ${IDENTITIES:-}; do
  set -- "$@" --identity "$identity"
done

work=$(mktemp -d)
trap 'git worktree remove --force "$work/base" 2>/dev/null || true; rm -rf "$work"' EXIT
failed=0
: >"$report"

# section TITLE FILE: what a step said
section() {
  {
    printf '### %s\n\n```\n' "$1"
    cat "$2"
    printf '```\n\n'
  } | tee -a "$report"
}

azureml-harness policy check --policies "$policies" "$@" >"$work/check" 2>&1 || failed=1
section 'Check' "$work/check"
if [ "$failed" -eq 1 ]; then exit 1; fi

azureml-harness policy test --policies "$policies" "$@" >"$work/test" 2>&1 || failed=1
section 'Cases' "$work/test"

git worktree add --quiet --detach "$work/base" "$BASE"
before=$work/base/$policies
if [ ! -d "$before" ]; then
  echo "There are no policies in $BASE to compare with." | tee -a "$report"
  exit "$failed"
fi

# 0: nobody may do more or less, 2: somebody may; without a plan it has failed
azureml-harness policy plan "$before" "$policies" "$@" >"$work/plan" 2>"$work/notes" || true
if [ ! -s "$work/plan" ]; then failed=1; fi
cat "$work/notes" >>"$work/plan"
section 'Who may do more (+, ~) or less (-)' "$work/plan"

if [ -n "${RECORDS:-}" ]; then
  # 1: recorded calls would end differently, which is for the reviewer, too
  azureml-harness policy diff "$before" "$policies" --replay "$RECORDS" "$@" >"$work/diff" 2>&1 || true
  section 'Recorded calls that would end differently' "$work/diff"
fi
exit "$failed"
