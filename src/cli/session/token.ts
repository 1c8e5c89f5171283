/**
 * `token`: prints a fresh access token for the gateway.
 * @module
 */
import { parseArgs } from 'node:util'
import { EXIT, type Command } from '../io.ts'
import { freshCredential } from './credential.ts'

export const token: Command = {
  summary: 'print a fresh access token, for scripts',
  help: `Usage: azureml-harness token [--gateway URL] [--ca FILE] [--json]

Prints an access token for the gateway with at least five minutes to live, and nothing else. It is renewed if
need be. On Azure ML compute where nobody has signed in, it is the compute's managed identity's.

  --gateway URL   the gateway; AZUREML_HARNESS_GATEWAY, or the one of the last login, if absent
  --ca FILE       certificates (PEM) to trust besides the usual ones, on compute; AZUREML_HARNESS_CA if absent
  --accept-change on compute: trust what the gateway publishes now, if that has changed since its first use
  --json          one object: {"gateway", "token", "expiresAt", "expiresOn", "source"}, expiresOn in seconds since 1970

Exit status: 0 printed, 1 nobody is signed in or the issuer refuses, 2 wrong arguments.
Example: curl -H "Authorization: Bearer $(azureml-harness token)" https://ml.contoso.example/...`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        gateway: { type: 'string' },
        ca: { type: 'string' },
        'accept-change': { type: 'boolean' },
        json: { type: 'boolean' },
      },
    })
    const found = await freshCredential(io, {
      gateway: values.gateway,
      ca: values.ca,
      acceptChange: values['accept-change'],
    })
    const { gateway, source, expiresAt } = found
    io.out(
      values.json === true
        ? JSON.stringify({
            gateway,
            token: found.token,
            expiresAt: new Date(expiresAt).toISOString(),
            expiresOn: Math.floor(expiresAt / 1000),
            source,
          })
        : found.token,
    )
    return EXIT.ok
  },
}
