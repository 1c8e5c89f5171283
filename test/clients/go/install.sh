#!/usr/bin/env bash
# Builds the programs here, which are Azure's and HashiCorp's published Go clients at work, into .clients/go. Needs Go 1.26
# and a module proxy.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
mkdir -p .clients/go
cd "$here"
go build -mod=readonly -buildvcs=false -trimpath -o "$OLDPWD/.clients/go/" ./armmachinelearning ./azidentity ./goazuresdk
