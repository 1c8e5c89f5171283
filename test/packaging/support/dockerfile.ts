/**
 * The Dockerfile as data, and the file trees that its stages would have, without Docker.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { ROOT } from './smoke.ts'

interface Instruction {
  readonly name: string
  readonly rest: string
}

/** A stage by what its instructions say. */
export interface Stage {
  readonly name: string
  readonly instructions: readonly Instruction[]
  readonly workdir: string
  readonly env: Readonly<Record<string, string>>
  readonly user: string | null
  readonly volumes: readonly string[]
  /** Single ports; a range is each of its ports. */
  readonly ports: readonly number[]
  readonly entrypoint: readonly string[]
  readonly cmd: readonly string[]
  readonly healthcheck: readonly string[]
}

const STAGE = /^\S+ AS (\S+)$/

export function readDockerfile(text: string): ReadonlyMap<string, Stage> {
  const stages = new Map<string, Instruction[]>()
  let current: Instruction[] = []
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [, name = '', rest = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? []
    if (name === '') throw new Error(`not understood: ${line}`)
    if (name === 'FROM') stages.set(STAGE.exec(rest)?.[1] ?? rest, (current = []))
    else current.push({ name, rest })
  }
  return new Map([...stages].map(([name, all]) => [name, stageOf(name, all)]))
}

function stageOf(name: string, instructions: readonly Instruction[]): Stage {
  const all = (wanted: string): string[] =>
    instructions.filter((one) => one.name === wanted).map(({ rest }) => rest)
  const words = (wanted: string): string[] => all(wanted).flatMap((rest) => rest.split(' '))
  const list = (text = '[]'): string[] => JSON.parse(text.slice(text.indexOf('['))) as string[]
  return {
    name,
    instructions,
    workdir: all('WORKDIR').at(-1) ?? '/',
    env: Object.fromEntries(words('ENV').map((pair) => pair.split('=') as [string, string])),
    user: all('USER').at(-1) ?? null,
    volumes: words('VOLUME'),
    ports: words('EXPOSE').flatMap(portsOf),
    entrypoint: list(all('ENTRYPOINT').at(-1)),
    cmd: list(all('CMD').at(-1)),
    healthcheck: list(all('HEALTHCHECK').at(-1)),
  }
}

function portsOf(text: string): number[] {
  const [first = NaN, last = first] = text.split('-').map(Number)
  return Array.from({ length: last - first + 1 }, (_, n) => first + n)
}

/** What `.dockerignore` lets through: everything is ignored but for these. */
export function sentToDocker(): readonly string[] {
  const [all, ...others] = readFileSync(join(ROOT, '.dockerignore'), 'utf8').trim().split('\n')
  if (all !== '**' || others.some((line) => !line.startsWith('!')))
    throw new Error('.dockerignore is not a list of what is let through')
  return others.map((line) => line.slice(1))
}

/** Sources that a stage copies from this repository. */
export function copiedBy({ instructions }: Stage): readonly string[] {
  return instructions.flatMap(({ name, rest }) => {
    const words = rest.split(' ')
    return name === 'COPY' && !rest.startsWith('--from=') ? words.slice(0, -1) : []
  })
}

/**
 * Makes the tree of a stage under `directory`, and of those that it copies from beside it. Packages are a link to those of
 * the repository, which `npm ci` would install.
 */
export function makeTree(stages: ReadonlyMap<string, Stage>, name: string, top: string): string {
  const stage = stages.get(name)
  if (stage === undefined) throw new Error(`no stage "${name}"`)
  const root = join(top, name)
  mkdirSync(root)
  let workdir = root
  for (const { name: instruction, rest } of stage.instructions) {
    if (instruction === 'WORKDIR') mkdirSync((workdir = join(root, rest)), { recursive: true })
    if (instruction === 'RUN') runIn(root, workdir, rest)
    if (instruction !== 'COPY') continue
    const words = rest.split(' ')
    const from = /^--from=(\S+)/.exec(rest)?.[1]
    const tree = from === undefined ? ROOT : makeTree(stages, from, top)
    const sources = words.slice(from === undefined ? 0 : 1, -1)
    for (const source of sources) copy(join(tree, source), join(workdir, words.at(-1) ?? ''))
  }
  return root
}

/** Into a folder that ends with a slash, or to a name. */
function copy(from: string, to: string): void {
  const target = to.endsWith('/') ? join(to, posix.basename(from)) : to
  mkdirSync(dirname(target), { recursive: true })
  cpSync(from, target, { recursive: true })
}

function runIn(root: string, workdir: string, line: string): void {
  for (const command of line.split(' && ')) {
    const [program, ...args] = command.split(' ')
    if (command.startsWith('npm ci'))
      symlinkSync(realpathSync(join(ROOT, 'node_modules')), join(workdir, 'node_modules'))
    else if (program === 'mkdir')
      mkdirSync(join(root, args.at(-1) ?? ''), { recursive: true, mode: 0o700 })
    else if (program === 'npm') npm(workdir, args)
    else if (program !== 'chown' && program !== 'chmod') throw new Error(`not known: ${command}`)
  }
}

/** Runs npm with the Node that runs this. */
export function npm(
  cwd: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): string {
  const PATH = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`
  const options = { cwd, encoding: 'utf8', env: { ...process.env, ...env, PATH } } as const
  const { status, stdout, stderr } = spawnSync('npm', args, options)
  if (status !== 0) throw new Error(`npm ${args.join(' ')}: ${stdout}${stderr}`)
  return stdout
}
