/**
 * The script of `az` commands that a person reads and runs: what the gateway needs at Azure, and nothing else.
 * @module
 */
import { CLOUDS } from '../../vocabulary/clouds.ts'
import type { Grants } from '../../policy/review/export/grants.ts'
import type { Answers } from './answers.ts'
import { AUDIT_WRITER, clientMarker, MARKERS } from './harness-yaml.ts'

/** Azure's built-in Reader: lets the doctor read role assignments. */
const READER = 'acdd72a7-3385-48ef-bd42-f606fba81ae7'

/** Nothing is special between single quotes but the single quote. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** @param grants what the policies need of Azure */
export function azureScript(answers: Answers, grants: Grants): string {
  const { issuer } = answers
  return [
    head(answers),
    ...(issuer.kind === 'entra' ? [APPLICATION] : []),
    identities(answers, grants),
    roles(answers, grants),
    AUDIT,
    MACHINE,
  ].join('\n')
}

function head({ tenant, workspace, region, url, cloud, resourceGroup, issuer }: Answers): string {
  const cloudLine = cloud === 'AzureCloud' ? '' : `#   az cloud set --name ${cloud}\n`
  const application =
    issuer.kind === 'entra'
      ? '#   an application in Entra ID (your role there: Application Developer)\n'
      : ''
  return `#!/usr/bin/env bash
# Makes at Azure what the gateway at ${url} needs:
${application}#   managed identities, custom roles, and the table of its records (your role on the subscription: Owner, or Contributor
#   with Role Based Access Control Administrator)
# Read it, sign in, then run it. What is there already stays as it is: it can be run again.
${cloudLine}#   az login --tenant ${tenant}
set -euo pipefail
cd "$(dirname "\${BASH_SOURCE[0]}")"

tenant=${quoted(tenant)}
subscription=${quoted(workspace.subscription)}
# what is made for the gateway is made here
group=${quoted(resourceGroup)}
location=${quoted(region)}
url=${quoted(url)}
graph=${quoted(CLOUDS[cloud].sites.microsoftGraph.replace(/\/$/, ''))}

fail() { printf 'azure.sh: %s\\n' "$1" >&2; exit 1; }
say() { printf '%s\\n' "$1"; }
# writes an id that Azure gave into harness.yaml, in the place of its marker
fill() {
  [[ $2 =~ ^[A-Za-z0-9./:-]+$ ]] || fail "Azure gave no usable value for $1"
  sed "s|$1|$2|g" harness.yaml > harness.yaml.new
  mv harness.yaml.new harness.yaml
  grep -qF -- "$2" harness.yaml || fail "harness.yaml has another id than Azure now gives: write $2 there"
}

[ "$(az account show --query tenantId --output tsv)" = "$tenant" ] ||
  fail "you are signed in to another tenant: az login --tenant $tenant"
az account set --subscription "$subscription"
`
}

const APPLICATION = `# --- the application that callers' tokens are for; its identifier URI is the gateway's URL, on a verified domain
app=$(az ad app list --identifier-uri "$url" --query '[0].appId' --output tsv)
if [ -z "$app" ]; then
  app=$(az ad app create --display-name "Azure ML Harness \${url#https://}" --identifier-uris "$url" \\
    --sign-in-audience AzureADMyOrg --query appId --output tsv)
fi
# its scope, groups in tokens, and the public client of the command line: application.json
az rest --method PATCH --url "$graph/v1.0/applications(appId='$app')" \\
  --headers Content-Type=application/json --body @application.json --output none
[ -n "$(az ad sp list --filter "appId eq '$app'" --query '[0].id' --output tsv)" ] ||
  az ad sp create --id "$app" --output none
fill ${MARKERS.app} "$app"
say "application $app"
`

function identities({ serviceAccount, cloud }: Answers, grants: Grants): string {
  const audience = CLOUDS[cloud].exchangeScope.replace(/\/\.default$/, '')
  const federated =
    serviceAccount === null
      ? ''
      : `  az identity federated-credential create --name azureml-harness --identity-name "azureml-harness-$1" \\
    --resource-group "$group" --issuer ${quoted(serviceAccount.issuer)} \\
    --subject ${quoted(`system:serviceaccount:${serviceAccount.namespace}:${serviceAccount.name}`)} \\
    --audiences ${quoted(audience)} --output none
`
  const names = [...grants.identities, AUDIT_WRITER]
  return `# --- managed identities: what calls go out under
identity_ids=()
identity() {
  local found
  found=$(az identity create --name "azureml-harness-$1" --resource-group "$group" --location "$location" \\
    --query "join(' ', [clientId, principalId, id])" --output tsv)
  read -r client principal id <<< "$found"
  identity_ids+=("$id")
${federated}  fill "$2" "$client"
  say "identity azureml-harness-$1"
}
${names
  .map((name) => `identity ${name} ${clientMarker(name)}\n${variable(name)}=$principal`)
  .join('\n')}
`
}

const variable = (identity: string): string => identity.replaceAll('-', '_')

function roles({ workspace }: Answers, grants: Grants): string {
  const byName = new Map(grants.roles.map((role) => [role.name, role] as const))
  const lines = grants.assignments.flatMap(({ role, identity, scope }) => {
    const found = byName.get(role) ?? grants.roles.find(({ id }) => id === role)
    return found === undefined
      ? []
      : [`assign "$${variable(identity)}" ${found.guid} ${quoted(scope)}   # ${found.name}`]
  })
  const [reader] = grants.identities
  const reads =
    reader === undefined
      ? []
      : [
          `assign "$${variable(reader)}" ${READER} ${quoted(workspace.id)}   # Reader, for the doctor`,
        ]
  return `# --- roles: what the policies permit and nothing more ("azureml-harness policy export" made roles/)
role() {
  az rest --method PUT --body "@roles/$1.json" --output none \\
    --url "/subscriptions/$subscription/providers/Microsoft.Authorization/roleDefinitions/$1?api-version=2022-04-01"
}
# Azure may need minutes until a new role can be assigned
assign() {
  local try
  for try in 1 2 3 4 5 6; do
    az role assignment create --assignee-object-id "$1" --assignee-principal-type ServicePrincipal \\
      --role "$2" --scope "$3" --output none && return
    say "trying again in 20 s ($try of 6)"
    sleep 20
  done
  fail "role $2 could not be assigned"
}
${[...grants.roles.map(({ guid, name }) => `role ${guid}   # ${name}`), ...lines, ...reads].join('\n')}
say "roles and their assignments"
`
}

const AUDIT = `# --- records: table, data collection rule, functions and workbook (audit.json)
az monitor log-analytics workspace create --resource-group "$group" --workspace-name azureml-harness \\
  --location "$location" --output none
audit=$(az deployment group create --name azureml-harness-audit --resource-group "$group" --template-file audit.json \\
  --parameters workspaceName=azureml-harness location="$location" gatewayPrincipalId="$${variable(AUDIT_WRITER)}" \\
  --query "join(' ', [properties.outputs.endpoint.value, properties.outputs.ruleId.value])" --output tsv)
read -r endpoint rule <<< "$audit"
fill ${MARKERS.endpoint} "$endpoint"
fill ${MARKERS.rule} "$rule"
say "records go to $endpoint"
`

const MACHINE = `# --- the machine that the gateway runs on, if it is a virtual machine: VM=ARM-ID bash azure.sh
if [ -n "\${VM:-}" ]; then
  az vm identity assign --ids "$VM" --identities "\${identity_ids[@]}" --output none
  say "identities assigned to the machine"
fi
say "done: azureml-harness config check --deep harness.yaml"
`
