/**
 * `why`: why a call of the caller's was refused, and what would permit it.
 * @module
 */
import { DECISION_LINK, NEED_WORD } from '../../access/needs.ts'
import { isGuid } from '../../lib/guid.ts'
import { gainText, type Gained } from '../gain-text.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Cell, type Output } from '../output.ts'
import { UsageError } from '../problem.ts'
import type { Wanted } from '../session/credential.ts'
import { askGateway, list, object, text, type Members } from './ask-gateway.ts'

export interface WhyOptions extends Wanted {
  readonly output: Output
}

/** @param asked a decision id or the link of a refusal; the caller's last refusal if absent */
export async function why(asked: string | undefined, options: WhyOptions, io: Io): Promise<number> {
  const answer = await askGateway(io, options, pathOf(asked))
  show(io, options.output, {
    json: () => Object.fromEntries(answer),
    table: () => lines(answer, io),
    tsv: () => rows(answer),
  })
  return EXIT.ok
}

function pathOf(asked: string | undefined): string {
  if (asked === undefined) return '/_harness/decisions'
  if (isGuid(asked)) return `/_harness/decisions/${asked}`
  const [, id, need] = NEED_WORD.exec(asked) ?? DECISION_LINK.exec(asked) ?? []
  if (id !== undefined)
    return `/_harness/decisions/${id}${need === undefined ? '' : `?need=${need}`}`
  throw new UsageError('a decision is its id, or what follows "why" in the refusal, or its link')
}

interface Gain extends Gained {
  readonly template: string
}

const count = (value: unknown): number => (typeof value === 'number' ? value : 0)

function gains(answer: Members): readonly Gain[] {
  return list(answer.get('templates')).map((one) => {
    const { template, actions, deletes, secrets } = Object.fromEntries(object(one))
    return {
      template: text(template),
      actions: count(actions),
      deletes: count(deletes),
      secrets: count(secrets),
    }
  })
}

const rows = (answer: Members): readonly (readonly Cell[])[] => {
  const call = object(answer.get('call'))
  const now = object(answer.get('now'))
  return [
    [
      text(answer.get('decision')),
      text(now.get('verdict')),
      text(call.get('action')),
      text(object(call.get('resource')).get('id')),
      text(answer.get('reason')),
    ],
    ...gains(answer).map(({ template, actions, deletes, secrets }) => [
      'template',
      template,
      actions,
      deletes,
      secrets,
    ]),
  ]
}

function lines(answer: Members, { style }: Io): readonly string[] {
  const call = object(answer.get('call'))
  const help = object(answer.get('help'))
  const isPermitted = object(answer.get('now')).get('verdict') === 'permit'
  const time = text(answer.get('time'))
  const found = gains(answer)
  const forbids = list(answer.get('forbids')).map((one) => object(one))
  const groups = list(answer.get('memberships')).map((one) => {
    const { name, id } = Object.fromEntries(object(one))
    return text(name) || text(id)
  })
  const remedy = text(answer.get('remedy'))
  const contact = text(help.get('contact'))
  const url = text(help.get('url'))
  const at = time === '' ? '' : `, ${time}`
  return [
    `decision ${text(answer.get('decision'))}${at}`,
    `you asked for ${text(call.get('action'))} on ${text(object(call.get('resource')).get('id'))}`,
    isPermitted
      ? style('green', 'the same call would be permitted now: send it again')
      : `${style('red', 'refused')}: ${text(answer.get('reason'))}`,
    ...(remedy === '' || isPermitted || forbids.length > 0 ? [] : [remedy]),
    ...forbids.map(
      (one) =>
        `forbidden by ${text(one.get('id'))}, which no role lifts: ${text(one.get('reason'))}`,
    ),
    groups.length === 0
      ? 'you are in no group that any policy or binding names'
      : `your groups that count: ${groups.join(', ')}`,
    ...(found.length === 0 || isPermitted
      ? []
      : [
          'roles that would permit it:',
          ...found.map((gain) => `  ${gain.template}: adds ${gainText(gain)}`),
        ]),
    ...(isPermitted ? [] : wayLines(answer)),
    ...(isPermitted || contact === ''
      ? []
      : [`who can change it: ask ${contact}${url === '' ? '' : `: ${url}`}`]),
  ]
}

/** In which ways the caller may ask for it. */
function wayLines(answer: Members): readonly string[] {
  const ways = list(answer.get('ways')).map((one) => object(one))
  if (ways.length === 0) return []
  const proposal = text(answer.get('proposal'))
  const request = text(answer.get('request'))
  return [
    'ways to ask for it:',
    ...ways.map((way) => `  ${wayText(way)}`),
    ...(request === '' ? [] : [`  ask for it now: ${request}`]),
    ...(proposal !== '' && ways.some((one) => one.get('way') === 'pull-request')
      ? [`  in a clone of the policies: ${proposal} --branch`]
      : []),
  ]
}

function wayText(way: Members): string {
  const lasts = object(way.get('for'))
  const [usual, most] = [text(lasts.get('default')), text(lasts.get('max'))]
  const by = list(way.get('changedBy')).map(text)
  const isAlone = way.get('way') === 'grant' && way.get('reviewers') === 0
  const parts = [
    [text(way.get('way')), text(way.get('template'))].filter((one) => one !== '').join(' of '),
    usual === '' ? '' : `for ${usual}, at most ${most}`,
    by.length === 0 ? '' : `reviewed by ${by.join(', ')}`,
    isAlone ? 'a reason is enough' : '',
    text(way.get('note')),
    text(way.get('url')),
  ]
  return parts.filter((one) => one !== '').join(', ')
}
