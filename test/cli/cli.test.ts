/** The list of commands: every one is found, explains itself, and says no in the same way. */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { COMMANDS } from '../../src/cli/cli.ts'
import { run, start } from './support/run.ts'

t.test('every command says what it takes, how it ends, and shows an example', async (t) => {
  for (const [name, command] of COMMANDS) {
    const { status, out } = await run([...name.split(' '), '--help'])
    t.equal(status, 0, name)
    t.equal(out, `${command.help}\n`)
    t.ok(out.startsWith(`Usage: azureml-harness ${name}`), name)
    t.match(out, /\nExit status: /, name)
    t.match(out, /\nExample: /, name)
    t.ok(
      out.split('\n').every((line) => line.length <= 140),
      `${name} fits a terminal`,
    )
    t.match(command.summary, /^[a-z].*[^.]$/, name)
  }
})

t.test('the list names every command, and asking for nothing is a mistake', async (t) => {
  const { status, out } = await run(['--help'])
  t.equal(status, 0)
  for (const [name, { summary }] of COMMANDS)
    t.match(out, new RegExp(`  ${name} +${summary.slice(0, 10)}`))
  t.equal((await run([])).status, 2)
})

t.test('a command that is not there is status 2, with those that are', async (t) => {
  t.match(await run(['policy', 'chekc']), { status: 2, out: '', err: /policy check/ })
  t.match(await run(['frobnicate']), { status: 2, out: '', err: /--help/ })
})

t.test('an option that is not there is status 2 and leads to the help', async (t) => {
  t.match(await run(['token', '--jsno']), {
    status: 2,
    out: '',
    err: /'--jsno'[\s\S]*azureml-harness token --help/,
  })
})

t.test('the process ends with the status of its command', async (t) => {
  t.equal((await start(['frobnicate']).ended).status, 2)
  t.equal((await start(['config', 'check', '/nonexistent']).ended).status, 1)
  t.equal((await start(['config', 'schema']).ended).status, 0)
})

t.test('docs/cli.md has a line for every command', async (t) => {
  const [text = ''] = (await readFile('docs/cli.md', 'utf8')).split('\n## ')
  const listed = [...text.matchAll(/^\| `([a-z ]+?)(?: [-A-Z<[].*)?` \|/gm)].map(([, name]) => name)
  t.same(new Set(listed), new Set(COMMANDS.keys()))
})
