/**
 * An upload that is refused before it was read, by the published HTTP stacks of Azure's clients: the refusal arrives,
 * and not a connection that broke.
 */
import t, { type Test } from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway } from '../support/gateway.ts'
import { environment, runScript, said, settings } from './support/published.ts'

const JOB = `${workspaceId()}/jobs/j1?api-version=2024-04-01`
const KB = 1024
const SIZES = [50 * KB, 1024 * KB, 20 * 1024 * KB]
const JSON_TYPE = 'application/json'

const python = environment(t, 'python')
if (python !== null) {
  const world = await startGateway()
  t.teardown(() => world.close())

  /** What each upload was answered, by the case, its size and the HTTP stack. */
  async function upload(
    t: Test,
    cases: Readonly<Record<string, object>>,
  ): Promise<Readonly<Record<string, readonly string[]>>> {
    const env = { ...(await settings(world, 'scientist')), LAB_CASES: JSON.stringify(cases) }
    const run = await runScript(python ?? '', 'uploads.py', env)
    t.equal(run.code, 0, said(run))
    return (run.result?.['got'] ?? {}) as Readonly<Record<string, readonly string[]>>
  }

  t.test('who sends 50 KB to 20 MB and is refused reads why', async (t) => {
    const { lab, url } = world
    const ended = Math.floor(Date.now() / 1000) - 3600
    const scientist = await lab.token('scientist')
    const of = { url: `${url}${JOB}`, sizes: SIZES, tries: 3, type: JSON_TYPE, method: 'PUT' }
    const cases = {
      'an ended token': { ...of, token: await lab.token('scientist', { claims: { exp: ended } }) },
      'a reader': { ...of, token: await lab.token('reader') },
      'over the limit': { ...of, token: scientist, sizes: [SIZES[2]] },
      'not JSON': { ...of, token: scientist, type: 'text/plain' },
      'a path that is none': { ...of, token: scientist, url: `${url}/nothing` },
    }
    const codes: Readonly<Record<string, string>> = {
      'an ended token': '401 expired_token',
      'a reader': '403 policy_refused',
      'over the limit': '413 body_too_large',
      'not JSON': '415 unsupported_media_type',
      'a path that is none': '404 unknown_operation',
    }
    const got = await upload(t, cases)
    t.equal(Object.keys(got).length, 2 * (4 * SIZES.length + 1))
    for (const [name, answers] of Object.entries(got))
      t.same(answers, [codes[name.split(', ')[0] ?? '']], name)
    t.same(lab.requests(), [], 'nothing reached Azure')
  })

  const FAULTS = {
    '413 TooLarge': { status: 413, body: { error: { code: 'TooLarge', message: 'no' } } },
    '502 upstream_reset': { reset: true },
  }
  for (const [expected, fault] of Object.entries(FAULTS)) {
    t.test(`azure ends an upload that is on its way: ${expected}`, async (t) => {
      await world.fault('dataPlane', {
        ...fault,
        times: 2 * 3 * SIZES.length,
        match: { path: 'dcid.early' },
      })
      const path = `/artifact/v2.0${workspaceId()}/artifacts/ExperimentRun/dcid.early/content?path=x`
      const one = {
        url: `${world.url}${path}`,
        method: 'POST',
        sizes: SIZES,
        tries: 3,
        type: 'application/octet-stream',
        token: await world.lab.token('scientist'),
      }
      const got = await upload(t, { early: one })
      t.equal(Object.keys(got).length, 2 * SIZES.length)
      for (const [name, answers] of Object.entries(got)) t.same(answers, [expected], name)
    })
  }
}
