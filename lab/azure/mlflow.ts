/**
 * A real MLflow 3 tracking server with a SQLite store, started from the project's virtual environment for it.
 * @module
 */
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChild, type Child } from '../server/child.ts'
import { freePort } from '../server/free-port.ts'
import { request } from '../server/http.ts'

const START_TIMEOUT_MS = 120_000
const VENV = fileURLToPath(new URL('../../.venv/mlflow-3/', import.meta.url))

export interface Mlflow {
  /** Origin of the server, which is started when first asked for; rejects if there is none to start. */
  url(): Promise<string>
  close(): Promise<void>
}

/** Whether the project's virtual environment has a server. */
export function hasMlflow(): boolean {
  return existsSync(join(VENV, 'bin', 'mlflow'))
}

async function start(
  directory: string,
  artifactRoot: string,
): Promise<{ url: string; child: Child }> {
  if (!hasMlflow())
    throw new Error(
      'there is no .venv/mlflow-3 with a server: docs/clients.md tells how to make it',
    )
  const own = join(directory, 'mlflow')
  // nothing else of the lab outlives it either
  await rm(own, { recursive: true, force: true })
  await mkdir(own, { recursive: true, mode: 0o700 })
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const { child } = await startChild('the MLflow server', {
    // its own `mlflow` names the path at which the environment was made
    command: join(VENV, 'bin', 'python'),
    // prettier-ignore
    args: [
      '-m', 'mlflow', 'server', '--host', '127.0.0.1', '--port', String(port),
      '--backend-store-uri', `sqlite:///${join(own, 'mlflow.db')}`,
      '--default-artifact-root', artifactRoot, '--no-serve-artifacts', '--workers', '1',
    ],
    cwd: own,
    env: {
      // what a client's shell may have set would point this server at another one
      MLFLOW_TRACKING_URI: undefined,
      MLFLOW_TRACKING_TOKEN: undefined,
      MLFLOW_REGISTRY_URI: undefined,
    },
    ready: async () => {
      try {
        return (await request(`${url}/health`, { timeoutMs: 1000 })).status === 200 ? url : null
      } catch {
        return null
      }
    },
    timeoutMs: START_TIMEOUT_MS,
  })
  return { url, child }
}

/**
 * A server with a store below `directory`.
 *
 * @param artifactRoot what it says that artifacts are under; it stores none itself
 */
export function createMlflow(directory: string, artifactRoot: string): Mlflow {
  let started: ReturnType<typeof start> | null = null
  return {
    async url() {
      started ??= start(directory, artifactRoot)
      return (await started).url
    },
    async close() {
      const found = await started?.catch(() => null)
      await found?.child.stop()
    },
  }
}
