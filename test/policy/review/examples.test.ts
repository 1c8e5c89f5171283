/** The examples load as they are, and their cases hold. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { DOCUMENT_FACTS } from '../../../src/azureml/body/facts.ts'
import { checkSignIn } from '../../../src/identity/sign-in.ts'
import { runCases } from '../../../src/policy/review/cases.ts'
import { loadPolicy } from '../../../src/policy/load/load.ts'
import { IDENTITIES, SHIPPED } from '../support.ts'

const EXAMPLES = join(SHIPPED, 'examples')

for (const name of await readdir(EXAMPLES)) {
  t.test(`example ${name}`, async (t) => {
    const directory = join(EXAMPLES, name)
    const set = await loadPolicy({
      directory,
      bindings: join(directory, 'bindings.yaml'),
      identities: IDENTITIES,
      issuers: ['entra'],
    })
    const files = (await readdir(directory)).filter((file) => file.endsWith('.tests.yaml'))
    const decided = new Set<string>()
    for (const file of files) {
      const text = await readFile(join(directory, file), 'utf8')
      for (const [, policies] of text.matchAll(/policies: \[([^\]]*)\]/g))
        for (const id of (policies ?? '').split(', ')) decided.add(id)
      for (const result of runCases(
        set,
        { file, text },
        { identities: IDENTITIES, issuers: [] },
        checkSignIn,
      ))
        t.equal(result.wrong, null, result.name)
    }
    for (const { id, policy } of set.rules.values())
      if (policy.effect === 'forbid') t.ok(decided.has(id), `${id} has a case that it refuses`)
    t.ok([...(set.facts ?? [])].every((fact) => DOCUMENT_FACTS.includes(fact)))
  })
}
