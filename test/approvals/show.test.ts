/** What `approvals show` prints for whoever has to decide. */
import t from 'tap'
import { approvedModels } from '../../src/cli/approvals/export.ts'
import { printReview } from '../../src/cli/approvals/show.ts'
import { ioOf } from '../cli/support/run.ts'

const M = '/subscriptions/s/resourcegroups/g/providers/p/workspaces/w/models'
const REVIEW = {
  id: 'aaaaaaaaaaaaaaaa-1',
  state: 'open',
  method: 'PUT',
  resource: '/w/endpoint',
  author: 'entra/ann',
  asks: [{ policy: 'release', reason: 'r', from: 'owners' }],
  asked: '2026-11-01T10:00:00.000Z',
  missing: [{ policy: 'release', have: 0, need: 1, groups: ['Group::risk'] }],
  owners: { reviewers: ['Group::"risk"', 'Group::"leads"'], required: 1, each: true },
  verdicts: [
    {
      verdict: 'comment',
      by: 'entra/cid',
      at: '2026-11-01T12:00:00.000Z',
      comment: 'why\u001b[2K?',
    },
  ],
  uses: [
    { n: 1, by: 'entra/ann', at: '2026-11-01T11:00:00.000Z', outcome: 'failed' },
    { n: 2, by: 'entra/ann', at: '2026-11-01T13:00:00.000Z', outcome: null },
  ],
  shown: {
    differences: [
      { at: '/properties/model', from: null, to: '"azureml:after:2"' },
      { at: '/tags/a', from: null, to: '"in\u200bvisible"' },
    ],
    more: 0,
    lineage: [
      {
        model: `${M}/after/versions/2`,
        author: 'entra/ann',
        job: 'train-7',
        jobAuthor: 'entra/bob',
        commit: 'abc',
        inputs: ['data: azureml:table:1'],
        environment: 'azureml:sklearn:3',
        code: null,
      },
      { model: `${M}/old/versions/1`, author: null, job: null, jobAuthor: null, commit: null },
    ],
    metrics: [
      {
        model: `${M}/after/versions/2`,
        serves: `${M}/before/versions/1`,
        values: [
          { name: 'accuracy', now: 0.9, next: 0.95 },
          { name: 'f1', now: null, next: 0.5 },
        ],
        notes: ['1 more metrics'],
      },
    ],
  },
}

t.test('lineage, metrics with their difference, and what is unknown', async (t) => {
  const lines: string[] = []
  const io = ioOf({
    out: (line) => lines.push(line),
    style: (format, text) => (format === 'red' ? `<${text}>` : text),
  })
  printReview(new Map(Object.entries(REVIEW)), 'table', io)
  const text = lines.join('\n')
  t.match(text, /\/properties\/model +\(nothing\) +-> +"azureml:after:2"/)
  t.match(text, 'model models/after/versions/2, registered by entra/ann')
  t.match(text, 'by job train-7 of entra/bob')
  t.match(text, 'of commit abc, code <unknown>, environment azureml:sklearn:3')
  t.match(text, 'of data: data: azureml:table:1')
  t.match(text, 'model models/old/versions/1, registered by <unknown>\n  by no job that is known')
  t.match(text, 'metrics of models/after/versions/2 beside models/before/versions/1')
  t.match(text, /accuracy +0\.9 +0\.95 +\+0\.05/)
  t.match(text, /f1 +- +0\.5/)
  t.match(text, '1 more metrics')
  t.match(text, 'release: 0 of 1 approved\n  nobody yet of Group::risk')
  t.match(text, 'owners: Group::"risk", Group::"leads"')
  t.match(text, '"in\\u{200b}visible"', 'what is hidden is seen')
  t.match(
    text,
    /asked *\n.*11:00.*made the call +failed\n.*comment +why\\u\{1b\}\[2K\?\n.*13:00.*not known/,
  )
})

t.test('what is exported as approved is in the change, and was reviewed', async (t) => {
  const registry = '/subscriptions/s/resourcegroups/g/providers/p/registries/shared/models'
  const lineage = [
    { model: `${registry}/m/versions/1` },
    { model: `${registry}/source/versions/1`, copiedTo: `${registry}/m/versions/1` },
    { model: `${M}/own/versions/1` },
  ]
  const models = (override: object | null) =>
    approvedModels(new Map(Object.entries({ shown: { lineage }, override })))
  const asset = ['azureml://registries/shared/models/m/versions/1']
  t.same(models(null), asset)
  t.same(models({ by: 'ann', afterwards: 'approved' }), asset)
  for (const afterwards of ['due', 'overdue', 'rejected'])
    t.same(models({ by: 'ann', afterwards }), [], afterwards)
})
