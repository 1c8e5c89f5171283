/**
 * `health`: asks a gateway on this machine whether it is ready; for container health checks.
 * @module
 */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { resolve } from 'node:path'
import { TLSSocket } from 'node:tls'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import type { IncomingMessage } from 'node:http'
import { loadConfig } from '../config/load.ts'
import { EXIT, type Command } from './io.ts'

const TIMEOUT_MS = 2_500

export const health: Command = {
  summary: 'ask the gateway on this machine whether it is ready',
  help: `Usage: azureml-harness health --config FILE [--live]

Asks the gateway that runs on this machine with this configuration. Its certificate must be the configured one.

  --config FILE   the gateway's configuration
  --live          ask only whether it is alive, not whether it is ready

Exit status: 0 ready, 1 not ready or not there, 2 wrong arguments.
Example: azureml-harness health --config /etc/azureml-harness/harness.yaml`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: { config: { type: 'string' }, live: { type: 'boolean' } },
    })
    if (values.config === undefined) {
      io.err('health needs --config FILE')
      return EXIT.usage
    }
    const { listen } = await loadConfig(resolve(io.cwd, values.config))
    const path = values.live === true ? '/_harness/livez' : '/_harness/readyz'
    const certificate =
      listen.tls === undefined ? null : new X509Certificate(await readFile(listen.tls.certFile))
    const { status, body } = await ask(listen.port, path, certificate)
    io.out(body)
    return status === 200 ? EXIT.ok : EXIT.failed
  },
}

/** The certificate is compared with the configured one, because no name in it needs to be that of the loopback. */
async function ask(
  port: number,
  path: string,
  certificate: X509Certificate | null,
): Promise<{ status: number; body: string }> {
  const { promise, resolve: done, reject } = Promise.withResolvers<IncomingMessage>()
  const options = { host: '127.0.0.1', port, path, timeout: TIMEOUT_MS }
  const request =
    certificate === null
      ? httpRequest(options, done)
      : httpsRequest({ ...options, rejectUnauthorized: false, agent: false }, done)
  request
    .once('error', reject)
    .once('timeout', () => request.destroy(new Error('no answer in time')))
  if (certificate !== null) {
    request.once('socket', (socket) =>
      socket.once('secureConnect', () => {
        const seen = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined
        if (seen?.fingerprint256 !== certificate.fingerprint256)
          request.destroy(new Error('another server answers on this port'))
      }),
    )
  }
  request.end()
  const response = await promise
  return { status: response.statusCode ?? 0, body: await text(response) }
}
