/**
 * My access: what the person may do, until when, and the settings that lead their programs here.
 * @module
 */
import { clientVariables } from '../../azureml/hosts/client-variables.ts'
import { shellText } from '../../lib/shell-text.ts'
import type { Answer } from '../answer.ts'
import { html, joined, Url, type Html } from '../html.ts'
import { copyable, foreign, table, time } from '../layout.ts'
import { ApiRefusal, type Page, type Visit } from '../page.ts'
import { HOME, queryOf } from '../paths.ts'
import { contact } from './plain.ts'

/** What most clients do first: the list of jobs. */
const CANNED = 'Microsoft.MachineLearningServices/workspaces/jobs/read'

export const accessPage: Page = {
  path: '',
  nav: 'My access',
  async show(visit) {
    const me = await visit.ask('/_harness/whoami')
    const workspaces = workspacesIn(me)
    const asked = visit.query.get('workspace')
    const chosen = workspaces.find(({ id }) => id === asked) ?? workspaces[0] ?? null
    const check = visit.query.get('check') === '1' && chosen !== null
    return {
      title: 'My access',
      body: html`${accessOf(me)}
        ${chosen === null ? null : settings(visit.site.publicUrl, workspaces, chosen)}
        ${chosen === null ? null : await checked(visit, chosen, check)}
        <h2>Whom to ask</h2>
        ${contact(visit.site, null)}`,
    }
  },
}

interface Workspace {
  readonly id: string
  readonly name: string
}

function workspacesIn(me: Answer): readonly Workspace[] {
  const found = me.list('access').flatMap((one): Workspace[] => {
    const id = one.text('resource', 'id')
    return one.text('resource', 'type') === 'Workspace' ? [{ id, name: one.text('name') }] : []
  })
  return [...new Map(found.map((one) => [one.id, one])).values()]
}

function accessOf(me: Answer): Html {
  const rows = me
    .list('access')
    .map((one) => [
      html`${foreign(one.text('name'))}<br /><span class="quiet"
          >${foreign(one.text('resource', 'type'))}</span
        >`,
      foreign(one.text('template')),
      throughOf(me, one),
      time(one.textOrNull('until')),
    ])
  const expires = me.textOrNull('tokenExpires')
  if (rows.length === 0)
    return html`<p class="notice">
      You are signed in as ${foreign(me.text('principal', 'id'))}, and no binding gives you access
      to anything. Ask for it, or see why a call was refused: its message has a link.
    </p>`
  return html`<p>
      You are signed in as ${foreign(me.text('principal', 'id'))}; the sign-in holds until
      ${time(expires)}.
    </p>
    ${table('What you may use, with the template that says what for', ['Where', 'Template', 'Through', 'Until'], rows)}`
}

/** The group, by the name that the operator gave it. */
function throughOf(me: Answer, one: Answer): Html {
  const [type, id] = [one.text('through', 'type'), one.text('through', 'id')]
  const named = me
    .list('memberships')
    .find((membership) => membership.text('type') === type && membership.text('id') === id)
  const name = named?.textOrNull('name') ?? id
  return type === 'User' ? html`yourself` : html`${type.toLowerCase()} ${foreign(name)}`
}

function settings(publicUrl: string, workspaces: readonly Workspace[], chosen: Workspace): Html {
  const variables = clientVariables(publicUrl, { workspace: chosen.id, mlflow: 'https' })
  const token = 'azureml-harness token'
  const others = workspaces.filter(({ id }) => id !== chosen.id)
  const choices = others.map(
    ({ id, name }) =>
      html`<li>
        <a href="${Url.to(`${HOME}${queryOf({ workspace: id })}`)}">${name}</a>
      </li>`,
  )
  return html`<h2 id="settings">Settings for ${foreign(chosen.name)}</h2>
    <p>
      They lead azure-ai-ml, MLflow and the Azure CLI to this gateway. They hold no token: each
      takes a fresh one from <code>${token}</code>, after
      <code>azureml-harness login --gateway ${publicUrl}</code>.
    </p>
    ${
      others.length === 0
        ? null
        : html`<p>For another workspace:</p>
            <ul>
              ${choices}
            </ul>`
    }
    ${copyable('bash', `${shellText(variables, 'sh')}\nexport MLFLOW_TRACKING_TOKEN="$(${token})"`)}
    ${copyable('PowerShell', `${shellText(variables, 'powershell')}\n$Env:MLFLOW_TRACKING_TOKEN = ${token}`)}
    ${copyable('Notebook', `${shellText(variables, 'notebook')}\nimport subprocess\nos.environ["MLFLOW_TRACKING_TOKEN"] = subprocess.run(["azureml-harness", "token"], check=True, capture_output=True, text=True).stdout.strip()`)}
    ${copyable('Azure CLI', azText(publicUrl, chosen))}`
}

function azText(publicUrl: string, { id }: Workspace): string {
  const list = shellText(new Map([['W', `${publicUrl}${id}`]]), 'sh').replace('export ', '')
  return [
    `az cloud register --name AzureMLHarness --endpoint-resource-manager ${publicUrl} \\`,
    '  --endpoint-active-directory https://login.microsoftonline.com \\',
    `  --endpoint-active-directory-resource-id ${publicUrl} \\`,
    '  --endpoint-active-directory-graph-resource-id https://graph.windows.net/',
    'az cloud set --name AzureMLHarness',
    list,
    'az rest --method get --uri "$W/jobs?api-version=2024-04-01" --skip-authorization-header \\',
    '  --headers "Authorization=Bearer $(azureml-harness token)"',
  ].join('\n')
}

async function checked(visit: Visit, chosen: Workspace, isAsked: boolean): Promise<Html> {
  const here = Url.to(`${HOME}${queryOf({ workspace: chosen.id, check: '1' })}#check`)
  return html`<h2 id="check">Check my client</h2>
    ${copyable('A call that your client can try', `azureml-harness can ${CANNED} --on ${chosen.name}`)}
    <p>
      The gateway can say now how it would judge the first call of most clients, the list of jobs of
      ${foreign(chosen.name)}.
    </p>
    <p class="actions"><a class="button" href="${here}">Check</a></p>
    ${isAsked ? await verdictOf(visit, chosen) : null}`
}

async function verdictOf(visit: Visit, { id, name }: Workspace): Promise<Html> {
  const may = await visit.ask(`/_harness/can${queryOf({ on: id, action: CANNED })}`)
  const [found] = may.list('may')
  const word = found?.text('may') ?? 'refuse'
  const answer =
    word === 'permit'
      ? html`<span class="good">Yes:</span> the list of jobs of ${foreign(name)} is yours to read.
          If a client is refused all the same, it is not called with your token, or not through this
          address.`
      : word === 'depends'
        ? html`It depends on the call: policy asks for more than who calls and what for.`
        : html`<span class="bad">No:</span> policy would refuse it.`
  return html`<p class="notice" role="status">${answer}</p>
    ${await lastRefusal(visit)}`
}

/** The latest refusal of the person on this replica, which a client that fails most often ran into. */
async function lastRefusal({ ask }: Visit): Promise<Html | null> {
  try {
    const last = await ask('/_harness/decisions')
    const id = last.text('decision')
    const to = Url.to(`${HOME}/why/${encodeURIComponent(id)}`)
    return joined([
      html`<p>
        Your latest refusal on this replica: ${foreign(last.text('refusal', 'message'))}
        (${time(last.textOrNull('time'))}). <a href="${to}">Why?</a>
      </p>`,
    ])
  } catch (error) {
    if (error instanceof ApiRefusal && error.status === 404)
      return html`<p>This replica has refused no call of yours lately.</p>`
    throw error
  }
}
