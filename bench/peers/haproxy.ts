/**
 * HAProxy with `jwt_verify`: the signature of each call's token, its issuer and its end, another token towards the upstream,
 * and a line of its log.
 */
import { createPublicKey } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../lab/server/free-port.ts'
import type { World } from '../world/world.ts'
import { isInstalled, run, type Peer } from './peer.ts'

/** Debian's is not on everybody's path. */
const PROGRAMS = ['haproxy', '/usr/sbin/haproxy']

function configuration(world: World, port: number, files: { pem: string; key: string }): string {
  const { issuers } = world.lab
  return `global
  nbthread 1
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend calls
  bind 127.0.0.1:${port} ssl crt ${files.pem}
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
  http-request set-var(txn.iss) var(txn.bearer),jwt_payload_query('$.iss')
  http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless { var(txn.alg) -m str RS256 }
  http-request deny deny_status 401 unless { var(txn.iss) -m str ${issuers.entra.url} }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify(txn.alg,"${files.key}") 1 }
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
  http-request set-header authorization "Bearer another"
  default_backend upstream
backend upstream
  server one ${world.upstream.url.slice('http://'.length)}
`
}

export const HAPROXY: Peer = {
  name: 'HAProxy, jwt_verify',
  does: 'signature, issuer and end of each token, another token, a line of log',
  async start(world) {
    const program = PROGRAMS.find((one) => isInstalled(one, ['-v']))
    if (program === undefined) return { absent: 'haproxy is not installed' }
    const port = await freePort()
    const { certificates, issuers } = world.lab
    const pem = join(world.directory, 'haproxy.pem')
    const key = join(world.directory, 'entra.pub.pem')
    const parts = [certificates.certFile, certificates.keyFile].map((file) =>
      readFile(file, 'utf8'),
    )
    await writeFile(pem, (await Promise.all(parts)).join('\n'), { mode: 0o600 })
    const spki = createPublicKey(issuers.entra.signing().privateKey)
    await writeFile(key, spki.export({ format: 'pem', type: 'spki' }))
    const file = join(world.directory, 'haproxy.cfg')
    await writeFile(file, configuration(world, port, { pem, key }))
    return run(world, program, ['-db', '-f', file], port)
  },
}
