/**
 * `npm run bench -- start`: what it costs to start each command of what is installed, the bundle (packaging/bundle.ts),
 * beside a Node that does nothing; and `serve`, until it is ready.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { bundleIn, startGatewayIn } from '../peers/gateway.ts'
import { cpuNanos, memoryMb } from '../world/process.ts'
import { startWorld, type World } from '../world/world.ts'
import { helpRuns, littleRuns, workRuns, type Run } from './commands.ts'
import { costOf, type Cost } from './cpu.ts'
import { makeCalls, signIn, withPolicies, writePolicies, type Left } from './left.ts'

/** A command with what each of its starts cost. */
export interface Started {
  readonly name: string
  readonly costs: readonly Cost[]
}

export interface Starts {
  /** `node -e 0`. */
  readonly node: Started
  readonly help: readonly Started[]
  /** With little to do. */
  readonly little: readonly Started[]
  /** With much to do: no start alone. */
  readonly work: readonly Started[]
  readonly serve: { readonly costs: readonly Cost[]; readonly memoryMb: readonly number[] }
}

const ROUNDS = 5

const unstarted = (run: Run): Run & { costs: Cost[] } => ({ ...run, costs: [] })
const REST_MS = 5_000

/** @throws if a command ends with another status than it should */
export async function measureStarts(rounds = ROUNDS): Promise<Starts> {
  const world = await startWorld()
  try {
    const main = await bundleIn(world)
    const { left, ...serve } = await measureServe(world, main, rounds)
    const home = join(world.directory, 'home')
    await signIn(home, 'https://ml.contoso.example')
    // Node reads all certificates at its start if it is told of more, which takes longer than all else that it does then
    const { NODE_EXTRA_CA_CERTS: _, ...ofLab } = world.lab.env
    const { PATH, HOME } = process.env
    const env = { PATH, HOME, AZUREML_HARNESS_HOME: home, ...ofLab }
    const node = unstarted({ name: 'node -e 0', args: ['-e', '0'], status: 0 })
    const ofBundle = (run: Run) => unstarted({ ...run, args: [main, ...run.args] })
    const [little, work] = [littleRuns(left).map(ofBundle), workRuns(left).map(ofBundle)]
    const help = helpRuns().map(ofBundle)
    // in turns, so that what else the machine does at a time makes no one command look worse
    for (let round = 0; round < rounds; round++) {
      for (const { args, status, costs } of [node, ...little, ...work, ...help])
        costs.push(costOf(process.execPath, args, env, status))
    }
    return { node, little, work, help, serve }
  } finally {
    await world.close()
  }
}

/** Starts the gateway of the bundle, and keeps what the last one leaves. */
async function measureServe(
  world: World,
  main: string,
  rounds: number,
): Promise<Starts['serve'] & { readonly left: Left }> {
  const at = (name: string): string => join(world.directory, name)
  const directories = { policies: at('policies'), other: at('other'), small: at('small') }
  await writePolicies(directories)
  const costs: Cost[] = []
  const memory: number[] = []
  let decision = ''
  let name = ''
  for (let round = 0; round < rounds; round++) {
    name = `start-${round}`
    const began = performance.now()
    const gateway = await startGatewayIn(world, name, {
      main,
      change: withPolicies(directories.policies),
    })
    costs.push({ cpuMs: cpuNanos(gateway.pid) / 1e6, wallMs: performance.now() - began })
    await delay(REST_MS)
    memory.push(memoryMb(gateway.pid))
    decision = await makeCalls(world, gateway.url)
    await gateway.stop()
  }
  const left = { config: at(`${name}.yaml`), spool: at(name), ...directories, decision }
  return { costs, memoryMb: memory, left }
}
