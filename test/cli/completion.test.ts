/** `completion`: what a shell offers, asked of real shells; there is no PowerShell to ask, so its script is read. */
import { spawnSync } from 'node:child_process'
import t, { type Test } from 'tap'
import { COMMANDS, run } from './support/run.ts'

const below = (group: string): readonly string[] =>
  [...COMMANDS.keys()].flatMap(
    (name) => (name.startsWith(`${group} `) ? name.split(' ')[1] : []) ?? [],
  )

/** Words of a line, the last one being completed, and what is offered; `FILES` is that the shell completes files. */
const OFFERS: readonly (readonly [line: readonly string[], offered: readonly string[]])[] = [
  [['wh'], ['why', 'whoami', 'who-can']],
  [['policy', ''], below('policy')],
  [['policy', 'check', '--re'], ['--require-until']],
  [['audit', 'cat', 'spool', '--se'], ['--secrets']],
  [
    ['audit', 'cat', '--output', ''],
    ['table', 'json', 'tsv'],
  ],
  [['audit', 'cat', '--output=j'], ['json']],
  [
    ['health', '-o', 't'],
    ['table', 'tsv'],
  ],
  [
    ['completion', ''],
    ['bash', 'zsh', 'powershell'],
  ],
  [['login', '--flow', 'd'], ['device']],
  [['serve', '--config', ''], ['FILES']],
  [['config', 'check', ''], ['FILES']],
  [['exec', '--', 'policy', ''], ['FILES']],
]

const script = async (shell: string): Promise<string> => {
  const { status, out } = await run(['completion', shell])
  if (status !== 0) throw new Error(`there is no completion for ${shell}`)
  return out
}

/** @param complete text of the shell that prints what is offered for the words that are its arguments */
async function offers(
  t: Test,
  shell: 'bash' | 'zsh',
  complete: string,
  before = '',
): Promise<void> {
  if (spawnSync(shell, ['--version']).error !== undefined) {
    t.comment(`not looked at what ${shell} offers: it is not installed`)
    return
  }
  const text = `${before}\n${await script(shell)}\n${complete}`
  for (const [line, offered] of OFFERS) {
    const { status, stdout, stderr } = spawnSync(shell, ['-c', text, shell, ...line], {
      encoding: 'utf8',
    })
    t.match({ status, stderr }, { status: 0, stderr: '' }, line.join(' '))
    const word = line.at(-1) ?? ''
    const prefix = word.slice(word.indexOf('=') + 1)
    // zsh itself leaves out what does not begin as the word does
    const words = stdout.split('\n').filter((one) => one === 'FILES' || one.startsWith(prefix))
    t.same(
      words.filter((one) => one !== ''),
      offered,
      line.join(' '),
    )
  }
}

t.test('bash', async (t) => {
  await offers(
    t,
    'bash',
    `line=()
    for word in azureml-harness "$@"; do
      # as bash takes a line apart
      if [[ $word == *=* ]]; then line+=("\${word%%=*}" = "\${word#*=}"); else line+=("$word"); fi
    done
    COMP_WORDS=("\${line[@]}") COMP_CWORD=$((\${#line[@]} - 1))
    _azureml_harness
    if ((\${#COMPREPLY[@]})); then printf '%s\\n' "\${COMPREPLY[@]}"; else echo FILES; fi`,
  )
})

t.test('zsh', async (t) => {
  // the functions of its completion system, as far as they are called
  const stubs = `
    compdef() { }
    compadd() { shift; print -l -- "$@" }
    compset() { }
    _files() { print FILES }`
  await offers(t, 'zsh', 'words=(azureml-harness "$@") CURRENT=$#words\n_azureml_harness', stubs)
})

t.test(
  'PowerShell: quotes, brackets and here-strings are closed, and every command is in it',
  async (t) => {
    const text = await script('powershell')
    t.match(
      text,
      /^# .*\nRegister-ArgumentCompleter -Native -CommandName azureml-harness -ScriptBlock \{\n/,
    )
    t.ok(text.endsWith('\n}\n'))
    const open: string[] = []
    const pairs: Readonly<Record<string, string>> = { ')': '(', '}': '{', ']': '[' }
    // a text between quotes is one token; there are no here-strings, and no quote within quotes
    for (const [token] of text.matchAll(/'[^'\n]*'|"[^"\n]*"|#.*|[(){}[\]]|['"]/g)) {
      t.notOk(['"', "'"].includes(token), 'a quote is open at the end of its line')
      if ('({['.includes(token)) open.push(token)
      else if (token in pairs) t.equal(open.pop(), pairs[token])
    }
    t.same(open, [])
    for (const name of COMMANDS.keys()) t.match(text, `'${name.replaceAll(' ', '/')}' = '`)
    t.match(text, "'policy/check/--output' = 'table json tsv'")
  },
)
