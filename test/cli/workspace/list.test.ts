/** `workspace list`: hundreds of workspaces, some at a time, and how far each is. */
import t from 'tap'
import { SUBSCRIPTION, workspaceId } from '../../../lab/personas.ts'
import { run } from '../support/run.ts'
import {
  GROUP,
  SOUND,
  startSound,
  STORAGE,
  WORKSPACE_DOCUMENT,
  type SoundWorld,
} from './support/sound.ts'

t.setTimeout(120_000)

const MANY = 500

let world: SoundWorld
t.before(async () => {
  world = await startSound()
})
t.teardown(() => world.close())
t.afterEach(() => {
  for (const part of world.lab.parts.values()) part.faults.clear()
})

interface Listed {
  readonly id: string
  readonly state: string
  readonly bindings: number
  readonly writers: number | null
  readonly publicNetwork: boolean
  readonly unknown: string | null
}

async function list(
  args: readonly string[] = [],
  more: Parameters<typeof run>[1] = {},
): Promise<{ status: number; err: string; byName: ReadonlyMap<string, Listed> }> {
  const { configFile } = world.gateway
  const ran = await run(['workspace', 'list', '--config', configFile, '--json', ...args], more)
  const { ok, workspaces } = JSON.parse(ran.out) as { ok: boolean; workspaces: readonly Listed[] }
  if (ok !== (ran.status === 0)) throw new Error(`status ${ran.status}, and ok is ${ok}`)
  const byName = new Map(workspaces.map((one) => [one.id.split('/').at(-1) ?? '', one]))
  return { status: ran.status, err: ran.err, byName }
}

t.test('governed, half, not at all', async (t) => {
  const before = await list()
  t.equal(before.status, 0, before.err)
  t.match(before.byName.get('ws-sound'), {
    id: SOUND,
    state: 'governed',
    bindings: 2,
    writers: 0,
    publicNetwork: false,
  })
  t.match(before.byName.get('ws-lab'), { state: 'none', bindings: 0, publicNetwork: true })
  const open = { ...WORKSPACE_DOCUMENT.properties, publicNetworkAccess: 'Enabled' }
  await world.put(SOUND, { ...WORKSPACE_DOCUMENT, properties: open })
  t.match((await list()).byName.get('ws-sound'), { state: 'half', publicNetwork: true })
  await world.put(SOUND, WORKSPACE_DOCUMENT)

  const assigned = world.lab.roles.assignments()
  t.teardown(() => world.lab.roles.assign(assigned))
  const person = '44444444-4444-4444-8444-444444444401'
  const role = { principalId: person, kind: 'User' as const, role: 'Contributor' }
  world.lab.roles.assign([...assigned, { ...role, scope: GROUP }, { ...role, scope: SOUND }])
  t.match((await list()).byName.get('ws-sound'), { state: 'half', writers: 1 })
  const accepted = await list(['--accept', person])
  t.match(accepted.byName.get('ws-sound'), { state: 'governed', writers: 0 })
  const { configFile } = world.gateway
  const table = await run(['workspace', 'list', '--config', configFile])
  t.match(table.out, /^STATE +BINDINGS +OTHER WRITERS +PUBLIC +WORKSPACE\n/)
  t.match(table.out, /\nhalf +2 +1 +no +\S+ws-sound\n/)
  t.match(table.out, /\n0 governed, 1 half, 2 not at all\n$/)
})

t.test('who may write is not known: half at best, and status 1', async (t) => {
  const path = 'ws-sound/providers/Microsoft.Authorization/roleAssignments'
  world.lab.parts.get('arm')?.faults.add({ times: 0, match: { path }, status: 403, body: {} })
  const seen = await list()
  t.equal(seen.status, 1)
  t.match(seen.byName.get('ws-sound'), { state: 'half', writers: null })
  t.match(seen.err, /ws-sound: .* status 403; give who asks Microsoft.Authorization\/roleAssign/)
})

t.test('a list that may not be read is no empty list', async (t) => {
  const fault = { times: 0, match: { path: '/workspaces?' }, status: 403, body: {} }
  world.lab.parts.get('arm')?.faults.add(fault)
  const ran = await run(['workspace', 'list', '--config', world.gateway.configFile])
  t.match(ran, { status: 1, out: '', err: /status 403\n {2}give who asks .*workspaces\/read on/ })
})

t.test('five hundred, in pages, eight at a time, and how far it is', async (t) => {
  const names = Array.from({ length: MANY }, (_, at) => `ws-many-${at}`)
  const waiting = [...names]
  const make = async (): Promise<void> => {
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop())
      await world.put(workspaceId(name), {
        location: 'eastus',
        properties: { storageAccount: STORAGE },
      })
  }
  await Promise.all(Array.from({ length: 8 }, make))
  const real = globalThis.fetch
  t.teardown(() => (globalThis.fetch = real))
  let now = 0
  let most = 0
  let pages = 0
  // counts the calls that are under way; they go where they always go
  globalThis.fetch = async (...args) => {
    const [asked] = args
    const url = asked instanceof Request ? asked.url : asked.toString()
    if (/\/workspaces\?/.test(url)) pages += 1
    if (!url.includes('roleAssignments')) return real(...args)
    now += 1
    most = Math.max(most, now)
    try {
      return await real(...args)
    } finally {
      now -= 1
    }
  }
  const shown: (string | null)[] = []
  let later = 0
  const seen = await list(['--subscription', SUBSCRIPTION], {
    progress: (line) => void shown.push(line),
    now: () => Date.now() + (later += 100),
  })
  t.equal(seen.byName.size, MANY + 3)
  t.same(
    names.filter((name) => !seen.byName.has(name)),
    [],
  )
  t.equal(most, 8)
  t.ok(pages > MANY / 4, `${pages} pages`)
  // after the lines on reading the policies
  t.ok(shown.some((line) => /^asking Azure: \d+%/.test(line ?? '')))
  t.equal(shown.at(-1), null)
})

t.test('wrong arguments are status 2', async (t) => {
  t.match(await run(['workspace', 'list']), { status: 2, err: /--config FILE is needed/ })
  const args = ['workspace', 'list', '--config', world.gateway.configFile]
  t.match(await run([...args, '--subscription', 'Lab']), { status: 2, err: /the id of a subscrip/ })
})
