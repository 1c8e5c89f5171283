/** `audit cat` over the spool of a gateway that has served people. */
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { runCli } from '../../src/cli/cli.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { eventually } from '../support/eventually.ts'
import { ioOf, run, start } from './support/run.ts'

const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`
const JOB = `${workspaceId()}/jobs/a?api-version=2024-04-01`
const KEYS = `${workspaceId()}/listKeys?api-version=2024-04-01`

let world: World
let spool: string
/** Decision ids by what was called. */
const ids = new Map<string, string>()

async function call(persona: string, method: string, path: string): Promise<string> {
  const authorization = `Bearer ${await world.lab.token(persona)}`
  const answer = await world.send(path, { method, headers: { authorization } })
  await world.settled(answer)
  return String(answer.headers['x-harness-decision-id'])
}

t.before(async () => {
  world = await startGateway()
  spool = world.gateway.config.audit.spool.directory
  ids.set('list', await call('scientist', 'GET', JOBS))
  ids.set('delete', await call('reader', 'DELETE', JOB))
  ids.set('keys', await call('scientist', 'POST', KEYS))
})
t.teardown(() => world.close())

const cat = (...args: string[]) => run(['audit', 'cat', spool, ...args])
/** What node reads of its own pipes when a timer or a watcher wakes it. */
const WAKING_BYTES = 512

const linesOf = (text: string): string[] =>
  text
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')

t.test('a request is one line, with who it was, on what, and what became of it', async (t) => {
  const { status, out, err } = await cat('--where', `ExchangeId=${ids.get('list')}`)
  t.equal(status, 0)
  t.equal(err, '')
  const [heading = '', line = '', ...more] = linesOf(out)
  t.same(more, [])
  t.match(heading, /^time +result +status +ms +who +action +on$/)
  t.match(line, / success +200 +\d+ +entra\/[0-9a-f-]{36} +workspaces\/jobs\/read +ws-lab\/jobs$/)
  const rows = linesOf(
    (await cat('--output', 'json', '--where', `ExchangeId=${ids.get('list')}`)).out,
  )
  t.same(
    rows.map((row) => JSON.parse(row).RecordKind),
    ['authorized', 'completed'],
  )
  const [tsv = ''] = linesOf(
    (await cat('-o', 'tsv', '--where', `ExchangeId=${ids.get('list')}`)).out,
  )
  t.equal(tsv.split('\t').length, 10)
  t.equal(tsv.split('\t')[1], ids.get('list'))
})

t.test('what is shown is chosen by more than one column', async (t) => {
  const idsOf = async (...args: string[]): Promise<string[]> =>
    linesOf((await cat('-o', 'tsv', ...args)).out).map((line) => line.split('\t')[1] ?? '')
  t.same(await idsOf('--refused'), [ids.get('delete'), ids.get('keys')])
  t.same(await idsOf('--secrets'), [ids.get('keys')])
  t.same(await idsOf('--refused', '--where', 'Secrets!=true'), [ids.get('delete')])
  t.same(await idsOf('--where', 'Action~JOBS/', '--where', 'Action~read'), [ids.get('list')])
  t.same(await idsOf('--where', 'Status=200', '--where', 'Status=403'), [], 'all must hold')
  const who = String((await world.records(ids.get('delete') ?? ''))[0]?.['PrincipalId'])
  t.same(await idsOf('--who', who.slice(-12).toUpperCase()), [ids.get('delete')])
  t.ok((await idsOf('--since', '10m')).length >= 3)
  t.same(await idsOf('--until', '10m'), [])
})

t.test('a condition that cannot be meant is refused with what was probably meant', async (t) => {
  t.match(await cat('--where', 'Secret=true'), { status: 2, err: /did you mean "Secrets"\?/ })
  t.match(await cat('--where', 'nonsense'), { status: 2, err: /COLUMN=VALUE/ })
  t.match(await cat('--since', 'yesterday'), { status: 2, err: /10m/ })
  t.match(await cat('--since', '5m', '--until', '10m'), { status: 2, err: /is after --until/ })
  t.match(await cat('--follow', '--until', '10m'), { status: 2, err: /cannot be used with/ })
  t.match(await cat('--who', ''), { status: 2, err: /everybody has an empty one/ })
  t.match(await cat('--where', 'Action~'), { status: 2, err: /no text to look for/ })
})

t.test('verify says on a terminal how far it is, and clears that line', async (t) => {
  const lines: (string | null)[] = []
  let now = 0
  const status = await runCli(
    ['audit', 'verify', spool],
    ioOf({
      now: () => (now += 2_000),
      progress: (line) => void lines.push(line),
    }),
  )
  t.equal(status, 0)
  t.match(lines[0], /^checking records: \d+%, about \d+ s left$/)
  t.equal(lines.at(-1), null)
})

t.test('the spool is found through the configuration', async (t) => {
  const env = { ...world.lab.env, AZUREML_HARNESS_CONFIG: world.gateway.configFile }
  t.match(await run(['audit', 'verify'], { env }), { status: 0, out: /valid/ })
  t.match(await run(['audit', 'verify']), { status: 2, err: /SPOOL is needed/ })
})

t.test('no more is read than the reader takes', async (t) => {
  let printed = 0
  let free = (): void => {}
  const full = new Promise<void>((resolve) => {
    free = resolve
  })
  const ended = runCli(
    ['audit', 'cat', spool, '--json'],
    ioOf({
      out: () => void (printed += 1),
      drained: () => full,
    }),
  )
  await eventually('a line is printed', async () => printed > 0)
  await wait(100)
  t.equal(printed, 1, 'it waits until there is room')
  free()
  t.equal(await ended, 0)
  t.ok(printed > 4)
})

t.test('following begins at the end, and waiting reads nothing', async (t) => {
  const child = start(['audit', 'cat', spool, '--follow', '-o', 'tsv'])
  t.teardown(() => child.kill('SIGKILL'))
  const io = `/proc/${child.pid}/io`
  const bytesRead = (): number => Number(/rchar: (\d+)/.exec(readFileSync(io, 'utf8'))?.[1])
  if (existsSync(io)) {
    // a record may come at any moment; who looked at the spool all the time would have no such second
    await eventually('it reads nothing for a second', async () => {
      const before = bytesRead()
      await wait(1_000)
      return bytesRead() - before < WAKING_BYTES
    })
    t.pass('far less than one look at the spool')
  } else t.comment('not looked at what is read while it waits: there is no /proc on this system')
  const id = await call('scientist', 'GET', JOBS)
  await child.saw(id)
  child.kill('SIGINT')
  const { status, out } = await child.ended
  t.equal(status, 130)
  t.notMatch(out, ids.get('list'), 'what was there before is not shown')
})
