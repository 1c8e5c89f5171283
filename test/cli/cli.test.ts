/** The list of commands: every one is found, explains itself, and says no in the same way. */
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { COMMANDS, run, start } from './support/run.ts'
import { VERSION } from '../../src/cli/version.ts'

t.test('every command says what it takes, how it ends, and shows an example', async (t) => {
  for (const [name, command] of COMMANDS) {
    const { status, out } = await run([...name.split(' '), '--help'])
    t.equal(status, 0, name)
    t.ok(out.startsWith(`Usage: azureml-harness ${name}`), name)
    t.match(out, /\nExit status: /, name)
    t.match(out, /\nExample: /, name)
    const [text = ''] = out.split('\nExample: ')
    t.ok(
      text.split('\n').every((line) => line.length <= 110),
      `${name} fits a terminal`,
    )
    t.match(command.summary(), /^[a-z].*[^.]$/, name)
    for (const { description, flags } of command.options)
      t.match(description, /^[a-z-].*[^.]$/iu, `${name} ${flags}`)
  }
})

t.test('lists name every command, and asking for nothing is a mistake', async (t) => {
  const { status, out } = await run(['--help'])
  t.equal(status, 0)
  for (const [name, command] of COMMANDS) {
    const words = name.split(' ')
    const list = words.length === 1 ? out : (await run([...words.slice(0, -1), '--help'])).out
    t.match(list, new RegExp(`  ${words.at(-1)} .* ${command.summary().slice(0, 10)}`), name)
  }
  t.match(await run([]), { status: 2, out: '', err: /Usage/ })
  t.match(await run(['policy']), { status: 2, out: '', err: /Usage: azureml-harness policy/ })
  t.match(await run(['help', 'policy']), {
    status: 0,
    out: /Usage: azureml-harness policy/,
    err: '',
  })
})

t.test('--version prints the version', async (t) => {
  t.match(await run(['--version']), { status: 0, out: `${VERSION}\n`, err: '' })
})

t.test('a command that is not there is status 2, with those that are', async (t) => {
  t.match(await run(['policy', 'chekc']), { status: 2, out: '', err: /Did you mean check\?/ })
  t.match(await run(['frobnicate']), { status: 2, out: '', err: /--help/ })
})

t.test('help of a group, and of a command in it, is no mistake', async (t) => {
  for (const [words, usage] of [
    [['help'], 'Usage: azureml-harness [options] [command]'],
    [['help', 'policy'], 'Usage: azureml-harness policy [options]'],
    [['help', 'policy', 'plan'], 'Usage: azureml-harness policy plan [options]'],
    [['policy', '--help'], 'Usage: azureml-harness policy [options]'],
  ] as const) {
    const { status, out } = await start(words).ended
    t.equal(status, 0, words.join(' '))
    t.match(out, usage)
  }
  t.match(await run(['help', 'policy', 'plna']), {
    status: 2,
    out: '',
    err: /no command "policy plna"; did you mean "plan"\?/,
  })
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
  const listed = [...text.matchAll(/^\| `([a-z -]+?)(?: [-A-Z<[].*)?` \|/gm)].map(
    ([, name]) => name,
  )
  t.same(new Set(listed), new Set(COMMANDS.keys()))
})

t.test(
  'output that has no room is said in words, and fails',
  { skip: existsSync('/dev/full') ? false : 'there is no /dev/full on this system' },
  async (t) => {
    const full = openSync('/dev/full', 'w')
    t.teardown(() => closeSync(full))
    for (const args of [['--version'], ['policy', 'schema'], ['completion', 'bash']]) {
      const { status, stderr } = spawnSync(process.execPath, ['src/main.ts', ...args], {
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] },
      })
      t.equal(status, 1, args.join(' '))
      t.equal(
        stderr,
        'azureml-harness: standard output does not fit on the disk\n  free some space, or name another place\n',
        args.join(' '),
      )
    }
  },
)
