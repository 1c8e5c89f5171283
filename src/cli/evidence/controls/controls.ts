/**
 * Which evidence speaks for which control, and which criteria of the SOC 2 trust services it is evidence for. The
 * statements are the product's own: an auditor decides whether they suffice.
 * @module
 */
import type { Exception } from '../exceptions.ts'
import type { Table } from '../../csv.ts'

export interface Control {
  readonly id: string
  readonly criteria: readonly string[]
  readonly statement: string
  /** Files of the bundle. */
  readonly evidence: readonly string[]
  /** How to try it. */
  readonly test: string
}

export const CONTROLS: readonly Control[] = [
  {
    id: 'AMH-01',
    criteria: ['CC6.1', 'CC6.3'],
    statement:
      'Every call through the gateway is decided by versioned policy; what no policy permits is refused.',
    evidence: ['01-access/access.csv', '04-policy-changes/versions.csv', '06-denials/by-code.csv'],
    test: 'for records of 09-samples: `azureml-harness explain --decision ID` gives the recorded outcome',
  },
  {
    id: 'AMH-02',
    criteria: ['CC6.1', 'CC6.2'],
    statement: 'Each call is tied to a person, service or job that an issuer has identified.',
    evidence: ['06-denials/by-principal.csv', '09-samples/records.jsonl'],
    test: 'records of calls that were permitted name a principal; those without one are refusals',
  },
  {
    id: 'AMH-03',
    criteria: ['CC6.2', 'CC6.3'],
    statement: 'Access that is needed for a time only is granted for that time, with a reason.',
    evidence: ['01-access/access.csv', '01-access/use.csv', '02-access-changes/grants.csv'],
    test: 'compare `until` with the last call under the binding; read the verdicts of grants',
  },
  {
    id: 'AMH-04',
    criteria: ['CC6.3'],
    statement: 'Access that nobody uses is found, so that it can be taken away.',
    evidence: ['01-access/access.csv'],
    test: 'bindings without a call in the period are exceptions',
  },
  {
    id: 'AMH-05',
    criteria: ['CC6.3', 'CC6.2'],
    statement: 'Who has left can do nothing any more.',
    evidence: ['02-access-changes/leavers.csv'],
    test: 'with --leavers: the last permitted call of each person is before they left',
  },
  {
    id: 'AMH-06',
    criteria: ['CC8.1'],
    statement: 'Each version of the policies that was in force is a commit of their repository.',
    evidence: ['04-policy-changes/versions.csv'],
    test: '`azureml-harness policy log --find VERSION` in a clone names the commit',
  },
  {
    id: 'AMH-07',
    criteria: ['CC8.1', 'CC6.3'],
    statement:
      'What a policy wants reviewed is done once other people than its author have approved that very change.',
    evidence: ['05-approvals/reviews.csv', '05-approvals/verdicts.csv', '05-approvals/uses.csv'],
    test: '`azureml-harness approvals verify` on 05-approvals/documents with the public keys',
  },
  {
    id: 'AMH-08',
    criteria: ['CC8.1', 'CC7.3'],
    statement: 'A change that was let through in an emergency is reviewed within 72 hours.',
    evidence: ['05-approvals/overrides.csv'],
    test: 'each override has an approval or a rejection afterwards; the others are exceptions',
  },
  {
    id: 'AMH-09',
    criteria: ['CC7.2', 'CC7.3'],
    statement: 'Records are complete, in order, and cannot be changed unseen.',
    evidence: ['07-integrity/chains.csv', '07-integrity/events.csv'],
    test: '`azureml-harness audit verify` on the spool; the last record of 07-integrity/chains.csv',
  },
  {
    id: 'AMH-10',
    criteria: ['CC7.2'],
    statement: 'Losses, repairs and failing destinations of records are themselves on record.',
    evidence: ['07-integrity/events.csv'],
    test: 'each row is explained by the operators',
  },
  {
    id: 'AMH-11',
    criteria: ['CC6.1', 'CC6.7'],
    statement: 'Keys that sign records and approvals are known, and no other signs.',
    evidence: ['08-keys/signing.csv'],
    test: 'compare the ids with those that operators have published',
  },
  {
    id: 'AMH-12',
    criteria: ['CC6.2', 'CC6.3'],
    statement:
      'All access is reviewed each quarter by other people than those who have it; what they decide is carried out in time.',
    evidence: [
      '03-access-review/rows.csv',
      '03-access-review/decisions.csv',
      '03-access-review/closure.csv',
    ],
    test: 'each row has a decision with a reason; each removal names the commit that did it',
  },
  {
    id: 'AMH-13',
    criteria: ['CC6.1', 'CC6.3'],
    statement: 'Azure grants the managed identities no more than the policies need.',
    evidence: ['02-access-changes/out-of-band.csv'],
    test: '`azureml-harness policy drift` against the subscription of now',
  },
  {
    id: 'AMH-14',
    criteria: ['CC6.3', 'CC8.1'],
    statement: 'Who asks for a change does not approve it.',
    evidence: ['05-approvals/sod.csv', '05-approvals/verdicts.csv'],
    test: 'each approval of an author is marked as one that did not count',
  },
  {
    id: 'AMH-15',
    criteria: ['CC6.2', 'CC6.3', 'CC8.1'],
    statement: 'Each change of access is a commit, with who asked for it and why.',
    evidence: ['02-access-changes/bindings.csv', '02-access-changes/grants.csv'],
    test: 'open the commits of a sample, and the reviews of their pull requests',
  },
]

/** What the gateway cannot say anything about. */
export const OUT_OF_SCOPE: readonly string[] = [
  'calls to Azure that do not go through the gateway',
  'how people are hired, trained and let go',
  'physical security, and that of the devices that people use',
  'how Azure and the issuers keep their own systems',
  'members of groups who did not call in the period',
  'who approved a commit of the policies, and which tests it passed: the host of their repository knows',
  'when a caller was put on the deny list: the history of its file knows',
  'times of commits: they are those of the clocks of whoever made them',
]

export function mappingTable(
  controls: readonly Control[],
  exceptions: readonly Exception[],
): Table {
  return {
    path: 'mapping.csv',
    columns: ['control', 'criteria', 'statement', 'evidence', 'test', 'exceptions'],
    rows: controls.map(({ id, criteria, statement, evidence, test }) => [
      id,
      criteria.join(' '),
      statement,
      evidence.join(' '),
      test,
      exceptions.filter(({ control }) => control === id).length,
    ]),
    what: 'Controls with the SOC 2 criteria that they are evidence for, and where the evidence is.',
  }
}
