/**
 * Parameters that the modules are evaluated with, in Bicep's spelling of their names.
 */
import { LOCATION } from './both.ts'
import type { Document } from './deployment.ts'

const COMMON = { namePrefix: 'harness', location: LOCATION, tags: { owner: 'ml-platform' } }
const GUID = '00000000-0000-4000-8000-0000000000'

/** For each module, by its path without the file's ending, sets of parameters by what they show. */
export const CASES: Readonly<Record<string, Readonly<Record<string, Document>>>> = {
  'modules/identities': { all: COMMON },
  'modules/logs': {
    public: {
      ...COMMON,
      writerPrincipalId: `${GUID}31`,
      readerPrincipalId: `${GUID}32`,
      retentionInDays: 90,
      totalRetentionInDays: 730,
      publicNetworkAccess: 'Enabled',
    },
  },
}
