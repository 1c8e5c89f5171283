/**
 * What `init` has to know: from flags, or asked for at a terminal; each is refused unless it has exactly the form that it must.
 *
 * Every value ends up in a shell script and in YAML. The forms leave no room for what is special there, and both quote
 * all the same.
 * @module
 */
import { isGuid } from '../../lib/guid.ts'
import { CLOUD_NAMES, type CloudName } from '../../vocabulary/clouds.ts'
import type { Io } from '../io.ts'
import { UsageError } from '../problem.ts'

const ISSUER_KINDS = ['entra', 'okta'] as const

/** The flags as they were typed. */
export interface InitOptions {
  readonly tenant?: string | undefined
  readonly workspace?: string | undefined
  readonly region?: string | undefined
  readonly url?: string | undefined
  readonly issuer?: string | undefined
  readonly issuerUrl?: string | undefined
  readonly clientId?: string | undefined
  readonly group?: string | undefined
  readonly role: string
  readonly cloud: string
  readonly resourceGroup?: string | undefined
  readonly serviceAccount?: string | undefined
  readonly clusterIssuer?: string | undefined
  readonly spool: string
  readonly from?: string | undefined
  readonly out?: string | undefined
}

/** The workspace that the gateway is for. */
export interface Workspace {
  /** Its ARM id as it was given. */
  readonly id: string
  readonly subscription: string
  readonly resourceGroup: string
  readonly name: string
}

/** A Kubernetes service account that may use the identities. */
export interface ServiceAccount {
  readonly namespace: string
  readonly name: string
  /** The OpenID issuer of the cluster. */
  readonly issuer: string
}

export interface Answers {
  readonly tenant: string
  readonly workspace: Workspace
  readonly region: string
  /** The origin that clients use. */
  readonly url: string
  readonly issuer:
    | { readonly kind: 'entra' }
    | { readonly kind: 'okta'; readonly url: string; readonly clientId: string | null }
  /** Who gets the role on the workspace: an object id at Entra ID, a name at Okta. */
  readonly group: string
  readonly role: string
  readonly cloud: CloudName
  /** For what is made for the gateway itself. */
  readonly resourceGroup: string
  /** Null: the gateway runs on a machine that has the identities. */
  readonly serviceAccount: ServiceAccount | null
  readonly spool: string
  readonly out: string
}

const RESOURCE_GROUP = /^[\p{L}\p{N}_().-]{0,89}[\p{L}\p{N}_()-]$/u
const WORKSPACE =
  /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.MachineLearningServices\/workspaces\/([A-Za-z0-9][\w-]{2,32})$/i
const REGION = /^[a-z][a-z0-9]{2,49}$/
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const TEMPLATE = /^[a-z][a-z0-9-]{0,62}$/
const PATH = /^\/[\w./-]+$/
/** What an Okta group may be called: bindings take no spaces. */
const GROUP_NAME = /^[\p{L}\p{N}_.@:+-]{1,255}$/u
const CLIENT_ID = /^[A-Za-z0-9_-]{1,128}$/

interface Question {
  readonly flag: keyof InitOptions
  readonly text: string
}

const QUESTIONS: readonly Question[] = [
  { flag: 'tenant', text: 'Id of your Entra tenant (az account show --query tenantId)' },
  { flag: 'workspace', text: 'ARM id of the workspace (az resource list --resource-type Microsoft.MachineLearningServices/workspaces --query [].id)' },
  { flag: 'region', text: 'Its region, such as westeurope' },
  { flag: 'url', text: 'URL that clients will use, such as https://ml.contoso.com' },
  { flag: 'issuer', text: `Who signs people in (${ISSUER_KINDS.join(' or ')})` },
  { flag: 'group', text: 'Group that may work in the workspace: object id at Entra ID, name at Okta' },
  { flag: 'out', text: 'Directory to write' },
] // prettier-ignore

/**
 * Asks for what no flag says, if there is somebody to ask, and checks all of it.
 * @throws UsageError that names every flag that is missing, or every one that is wrong
 */
export async function answersOf(given: InitOptions, io: Io): Promise<Answers> {
  const options = { ...given, ...(await askedFor(given, io)) }
  const faults: string[] = []
  /** The value if it has the form; and a fault otherwise. */
  const expect = (flag: string, value: string, isRight: boolean, form: string): string => {
    if (!isRight) faults.push(`--${flag} is ${form}, not ${JSON.stringify(value)}`)
    return value
  }
  const text = (flag: keyof InitOptions): string => options[flag] ?? ''
  const matching = (flag: keyof InitOptions, pattern: RegExp, form: string): string =>
    expect(dashed(flag), text(flag), pattern.test(text(flag)), form)

  const workspace = workspaceOf(text('workspace'))
  if (workspace === null)
    expect('workspace', text('workspace'), false, 'the ARM id of a workspace: /subscriptions/ID/resourceGroups/NAME/providers/Microsoft.MachineLearningServices/workspaces/NAME') // prettier-ignore
  const issuer = issuerOf(options, faults)
  const isEntra = issuer.kind === 'entra'
  const cloud = CLOUD_NAMES.find((name) => name === options.cloud)
  if (cloud === undefined)
    faults.push(`--cloud is one of ${CLOUD_NAMES.join(', ')}, not ${JSON.stringify(options.cloud)}`)
  const answers: Answers = {
    tenant: expect('tenant', text('tenant'), isGuid(text('tenant')), 'a GUID').toLowerCase(),
    workspace: workspace ?? { id: '', subscription: '', resourceGroup: '', name: '' },
    region: matching('region', REGION, 'the name of a region in lower case, such as westeurope'),
    url: expect('url', text('url'), isOrigin(text('url')), 'an https origin without a path or a slash at its end, such as https://ml.contoso.com'), // prettier-ignore
    issuer,
    group: isEntra
      ? expect(
          'group',
          text('group'),
          isGuid(text('group')),
          'the object id of a group, a GUID',
        ).toLowerCase()
      : matching(
          'group',
          GROUP_NAME,
          'the name of a group: letters, digits and _.@:+-, without spaces',
        ),
    role: matching('role', TEMPLATE, 'the name of a template'),
    cloud: cloud ?? 'AzureCloud',
    resourceGroup:
      options.resourceGroup === undefined
        ? (workspace?.resourceGroup ?? '')
        : matching('resourceGroup', RESOURCE_GROUP, 'the name of a resource group'),
    serviceAccount: serviceAccountOf(options, faults),
    spool: matching('spool', PATH, 'an absolute path of letters, digits and _./-'),
    out: text('out'),
  }
  if (faults.length > 0) throw new UsageError(faults.join('\n  '))
  return answers
}

async function askedFor(given: InitOptions, io: Io): Promise<Partial<InitOptions>> {
  const missing = QUESTIONS.filter(({ flag }) => given[flag] === undefined)
  if (missing.length === 0) return {}
  if (io.ask === undefined)
    throw new UsageError(
      `${missing.map(({ flag }) => `--${dashed(flag)}`).join(', ')} ${missing.length === 1 ? 'is' : 'are'} needed; at a terminal they are asked for`,
    )
  const asked: [string, string][] = []
  for (const { flag, text } of missing) asked.push([flag, (await io.ask(`${text}: `)).trim()])
  return Object.fromEntries(asked)
}

const dashed = (flag: string): string => flag.replaceAll(/[A-Z]/g, (one) => `-${one.toLowerCase()}`)

/** Null unless it is the ARM id of a workspace, each part of it in Azure's own form. */
function workspaceOf(id: string): Workspace | null {
  const [, subscription = '', resourceGroup = '', name = ''] = WORKSPACE.exec(id) ?? []
  return isGuid(subscription) && RESOURCE_GROUP.test(resourceGroup)
    ? { id, subscription, resourceGroup, name }
    : null
}

/** Whether it is an https origin as clients send it, of a host name that a certificate can be for. */
function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, origin, hostname } = new URL(text)
  return (
    protocol === 'https:' && origin === text && hostname.split('.').every((one) => LABEL.test(one))
  )
}

function issuerOf(options: InitOptions, faults: string[]): Answers['issuer'] {
  const { issuer, issuerUrl, clientId } = options
  if (issuer === 'entra') {
    for (const [flag, value] of Object.entries({ issuerUrl, clientId }))
      if (value !== undefined) faults.push(`--${dashed(flag)} is for --issuer okta alone`)
    return { kind: 'entra' }
  }
  if (issuer !== 'okta') {
    faults.push(`--issuer is ${ISSUER_KINDS.join(' or ')}, not ${JSON.stringify(issuer ?? '')}`)
    return { kind: 'entra' }
  }
  if (issuerUrl === undefined || !isIssuerUrl(issuerUrl))
    faults.push(
      `--issuer-url is the issuer of a custom authorization server, such as https://contoso.okta.com/oauth2/aus1example, not ${JSON.stringify(issuerUrl ?? '')}`,
    )
  if (clientId !== undefined && !CLIENT_ID.test(clientId))
    faults.push(`--client-id is the id of an application at Okta, not ${JSON.stringify(clientId)}`)
  return { kind: 'okta', url: issuerUrl ?? '', clientId: clientId ?? null }
}

function isIssuerUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  return (
    isOrigin(url.origin) &&
    text === `${url.origin}${url.pathname}` &&
    /^\/oauth2\/\w+$/.test(url.pathname)
  )
}

function serviceAccountOf(options: InitOptions, faults: string[]): ServiceAccount | null {
  const { serviceAccount, clusterIssuer } = options
  if (serviceAccount === undefined && clusterIssuer === undefined) return null
  const [namespace = '', name = '', ...rest] = (serviceAccount ?? '').split('/')
  if (rest.length > 0 || !LABEL.test(namespace) || !LABEL.test(name))
    faults.push(`--service-account is NAMESPACE/NAME, not ${JSON.stringify(serviceAccount ?? '')}`)
  const issuer = clusterIssuer ?? ''
  if (!/^https:\/\/[a-z0-9.-]+(?:\/[\w.-]+)*\/?$/.test(issuer))
    faults.push(
      `--cluster-issuer is the https URL of the cluster's OpenID issuer (az aks show --query oidcIssuerProfile.issuerUrl), not ${JSON.stringify(issuer)}`,
    )
  return { namespace, name, issuer }
}
