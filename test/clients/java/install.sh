#!/usr/bin/env bash
# Brings the libraries of pom.xml from Maven Central into .clients/java and compiles the programs here against them. Needs
# Maven and Java 17.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
# what another pom brought would still be on the class path
rm -rf .clients/java
mkdir -p .clients/java
into=$PWD/.clients/java
mvn --quiet --batch-mode --file "$here/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$into/lib"
javac -proc:none -cp "$into/lib/*" -d "$into/classes" "$here"/*.java
