/**
 * `npm run screenshots`: pictures of the console's pages, for docs/console.md.
 * @module
 */
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { REQUESTS } from '../approvals/grants/support.ts'
import { reviewIn, V, W } from '../approvals/support.ts'
import { openBrowser } from './browser.ts'
import { signIn, startForPeople } from './support.ts'

const IMAGES = resolve(import.meta.dirname, '../../docs/images')
const SIZE = { width: 1000, height: 620 }

const reviewing = await startForPeople({ files: { 'requests.yaml': REQUESTS } })
const browser = await openBrowser()
try {
  await mkdir(IMAGES, { recursive: true })
  const { url } = reviewing.world
  const scientist = await signIn(await browser.person(), url, 'scientist')
  const reader = await signIn(await browser.person(), url, 'reader')
  const reviewer = await signIn(await browser.person(), url, 'reviewer')
  for (const page of [scientist, reader, reviewer]) await page.setViewportSize(SIZE)
  const save = async (page: typeof reviewer, path: string, name: string): Promise<void> => {
    await page.goto(`${url}/_harness/console${path}`)
    await page.screenshot({ path: join(IMAGES, `${name}.png`), fullPage: name === 'review' })
    console.log(`docs/images/${name}.png`)
  }
  await save(scientist, '', 'access')

  const refused = await reviewing.call('reader', 'DELETE', `${W}/jobs/a-job${V}`)
  await save(reader, `/why/${String(refused.headers['x-harness-decision-id'])}`, 'why')

  const endpoint = {
    location: 'eastus',
    tags: { team: 'fraud' },
    properties: { authMode: 'AADToken', description: 'scores payments' },
  }
  const asked = await reviewing.call(
    'scientist',
    'PUT',
    `${W}/onlineEndpoints/payments${V}`,
    endpoint,
    {
      'x-harness-review': 'request',
      'x-harness-review-reason': encodeURIComponent('release of week 48'),
    },
  )
  const { id } = reviewIn(asked)
  const comment = { verdict: 'comment', comment: 'load test passed' }
  await reviewing.call('scientist', 'POST', `/_harness/api/reviews/${id}/verdicts`, comment)
  await save(reviewer, '/reviews', 'reviews')
  await save(reviewer, `/reviews/${id}`, 'review')
  await reviewing.call('reader', 'POST', '/_harness/api/grants', {
    template: 'data-scientist',
    resource: W,
    for: '4h',
    reason: 'on call',
  })
  await save(reviewer, '/access?to=me', 'grants')
  await save(reviewer, '/policy', 'policy')
  await save(reviewer, '/records?since=1h#hours', 'records')
  await save(reader, '/state', 'state')
} finally {
  await browser.close()
  await reviewing.close()
}
