/**
 * What the initiative of deploy/policy demands of a workspace: one line a demand, with the definitions that satisfy it.
 * @module
 */

interface Guard {
  /** In the words of a finding. */
  readonly name: string
  /** Names of the definitions, any of which will do: Azure's own are GUIDs. */
  readonly ids: readonly string[]
}

/** The custom definition of deploy/policy. */
export const ENDPOINTS_POLICY = 'azureml-endpoints-entra-tokens'
/** The initiative itself. */
export const INITIATIVE = 'azureml-harness-workspaces'

export const GUARDS: readonly Guard[] = [
  {
    name: 'public network access',
    ids: ['a10ee784-7409-4941-b091-663697637c0f', '438c38d2-3772-465a-a9cc-7a6666a275ce'],
  },
  { name: 'private endpoint', ids: ['7838fd83-5cbb-4b5d-888c-bfa240972597'] },
  { name: 'private DNS', ids: ['ee40564d-486e-4f68-a5ca-7a621edae0fb'] },
  { name: 'diagnostics', ids: ['f59276f0-5740-4aaf-821d-45d185aa210e'] },
  { name: 'managed network', ids: ['6ddb1705-c8cf-450e-aa4b-19ad6703c440'] },
  {
    name: 'local authentication',
    ids: ['a6f9a2d0-cff7-4855-83ad-4cd750666512', 'e96a9a5f-07ca-471b-9bc5-6a0f33cbd68f'],
  },
  { name: 'idle shutdown', ids: ['679ddf89-ab8f-48a5-9029-e76054077449'] },
  { name: 'endpoints without keys', ids: [ENDPOINTS_POLICY] },
]
