import { ManagedIdentityCredential } from '@azure/identity'
import { decodeJwt } from 'jose'
import t from 'tap'
import { request } from '../../lab/server/http.ts'
import { PERSONAS, TENANT } from '../../lab/personas.ts'
import { identity, lab } from './helper.ts'

// @azure/identity finds the endpoint in the environment, once a process: one lab for all of this file
const running = await lab(t)
Object.assign(process.env, running.env)

t.test('@azure/identity gets a token that names identity and audience', async (t) => {
  const { clientId, oid } = identity('ml-writer')
  const credential = new ManagedIdentityCredential({ clientId })
  const token = await credential.getToken('https://management.azure.com/.default')
  const claims = decodeJwt(token.token)
  t.match(claims, {
    aud: 'https://management.azure.com',
    appid: clientId,
    oid,
    tid: TENANT,
    idtyp: 'app',
    xms_mirid: /userAssignedIdentities\/ml-writer$/,
  })
  t.ok(token.expiresOnTimestamp > Date.now() + 80_000_000)
  t.strictSame(running.identities.counts(), { [`${clientId} https://management.azure.com`]: 1 })
})

t.test('a client id that no identity has is refused', async (t) => {
  const clientId = '00000000-0000-4000-8000-000000000000'
  const credential = new ManagedIdentityCredential({ clientId })
  await t.rejects(credential.getToken('https://management.azure.com/.default'), {
    name: 'CredentialUnavailableError',
  })
})

t.test('without the identity header, or with a wrong one, there is no token', async (t) => {
  const query = `api-version=2019-08-01&resource=x&client_id=${identity('ml-reader').clientId}`
  const url = `${running.env['IDENTITY_ENDPOINT']}?${query}`
  t.equal((await request(url)).status, 401)
  t.equal((await request(url, { headers: { 'x-identity-header': 'guess' } })).status, 401)
  const headers = { 'x-identity-header': running.identities.secret }
  t.equal((await request(url, { headers })).status, 200)
})

t.test('compute gets a token for the gateway by the protocol of Azure ML', async (t) => {
  const cluster = PERSONAS.get('cluster')
  const clientId = cluster?.kind === 'entra-compute' ? cluster.clientId : ''
  const query = `api-version=2017-09-01&resource=api://azureml-harness&clientid=${clientId}`
  const reply = await request(`${running.urls.identity}/MSI/auth?${query}`, {
    headers: { secret: running.identities.secret },
  })
  t.equal(reply.status, 200)
  const claims = decodeJwt((reply.json() as { access_token: string }).access_token)
  t.equal(claims.iss, running.issuers.entra.url)
  t.match(claims, { xms_mirid: /cpu-cluster$/ })
})

t.test('the endpoint can be made to give tokens for a wrong audience', async (t) => {
  const body = { aud: 'https://vault.azure.net' }
  await request(`${running.urls.identity}/_lab/claims`, { method: 'POST', body })
  const { clientId } = identity('ml-reader')
  const credential = new ManagedIdentityCredential({ clientId })
  const token = await credential.getToken('https://management.core.windows.net/.default')
  t.equal(decodeJwt(token.token).aud, 'https://vault.azure.net')
})
