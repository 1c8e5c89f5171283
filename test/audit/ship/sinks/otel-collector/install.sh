#!/usr/bin/env bash
# Builds the OpenTelemetry Collector of go.mod beside this file into .otelcol, for test/audit/ship/sinks/otlp-collector.test.ts.
# Needs Go 1.25 or newer and a module proxy.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../../../.."
version=$(sed -n 's,.*go.opentelemetry.io/collector/otelcol v,,p' "$here/go.mod")
program=$PWD/.otelcol/otelcol-$version
[ -x "$program" ] && exit 0
mkdir -p .otelcol
# under another name until it is whole
(cd "$here" && go build -mod=readonly -buildvcs=false -trimpath -ldflags='-s -w' -o "$program.part" .)
mv "$program.part" "$program"
