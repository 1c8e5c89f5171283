/**
 * What Microsoft Graph is told of the gateway's application: `PATCH /v1.0/applications(appId='ID')`.
 * @module
 */
import { guidOf } from '../../policy/review/export/grants.ts'

/** @param url the gateway's, which is also its identifier URI */
export function applicationJson(url: string): string {
  const body = {
    // groups as ids; what does not fit into a token is asked of Graph, if issuers[].graph is set
    groupMembershipClaims: 'SecurityGroup',
    // no secret: the command line signs people in with a browser or a device code
    isFallbackPublicClient: true,
    publicClient: { redirectUris: ['http://localhost/callback'] },
    optionalClaims: { accessToken: [{ name: 'idtyp' }] },
    api: {
      requestedAccessTokenVersion: 2,
      oauth2PermissionScopes: [
        {
          id: guidOf(`${url} user_impersonation`),
          value: 'user_impersonation',
          type: 'User',
          isEnabled: true,
          adminConsentDisplayName: 'Use Azure Machine Learning through the gateway',
          adminConsentDescription:
            'Lets the application call Azure Machine Learning through the gateway for the person who is signed in.',
          userConsentDisplayName: 'Use Azure Machine Learning through the gateway',
          userConsentDescription:
            'Lets the application call Azure Machine Learning through the gateway for you.',
        },
      ],
    },
  }
  return `${JSON.stringify(body, null, 2)}\n`
}
