/** Edits change what they change: over random documents, byte by byte. */
import t from 'tap'
import { parseJson, type JsonNode } from '../../../src/lib/json/document.ts'
import { applyEdits } from '../../../src/enforce/effects/edit.ts'

/** mulberry32: the same documents in every run. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const NUMBERS = [
  '0',
  '-0',
  '1.0',
  '1e5',
  '1E+2',
  '12345678901234567890',
  '-0.10',
  '1e-400',
  '0.30000000000000004',
]
const STRINGS = [
  '""',
  '"a"',
  '"\\u0061"',
  '"é"',
  '"\\/"',
  '"\\ud83d\\ude00"',
  '"😀"',
  '"\\n"',
  '"azureml:x:1"',
  '"__proto__"',
]
const SPACES = ['', '', '', ' ', '\n', '\t ', '\r\n']

/** A random document as text, with odd spaces, numbers and escapes. */
function document(next: () => number, depth = 0): string {
  const pick = <T>(of: readonly T[]): T => of[Math.floor(next() * of.length)] as T
  const space = () => pick(SPACES)
  const kind = depth > 4 ? next() * 0.5 : next()
  if (kind < 0.2) return pick(NUMBERS)
  if (kind < 0.4) return pick(STRINGS)
  if (kind < 0.5) return pick(['true', 'false', 'null'])
  const count = Math.floor(next() * 5)
  if (kind < 0.7) {
    const items = Array.from(
      { length: count },
      () => `${space()}${document(next, depth + 1)}${space()}`,
    )
    return `[${count === 0 ? space() : items.join(',')}]`
  }
  const members = Array.from({ length: count }, (_, at) => {
    const key = next() < 0.2 ? `"\\u006b${at}"` : `"key ${at}"`
    return `${space()}${key}${space()}:${space()}${document(next, depth + 1)}${space()}`
  })
  return `{${count === 0 ? space() : members.join(',')}}`
}

function* everything(node: JsonNode): Generator<JsonNode> {
  yield node
  if (node.kind === 'array') for (const item of node.items) yield* everything(item)
  if (node.kind === 'object') for (const { value } of node.members) yield* everything(value)
}

t.test('500 random documents: places are exact, and what is not edited stays', async (t) => {
  const next = random(1)
  for (let round = 0; round < 500; round += 1) {
    const text = `${round % 3 === 0 ? '\n ' : ''}${document(next)}${round % 5 === 0 ? ' \n' : ''}`
    const bytes = Buffer.from(text)
    const root = parseJson(bytes)
    const nodes = [...everything(root)]
    // JSON.parse agrees on each value at its place
    for (const node of nodes) {
      const own = bytes.toString('utf8', node.start, node.end)
      if (node.kind === 'string' && JSON.parse(own) !== node.value) t.fail(`${own} of ${text}`)
      else if (own.trim() !== own) t.fail(`space at ${node.start} of ${text}`)
      else JSON.parse(own)
    }
    if (!applyEdits(bytes, []).equals(bytes)) t.fail('no edit changed something')
    const scalars = nodes.filter(({ kind }) => kind === 'string' || kind === 'number')
    const chosen = scalars.filter(() => next() < 0.3)
    const edited = applyEdits(
      bytes,
      chosen.map(({ start, end }) => ({ start, end, text: '"[edited]"' })),
    )
    // outside of what was chosen the bytes are the same, in the same order
    let at = 0
    let there = 0
    for (const { start, end } of chosen) {
      const before = bytes.subarray(at, start)
      if (!edited.subarray(there, there + before.length).equals(before)) t.fail(text)
      there += before.length + '"[edited]"'.length
      at = end
    }
    if (!edited.subarray(there).equals(bytes.subarray(at))) t.fail(text)
  }
  t.pass('all of them')
})

const edit = (start: number, end: number) => ({ start, end, text: '' })

t.test('edits that overlap or lie outside are a mistake of ours', async (t) => {
  const bytes = Buffer.from('0123456789')
  t.throws(() => applyEdits(bytes, [edit(0, 4), edit(3, 5)]), TypeError)
  t.throws(() => applyEdits(bytes, [edit(8, 11)]), TypeError)
  t.throws(() => applyEdits(bytes, [edit(4, 3)]), TypeError)
  t.equal(applyEdits(bytes, [edit(5, 5), edit(2, 5)]).toString(), '0156789')
})
