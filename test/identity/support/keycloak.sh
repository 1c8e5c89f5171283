#!/usr/bin/env bash
# Brings Keycloak from Maven Central into .keycloak, for test/identity/issuers/keycloak.test.ts. Needs Maven and Java 17.
set -euo pipefail
cd "$(dirname "$0")/../../.."
version=26.0.7
[ -d ".keycloak/keycloak-$version" ] && exit 0
mkdir -p .keycloak
# in its own folder, because the plugin leaves a marker file where it runs
(
  cd .keycloak
  mvn --quiet --batch-mode dependency:unpack \
    "-Dartifact=org.keycloak:keycloak-quarkus-dist:$version:zip" "-DoutputDirectory=$PWD"
)
chmod +x ".keycloak/keycloak-$version/bin/kc.sh"
