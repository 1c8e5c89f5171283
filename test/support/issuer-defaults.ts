/** What the schema's defaults give an issuer, for tests that make one without a file. */
import type { IssuerConfig } from '../../src/config/schema/schema.ts'

export const ISSUER_DEFAULTS: Pick<IssuerConfig, 'algorithms' | 'clockToleranceSeconds'> = {
  algorithms: ['RS256'],
  clockToleranceSeconds: 30,
}
