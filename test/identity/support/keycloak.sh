#!/usr/bin/env bash
# Brings Keycloak from Maven Central into .keycloak, for test/identity/keycloak.test.ts. Needs Maven and Java 17.
set -euo pipefail
cd "$(dirname "$0")/../../.."
version=26.0.7
[ -d ".keycloak/keycloak-$version" ] && exit 0
mvn --quiet --batch-mode dependency:unpack \
  "-Dartifact=org.keycloak:keycloak-quarkus-dist:$version:zip" -DoutputDirectory=.keycloak \
  -DmarkersDirectory=.keycloak/markers
chmod +x ".keycloak/keycloak-$version/bin/kc.sh"
