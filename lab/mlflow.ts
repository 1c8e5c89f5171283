/**
 * A real MLflow tracking server with a SQLite store, started from the project's virtual environment.
 * @module
 */
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChild } from './child.ts'
import { request } from './http.ts'

const START_TIMEOUT_MS = 120_000
const VENV = fileURLToPath(new URL('../.venv/', import.meta.url))

export interface Mlflow {
  /** Origin, without a trailing slash. */
  readonly url: string
  /** What the server was told to keep artifacts under: it only writes it into its answers. */
  readonly artifactRoot: string
  close(): Promise<void>
}

/** The Python of the project's virtual environment; null where there is none. */
export function projectPython(): string | null {
  const file = join(VENV, 'bin', 'python')
  return existsSync(file) ? file : null
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Starts it with an empty store below `directory`; rejects if there is no Python or no MLflow in it. */
export async function startMlflow(directory: string, artifactRoot: string): Promise<Mlflow> {
  if (projectPython() === null)
    throw new Error('there is no .venv with MLflow in it: see docs/clients.md for how to make it')
  const own = join(directory, 'mlflow')
  await mkdir(own, { recursive: true, mode: 0o700 })
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const { child } = await startChild('the MLflow server', {
    command: join(VENV, 'bin', 'mlflow'),
    // prettier-ignore
    args: [
      'server', '--host', '127.0.0.1', '--port', String(port),
      '--backend-store-uri', `sqlite:///${join(own, 'mlflow.db')}`,
      '--default-artifact-root', artifactRoot, '--no-serve-artifacts', '--workers', '1',
    ],
    cwd: own,
    env: {
      MLFLOW_DISABLE_TELEMETRY: 'true',
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
  return { url, artifactRoot, close: () => child.stop() }
}
