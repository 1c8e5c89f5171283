/**
 * The shell commands in the documents, and how each is tried: test/docs-commands.test.ts runs them.
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')

/** A fenced block of shell commands. */
export interface Block {
  /** The document and the block's first line, by which TRIED names it. */
  readonly name: string
  readonly text: string
}

/** What an example in a document is in the lab. */
export type Value = 'gateway' | 'ca' | 'spool' | 'segment' | 'rows' | 'config' | 'token'

/** How a block is tried. */
export type Tried =
  /** Why it cannot be run by a test; its syntax and the names in it are checked all the same. */
  | { readonly notRun: string }
  | {
      /** Lines or words that are not run, each with why. */
      readonly leftOut?: readonly (readonly [text: string, why: string])[]
      /** Examples, each with what stands in their place. */
      readonly values?: readonly (readonly [example: string, value: Value])[]
      /** Run after the block, in the same shell. */
      readonly after?: string
      /** What is printed. */
      readonly out: RegExp
    }

const NPM_CI = [
  'npm ci && ',
  'it would replace the packages that this very test runs with',
] as const
const GATEWAY = ['https://gw.example.com', 'gateway'] as const
const FOLLOW = [
  ' --follow',
  'it ends when it is interrupted: test/cli/every-command.test.ts does that',
] as const
const CLOUD = 'curl -fsS --cacert "$CA" "$ARM_CLOUD_METADATA_URL"'

/** Each of them needs those before it. */
const NEWCOMER = { notRun: 'test/deploy/newcomer.test.ts runs them one after another' } as const

const MADE_IN_THE_LAB = {
  notRun: 'it makes resources in Azure: test/deploy/infrastructure makes them in the lab',
} as const

export const TRIED: Readonly<Record<string, Tried>> = {
  'README.md: npm ci && npm start': {
    leftOut: [NPM_CI],
    // it runs until it is stopped: what it says once the gateway is ready
    out: /Ctrl-C stops all of it/,
  },
  'README.md: W=https://localhost:8443/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/rg-lab/providers/Microsoft.MachineLearningServices/workspaces/ws-lab':
    {
      values: [
        ['https://localhost:8443', 'gateway'],
        ['.lab/ca.pem', 'ca'],
      ],
      out: /^\{"value":[\s\S]*"code":"policy_refused"/,
    },
  'README.md: npm ci && npm test': { notRun: 'it runs all tests, of which this is one' },
  "README.md: export ARM_CLOUD_METADATA_URL='https://gw.example.com/metadata/endpoints?api-version=2019-05-01'":
    { values: [GATEWAY], after: CLOUD, out: /"AzureMLHarness"/ },
  'README.md: docker build -t azureml-harness .': {
    notRun:
      'it needs a Docker daemon: test/containers.test.ts and test/packaging/image.test.ts try it without one',
  },
  'CONTRIBUTING.md: npm ci': { notRun: 'these are the checks and tests themselves' },
  'deploy/helm/azureml-harness/README.md: kubectl create namespace azureml-harness': {
    notRun: 'it needs a cluster: test/deploy/helm/chart.test.ts renders the chart',
  },
  'docs/access.md: azureml-harness access request 7c0e....XVJN... --reason "on call"': {
    notRun: 'it needs grants: test/approvals/grants/cli.test.ts runs each of them',
  },
  'docs/approvals.md: azureml-harness approvals list --to-me': {
    notRun: 'it needs reviews: test/approvals/cli.test.ts runs each of them',
  },
  'docs/audit.md: printf %s "$VALUE" | openssl dgst -sha256 -hmac "$KEY"': {
    // of "value" under the key "key"
    out: /90fbfcf15e74a36b89dbdb2a721d9aecffdfdddc5c83e27f7592594f71932481/,
  },
  'docs/audit.md: sed -n \'2,/^{"group"/p\' SEGMENT | head -c -76 | sha256sum   # the first group: what its last line calls "head"':
    {
      values: [['SEGMENT', 'segment']],
      after: 'sed -n \'/^{"group"/{p;q}\' SEGMENT',
      out: /^([0-9a-f]{64}) [\s\S]*"head":"\1"/,
    },
  'docs/audit.md: azureml-harness audit verify DIR   # 0 valid, 1 broken; names the first broken group':
    {
      leftOut: [
        FOLLOW,
        [
          'azureml-harness audit ship DIR --config FILE   # sends what a replica that does not come back has not shipped\n',
          'a gateway runs on this spool: test/cli/ship.test.ts does it when it is gone',
        ],
      ],
      values: [
        ['DIR', 'spool'],
        ['FILE', 'rows'],
      ],
      out: /valid[\s\S]*time [\s\S]*missing 0/,
    },
  'docs/evidence.md: azureml-harness evidence collect --from 2026-07-01 --to 2026-10-01 --spool DIR --config FILE --out evidence-2026Q3':
    {
      notRun:
        'a gateway runs on the spool, which has nothing of that quarter: test/cli/evidence makes a bundle of one that is over',
    },
  'docs/evidence.md: azureml-harness access review start --quarter 2026Q3 --config FILE --spool DIR --out review-2026Q3.csv':
    {
      notRun: 'the records are not of that quarter: test/cli/review does both with such as are',
    },
  'docs/cli.md: npm pack': {
    notRun: 'test/packaging/package.test.ts does it in a folder of its own',
  },
  'docs/cli.md: npm run build:executable -- azureml-harness': {
    notRun: 'test/packaging/executable.test.ts does it in a folder of its own',
  },
  'docs/cli.md: eval "$(azureml-harness completion bash)"': {
    after: 'complete -p azureml-harness',
    out: /-F _azureml_harness azureml-harness/,
  },
  'docs/cli.md: azureml-harness login --gateway https://ml.contoso.example': {
    leftOut: [
      [
        'azureml-harness login --gateway https://ml.contoso.example\n',
        'it waits for a person: test/cli/login.test.ts signs one in',
      ],
    ],
    out: /trained with https:\/\/localhost:\d+\/mlflow/,
  },
  'docs/cli.md: eval "$(azureml-harness env --workspace "$WORKSPACE_ID")"': {
    after: 'echo "$MLFLOW_TRACKING_URI"',
    out: /^https:\/\/localhost:\d+\/mlflow\/v1\.0\/subscriptions\//,
  },
  'docs/cli.md: azureml-harness audit cat /var/lib/azureml-harness/spool --refused --since 10m': {
    leftOut: [FOLLOW],
    values: [['/var/lib/azureml-harness/spool', 'spool']],
    out: /policy_refused|refused[\s\S]*valid/,
  },
  'docs/cli.md: azureml-harness doctor --config /etc/azureml-harness/harness.yaml': {
    values: [['/etc/azureml-harness/harness.yaml', 'config']],
    out: /0 failed/,
  },
  "docs/clients.md: export ARM_CLOUD_METADATA_URL='https://gw.example.com/metadata/endpoints?api-version=2019-05-01'":
    { values: [GATEWAY], after: CLOUD, out: /"AzureMLHarness"/ },
  'docs/clients.md: export MLFLOW_TRACKING_URI="https://gw.example.com/mlflow/v1.0$W"': {
    values: [GATEWAY, ['...', 'token']],
    // test/clients/mlflow.test.ts uses them with MLflow
    after:
      'curl -fsS --cacert "$CA" -H "Authorization: Bearer $MLFLOW_TRACKING_TOKEN" "${MLFLOW_TRACKING_URI%%/mlflow/*}/_harness/whoami"',
    out: /^\{"principal"/,
  },
  'docs/clients.md: az cloud register --name AzureMLHarness --endpoint-resource-manager https://gw.example.com \\':
    {
      notRun:
        'it changes the settings of az: test/clients/az.test.ts runs it with settings of its own',
    },
  'docs/clients.md: test/clients/python/install.sh          # or some: install.sh python mlflow3 plugin3 v1 services az':
    { notRun: 'it downloads the published clients, then runs all tests' },
  'docs/deploy.md: az login --tenant 00000000-0000-4000-8000-00000000000a --output none': NEWCOMER,
  'docs/deploy.md: npm ci && npm pack': NEWCOMER,
  'docs/deploy.md: TENANT=$(az account show --query tenantId --output tsv)': NEWCOMER,
  'docs/deploy.md: azureml-harness init --issuer entra --tenant "$TENANT" --workspace "$WORKSPACE" --region "$REGION" \\':
    NEWCOMER,
  'docs/deploy.md: bash azureml-harness/azure.sh': NEWCOMER,
  'docs/deploy.md: azureml-harness config check --deep azureml-harness/harness.yaml': NEWCOMER,
  'docs/deploy.md: azureml-harness serve --config azureml-harness/harness.yaml': NEWCOMER,
  "docs/deploy.md: curl -fsS -w '\\n' https://ml.contoso.example/_harness/readyz": NEWCOMER,
  'docs/deploy.md: azureml-harness doctor --config azureml-harness/harness.yaml': NEWCOMER,
  'docs/deploy.md: azureml-harness login --gateway https://ml.contoso.example': NEWCOMER,
  'docs/effects.md: az rest --method get --url https://eastus.api.azureml.ms/registrymanagement/v1.0/registries/azureml/discovery \\':
    { notRun: 'it asks Azure itself' },
  "docs/release.md: docker buildx imagetools inspect node:24.21.0-bookworm-slim --format '{{.Manifest.Digest}}'":
    {
      notRun:
        'it pushes an image: test/packaging/build-image.test.ts runs the command with a Docker that only writes down',
    },
  'docs/performance.md: bench/peers/install.sh         # wrk, HAProxy, nginx with njs, oauth2-proxy':
    {
      notRun: 'it builds other proxies, and measures for a long time',
    },
  'deploy/azure-monitor/README.md: az deployment group create -g GROUP -f deploy/azure-monitor/template.json \\':
    { notRun: 'it makes resources in Azure' },
  'docs/workspaces.md: azureml-harness workspace check WORKSPACE_ID --config harness.yaml': {
    notRun:
      'the lab’s own workspaces have gaps: test/cli/workspace/check.test.ts has one that is sound',
  },
  'docs/workspaces.md: azureml-harness workspace list --config harness.yaml': {
    notRun: 'test/cli/workspace/list.test.ts runs it with hundreds of workspaces',
  },
  'docs/workspaces.md: azureml-harness workspace onboard WORKSPACE_ID --config harness.yaml --profile standard \\':
    {
      notRun: 'it writes files: test/cli/workspace/onboard.test.ts runs it, and uses them',
    },
  'docs/workspaces.md: az stack group create --name harness-research --resource-group ml --template-file workspace.bicep \\':
    { notRun: 'it makes a deployment stack in Azure' },
  'docs/infrastructure.md: azureml-harness policy export --config config/harness.yaml --json > grants.json':
    {
      values: [['config/harness.yaml', 'config']],
      after: 'cat grants.json',
      out: /"assignments": \[\s*\{/,
    },
  'docs/infrastructure.md: az deployment group create --resource-group rg-harness --template-file deploy/bicep/aks.bicep \\':
    MADE_IN_THE_LAB,
  'docs/infrastructure.md: terraform -chdir=deploy/terraform/aks init': MADE_IN_THE_LAB,
  'docs/infrastructure.md: az deployment group create --resource-group rg-harness --template-file deploy/bicep/container-apps.bicep \\':
    MADE_IN_THE_LAB,
  'docs/infrastructure.md: az rest --method put --url "$VAULT_ID/secrets/operation-key?api-version=2023-07-01" \\':
    { notRun: 'it writes into a vault in Azure' },
  'deploy/policy/README.md: SCOPE=/subscriptions/$S': { notRun: 'it makes policies in Azure' },
  'deploy/policy/README.md: az provider show --namespace Microsoft.MachineLearningServices --expand resourceTypes/aliases \\':
    { notRun: 'it asks Azure itself' },
}

/** Every document, from the top of the repository. */
export function documents(): readonly string[] {
  const below = (folder: string): string[] =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.md'))
      .map((file) => `${folder}/${file}`)
  return ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', ...below('docs'), ...below('deploy')]
}

/** The blocks of shell commands in all documents. */
export function blocks(): readonly Block[] {
  return documents().flatMap((file) =>
    [
      ...readFileSync(join(ROOT, file), 'utf8').matchAll(
        /^```(?:sh|bash|shell)\n([\s\S]*?)^```$/gm,
      ),
    ].map(([, text = '']) => ({ name: `${file}: ${text.split('\n')[0] ?? ''}`, text })),
  )
}
