/**
 * The table of clients in docs/clients.md, made of what their tests have shown: `node test/clients/table.ts` writes it.
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readShown, type ShownClients } from './support/shown.ts'

const DOCUMENT = join(import.meta.dirname, '..', '..', 'docs', 'clients.md')
const PLACE = /(<!-- table of clients -->\n)[^]*?(\n<!-- end of the table -->)/

/** `workspaces/jobs/read` and `workspaces/jobs/write` in one: `jobs: read, write`. */
function operations(done: readonly string[]): string {
  const kinds = new Map<string, string[]>()
  for (const action of done) {
    const [kind = '', verb = ''] = /^(.*?)\/([^/]+(?:\/action)?)$/.exec(action)?.slice(1) ?? []
    const name = kind.replace(/^workspaces\/(?=.)/, '')
    kinds.set(name, [...(kinds.get(name) ?? []), verb.replace('/action', '')])
  }
  return [...kinds].map(([kind, verbs]) => `${kind}: ${verbs.join(', ')}`).join('; ')
}

function table(clients: ShownClients): string {
  const rows = Object.entries(clients).map(
    ([client, { version, done, test }]) =>
      `| \`${client}\` | ${version} | ${operations(done)} | \`${test}\` |`,
  )
  return ['| client | version | what it did | test |', '| --- | --- | --- | --- |', ...rows].join(
    '\n',
  )
}

/** The document as it is, and as it must be. */
export function documents(): { readonly now: string; readonly wanted: string } {
  const now = readFileSync(DOCUMENT, 'utf8')
  return {
    now,
    wanted: now.replace(PLACE, (_, begin, end) => `${begin}\n${table(readShown())}\n${end}`),
  }
}

if (import.meta.main) writeFileSync(DOCUMENT, documents().wanted)
