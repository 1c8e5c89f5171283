import {
  ManagedIdentityCredential,
  OnBehalfOfCredential,
  WorkloadIdentityCredential,
} from '@azure/identity'
import { writeFile } from 'node:fs/promises'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { decodeJwt } from 'jose'
import t from 'tap'
import { request } from '../../lab/server/http.ts'
import { ON_BEHALF_OF_CLIENT, TENANT, workspaceId } from '../../lab/personas.ts'
import { identity, lab } from './helper.ts'

const ARM = 'https://management.azure.com/.default'

// @azure/identity takes its authority's certificate and its endpoint from the process
const running = await lab(t)
Object.assign(process.env, running.env)
setDefaultCACertificates([...getCACertificates('default'), running.certificates.ca])
const common = {
  tenantId: TENANT,
  authorityHost: running.urls.tokenService,
  disableInstanceDiscovery: true,
  retryOptions: { maxRetries: 0 },
}

async function callArm(token: string): Promise<number> {
  const url = `${running.urls.upstream}${workspaceId()}?api-version=2024-04-01`
  const { ca } = running.certificates
  return (await request(url, { ca, headers: { authorization: `Bearer ${token}` } })).status
}

t.test('a workload identity exchanges its cluster’s token for one of ARM', async (t) => {
  const tokenFilePath = `${t.testdir()}/token`
  await writeFile(tokenFilePath, await running.tokenService.workloadToken())
  const { clientId, oid } = identity('ml-writer')
  const credential = new WorkloadIdentityCredential({ ...common, clientId, tokenFilePath })
  const { token } = await credential.getToken(ARM)
  t.match(decodeJwt(token), { appid: clientId, oid, aud: 'https://management.azure.com' })
  t.equal(await callArm(token), 200)
  await writeFile(tokenFilePath, await running.token('scientist'))
  const foreign = new WorkloadIdentityCredential({ ...common, clientId, tokenFilePath })
  await t.rejects(foreign.getToken(ARM), { name: 'AuthenticationRequiredError' })
})

t.test('a caller’s token is exchanged, with a managed identity instead of a secret', async (t) => {
  const { clientId } = identity('ml-writer')
  const federation = new ManagedIdentityCredential({ clientId })
  const getAssertion = async (): Promise<string> =>
    (await federation.getToken('api://AzureADTokenExchange/.default')).token
  const exchange = (userAssertionToken: string): OnBehalfOfCredential =>
    new OnBehalfOfCredential({
      ...common,
      clientId: ON_BEHALF_OF_CLIENT,
      userAssertionToken,
      getAssertion,
    })
  const { token } = await exchange(await running.token('scientist')).getToken(ARM)
  t.match(decodeJwt(token), {
    oid: '44444444-4444-4444-8444-444444444401',
    appid: ON_BEHALF_OF_CLIENT,
    scp: 'user_impersonation',
    idtyp: 'user',
  })
  t.equal(await callArm(token), 200)
  for (const persona of ['cluster', 'reader']) {
    const refused = exchange(await running.token(persona))
    await t.rejects(refused.getToken(ARM), { name: 'AuthenticationRequiredError' }, persona)
  }
})
