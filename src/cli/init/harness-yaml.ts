/**
 * `harness.yaml` and `bindings.yaml` as `init` writes them: short, each value explained, and without a secret.
 * @module
 */
import { CLOUDS } from '../../vocabulary/clouds.ts'
import type { Answers } from './answers.ts'

/** Ids that exist only once Azure has made what they name; azure.sh puts them in the place of these. */
export const MARKERS = {
  app: 'APP-ID',
  endpoint: 'https://audit-endpoint.invalid',
  rule: 'AUDIT-RULE-ID',
} as const

/** The marker of an identity's client id: `ML-READER-CLIENT-ID`. */
export const clientMarker = (identity: string): string => `${identity.toUpperCase()}-CLIENT-ID`

/** Any user may listen on it. */
const DEFAULT_PORT = 8443

/** The one that ships the records, besides those that policies name. */
export const AUDIT_WRITER = 'audit-writer'

/** @param identities that policies name, the least privileged first */
export function harnessYaml(answers: Answers, identities: readonly string[]): string {
  const { workspace, region, url, cloud, spool } = answers
  return `# Azure ML Harness for the workspace ${workspace.name}; azure.sh fills in the ids that Azure gives. No secret belongs here.
# docs/deploy.md says what to do with it, config/harness.yaml shows every other key; paths are relative to this file.
listen:
  # where clients find the gateway: the certificate is for this name (chain and key in PEM)
  publicUrl: ${url}
  # where it listens; without a port in the URL, a load balancer or a mapping leads from 443 to it
  port: ${new URL(url).port === '' ? DEFAULT_PORT : new URL(url).port}
  tls: { certFile: tls/tls.crt, keyFile: tls/tls.key }
  # metrics, and why the gateway is not ready: for this machine alone
  metrics: { host: 127.0.0.1, port: 9464 }
cloud:
  name: ${cloud}
  # the workspace's region, so that Azure need not be asked for it
  regions:
    ${workspace.id.toLowerCase()}: ${region}
issuers:
${answers.issuer.kind === 'entra' ? entra(answers) : okta(answers, answers.issuer)}
# what calls go out under: managed identities, the least privileged first, and the one that ships the records
identities:
${[...identities, AUDIT_WRITER].map((name) => `  ${name}: ${identityOf(name, answers)}`).join('\n')}
# templates, their tests, and bindings.yaml: who may do what where
policies: { directory: policies }
audit:
  # records wait here until Azure Monitor has them: a disk of the gateway's own, mode 700
  spool: { directory: ${spool} }
  sinks:
    - name: monitor
      kind: azure-monitor
      # the data collection rule of audit.json, and where it takes rows
      endpoint: ${MARKERS.endpoint}
      ruleId: ${MARKERS.rule}
      stream: Custom-AmlHarnessAudit
      identity: ${AUDIT_WRITER}
`
}

function entra({ tenant, url, cloud }: Answers): string {
  return `  - name: entra
    profile: entra
    # exactly the "iss" of the tenant's version 2 tokens
    issuer: ${issuerHost(cloud)}/${tenant}/v2.0
    # "aud" of tokens: the application's id, and its identifier URI
    audiences: [${MARKERS.app}, ${url}]
    # as whom "azureml-harness login" signs people in
    cli: { clientId: ${MARKERS.app}, scopes: [${url}/user_impersonation] }`
}

/** China's tokens name another host than the one that signs people in. */
const issuerHost = (cloud: Answers['cloud']): string =>
  cloud === 'AzureChinaCloud'
    ? 'https://login.partner.microsoftonline.cn'
    : CLOUDS[cloud].authorityHost

function okta(
  { url }: Answers,
  issuer: { readonly url: string; readonly clientId: string | null },
): string {
  const cli =
    issuer.clientId === null
      ? ''
      : `
    # as whom "azureml-harness login" signs people in: a native application without a secret
    cli: { clientId: ${JSON.stringify(issuer.clientId)}, scopes: [azureml] }`
  return `  - name: okta
    profile: okta
    # exactly the "iss" of its tokens: a custom authorization server
    issuer: ${issuer.url}
    # the audience that is set there
    audiences: [${url}]${cli}`
}

function identityOf(name: string, { serviceAccount, tenant }: Answers): string {
  const clientId = clientMarker(name)
  return serviceAccount === null
    ? `{ kind: managed-identity, clientId: ${clientId} }`
    : `{ kind: workload-identity, tenantId: ${tenant}, clientId: ${clientId}, tokenFile: /var/run/secrets/azure/tokens/azure-identity-token }`
}

/** Who may do what: one group, one role, one workspace. */
export function bindingsYaml(answers: Answers, identities: readonly string[]): string {
  const { workspace, tenant, group, role, issuer } = answers
  const id = workspace.id.toLowerCase()
  const principal =
    issuer.kind === 'entra' ? `entra/${tenant}/${group}`.toLowerCase() : `okta/${group}`
  return `# Who may do what in the workspace ${workspace.name}: a template of templates/, for whom, on what (docs/policy.md).
# the identities that calls go out under: where several templates permit, the first of them is used
identities: [${identities.join(', ')}]
bindings:
  - id: ${role}
    template: ${role}
    principal: '${`Group::${JSON.stringify(principal)}`.replaceAll("'", "''")}'
    resource: 'Workspace::"${id}"'
`
}
