/** Every route of the installed MLflow 3 server, under the paths by which Azure ML serves MLflow: served, or refused by name. */
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { classify } from '../../src/azureml/classify.ts'
import { parseTarget } from '../../src/azureml/target.ts'
import { Refusal } from '../../src/errors.ts'
import { environment, runScript, said } from './support/published.ts'

const PLACES = [`/mlflow/v1.0${workspaceId()}`, `/mlflow/v2.0${workspaceId()}`]

/** What becomes of a call: its action, or the refusal. */
function judged(
  method: string,
  path: string,
): { action?: string; code?: string; message?: string } {
  try {
    return { action: classify(parseTarget(method, path)).action }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const { code, message } = error
    return { code, message }
  }
}

const file = environment(t, 'mlflow3')
if (file !== null) {
  t.setTimeout(300_000)
  t.test('each route of the server is served, or refused by its name', async (t) => {
    const done = await runScript(file, 'mlflow_routes.py', {})
    t.equal(done.code, 0, 'the script ends well', { said: said(done) })
    const routes = (done.result?.['routes'] ?? []) as [string, string][]
    t.ok(
      routes.length > 400,
      `${routes.length} pairs of mlflow ${String(done.result?.['version'])}`,
    )
    const count = { served: 0, refused: 0 }
    for (const [method, rule] of routes) {
      // one segment for each name, also where a server takes many
      const path = rule === '/' ? '' : rule.replaceAll(/<[^>]+>/g, 'x1')
      for (const place of PLACES) {
        const { action, code, message } = judged(method, `${place}${path}`)
        const byName =
          code === 'unknown_operation' && message?.endsWith('which is not served') === true
        count[action === undefined ? 'refused' : 'served'] += 1
        t.ok(action !== undefined || byName, `${method} ${rule}: ${action ?? message ?? ''}`)
      }
    }
    t.ok(count.served > 200 && count.refused > 200, JSON.stringify(count))
  })

  t.test('what a path can be asked otherwise is told apart from what is not there', async (t) => {
    const [place] = PLACES
    const api = `${place}/api/3.0/mlflow`
    t.match(judged('DELETE', `${api}/traces/t1`), { code: 'method_not_allowed' })
    t.match(judged('PATCH', `${api}/datasets/create`), { code: 'method_not_allowed' })
    t.match(judged('GET', `${api}/traces/t1/spans`), {
      code: 'unknown_operation',
      message: 'this path is not a known one of "mlflow"',
    })
    for (const method of ['GET', 'POST', 'DELETE'])
      t.match(judged(method, `${api}/webhooks/anything/else`), {
        code: 'unknown_operation',
        message: /"webhooks" is .* which is not served/,
      })
  })
}
