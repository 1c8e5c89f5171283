/**
 * `node lab/server/health.ts`: exits 0 if every part of the lab in LAB_DIR answers; for container health checks.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { labDirectory, readLabFile } from '../lab-file.ts'
import { request } from './http.ts'

const TIMEOUT_MS = 2000

async function healthy(): Promise<boolean> {
  const lab = await readLabFile(labDirectory(process.env))
  if (lab === null) return false
  const ca = await readFile(lab.ca, 'utf8')
  const checks = [lab.upstream, lab.ingestion].map((origin) =>
    request(`${origin}/_lab/health`, { ca, timeoutMs: TIMEOUT_MS }),
  )
  for (const persona of Object.values(lab.personas)) {
    const url = `${persona.issuer}/.well-known/openid-configuration`
    checks.push(request(url, { ca, timeoutMs: TIMEOUT_MS }))
  }
  return (await Promise.all(checks)).every((reply) => reply.status === 200)
}

try {
  process.exitCode = (await healthy()) ? 0 : 1
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
