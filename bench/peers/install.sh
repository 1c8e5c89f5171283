#!/usr/bin/env bash
# What `npm run bench -- peers` compares with and measures by, besides npm's packages: Debian's wrk, HAProxy and nginx with
# njs, and oauth2-proxy, built into .clients/peers. Needs root for Debian's packages, Go 1.26 and a module proxy for the last.
# What is missing, the bench says and leaves out.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq && apt-get install -y -qq --no-install-recommends wrk haproxy nginx libnginx-mod-http-js
fi
mkdir -p .clients/peers
GOBIN="$PWD/.clients/peers" go install -buildvcs=false -trimpath github.com/oauth2-proxy/oauth2-proxy/v7@v7.15.6
