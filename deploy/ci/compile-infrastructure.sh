#!/bin/sh
# Compiles deploy/bicep with the Bicep compiler, and validates deploy/terraform with its provider. Takes the folder that has
# both; needs az with Bicep (az bicep install) and terraform, and a network to get the provider. Changes nothing in Azure.
set -eu
deploy=${1:-deploy}
compiled=$(mktemp -d)
trap 'rm -rf "$compiled"' EXIT

for file in "$deploy"/bicep/*.bicep "$deploy"/bicep/modules/*.bicep; do
  echo "bicep $file"
  az bicep lint --file "$file"
  az bicep build --file "$file" --outdir "$compiled"
done

terraform fmt -check -recursive "$deploy/terraform"
for root in aks container-apps; do
  echo "terraform $deploy/terraform/$root"
  terraform -chdir="$deploy/terraform/$root" init -backend=false -input=false
  terraform -chdir="$deploy/terraform/$root" validate
done
