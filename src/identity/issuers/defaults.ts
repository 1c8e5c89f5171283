/**
 * What holds for issuers where the configuration says nothing.
 * @module
 */
import type { IssuerConfig } from '../../config/schema/schema.ts'

/** For one call to an issuer or to Graph; see limits.issuerTimeoutMs. */
export const DEFAULT_TIMEOUT_MS = 5_000
/** By how much clocks may differ; see clockToleranceSeconds. */
export const DEFAULT_TOLERANCE_SECONDS = 30
export const DEFAULT_ALGORITHMS: NonNullable<IssuerConfig['algorithms']> = ['RS256']
