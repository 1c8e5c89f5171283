/**
 * What starts cost, as tables, and which commands are over the bound.
 */
import type { Started, Starts } from '../start/start.ts'
import { figureOf, round, shown } from './figures.ts'
import { markdown } from './table.ts'

/** CPU of any command, from its start to its end, in milliseconds. */
const MOST_MS = 400

const cpuOf = ({ costs }: Pick<Started, 'costs'>) => figureOf(costs.map(({ cpuMs }) => cpuMs))
const wallOf = ({ costs }: Pick<Started, 'costs'>) => figureOf(costs.map(({ wallMs }) => wallMs))

export function startText({ node, help, little, work, serve }: Starts): string {
  const row = (one: Started): string[] => [one.name, shown(cpuOf(one)), shown(wallOf(one))]
  const { readyMs, ...rest } = { readyMs: wallOf(serve), memory: figureOf(serve.memoryMb) }
  return [
    `At most ${MOST_MS} ms of CPU, user and system, of all threads; medians of ${node.costs.length} starts, and from which to which they were. Commands that need a gateway or an issuer are asked for their help only; the others have the policies of this repository, \`policy test\` and \`policy plan\` with one file of cases and one binding.`,
    markdown({ columns: ['', 'CPU, ms', 'wall, ms'], rows: [node, ...little, ...help].map(row) }),
    'With all cases of this repository, and with the bindings of the lab taken away, the work is more than the start:',
    markdown({ columns: ['', 'CPU, ms', 'wall, ms'], rows: work.map(row) }),
    `\`serve\` is ready after ${shown(readyMs)} ms and ${shown(cpuOf(serve))} ms of CPU, and then has ${round(rest.memory.median)} MB.`,
  ].join('\n\n')
}

/** Commands over the bound, in words. */
export function overStart({ help, little }: Starts): string[] {
  return [...help, ...little]
    .filter((one) => cpuOf(one).median > MOST_MS)
    .map((one) => `${one.name}: ${round(cpuOf(one).median)} ms of CPU, at most ${MOST_MS}`)
}
