/**
 * What the bundle of the quarter in quarter.test.ts says: columns of its tables, with personas for ids and days of the
 * quarter for times, in alphabetical order.
 */
export const GOLDEN: readonly (readonly [
  path: string,
  columns: readonly string[],
  rows: readonly string[],
])[] = [
  [
    'exceptions.csv',
    ['kind', 'control', 'what', 'where'],
    [
      'exception | AMH-03 | it is for one person or service, and has no end | binding pipelines-on-ws-lab',
      'exception | AMH-04 | nobody used it in the period | binding pipelines-on-ws-lab',
      'exception | AMH-04 | nobody used it in the period | binding reviewers-on-ws-lab',
      'exception | AMH-04 | nobody used it in the period | binding scientists-on-azureml',
      'exception | AMH-08 | the review afterwards is overdue | review the emergency',
      'exception | AMH-12 | nobody decided about it | binding scientists-on-azureml',
      'exception | AMH-13 | Azure grants it 1 actions that no policy needs | identity ml-writer on /s',
    ],
  ],
  [
    '01-access/use.csv',
    ['principal', 'through', 'calls_in_period'],
    [
      'outsider | otto-for-a-while | 2',
      'reader | readers-on-ws-lab | 3',
      'reviewer | reviews-on-ws-lab | 1',
      'scientist | emergencies | 1',
      'scientist | scientists-on-ws-lab | 7',
    ],
  ],
  [
    '02-access-changes/bindings.csv',
    ['time', 'change', 'binding', 'reason', 'ticket', 'author'],
    [
      ...[
        'cluster-on-ws-lab',
        'emergencies',
        'pipelines-on-ws-lab',
        'readers-on-ws-lab',
        'reviewers-on-ws-lab',
        'reviews-on-ws-lab',
        'scientists-on-azureml',
        'scientists-on-ws-lab',
      ].map((id) => `day 0 | added | ${id} |  |  | Ann`),
      'day 40 | added | otto-for-a-while | =audit of models | T-7 | Ann',
      'day 60 | ended | otto-for-a-while | =audit of models | T-7 | ',
    ],
  ],
  ['02-access-changes/revocations.csv', ['first_refused', 'refused'], ['day 50 | 1']],
  [
    '03-access-review/closure.csv',
    ['through', 'decision', 'commit_time', 'author'],
    ['cluster-on-ws-lab | remove | day 96 | Ann'],
  ],
  [
    '04-policy-changes/versions.csv',
    ['first_decision', 'last_decision', 'subject', 'author'],
    [
      'day 1 | day 40 | policies | Ann',
      'day 40 | day 70 | otto reads until the audit is over | Ann',
    ],
  ],
  ['04-policy-changes/reloads.csv', ['time', 'outcome'], ['day 40 | changed']],
  [
    '05-approvals/reviews.csv',
    ['asked', 'author', 'state', 'approvers'],
    ['day 1 | scientist | used | reviewer', 'day 20 | scientist | used | '],
  ],
  ['05-approvals/overrides.csv', ['by', 'time', 'afterwards'], ['scientist | day 20 | overdue']],
  [
    '06-denials/by-code.csv',
    ['code', 'refused'],
    ['approval_required | 2', 'policy_refused | 3', 'revoked | 1'],
  ],
  [
    '07-integrity/chains.csv',
    ['first_time', 'last_time', 'first_seq', 'missing', 'verified'],
    ['day 0 | day 70 | 1 | 0 | valid'],
  ],
  ['07-integrity/differences.csv', ['chain', 'from_seq', 'to_seq'], []],
]
