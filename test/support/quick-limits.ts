/**
 * Preloaded by `npm run test:quick`: a quick test that starts a process, or takes long, fails.
 * @module
 */
import processes from 'node:child_process'
import { syncBuiltinESMExports } from 'node:module'

/** Twice what the longest takes on two busy cores. */
const MAX_CPU_SECONDS = 12

for (const name of ['spawn', 'spawnSync', 'exec', 'execSync', 'execFile', 'execFileSync', 'fork'])
  Object.defineProperty(processes, name, {
    value: () => {
      throw new Error('a quick test starts no process: see test/quick.ts')
    },
  })
syncBuiltinESMExports()

process.on('exit', () => {
  const { user, system } = process.cpuUsage()
  const seconds = (user + system) / 1e6
  if (seconds <= MAX_CPU_SECONDS) return
  console.error(`${seconds.toFixed(1)} s of CPU: too long for a quick test, see test/quick.ts`)
  process.exitCode = 1
})
