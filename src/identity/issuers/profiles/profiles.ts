/**
 * The table of profiles: an entry for each name, complete or it does not compile.
 * @module
 */
import type { ProfileName } from '../../../vocabulary/profiles.ts'
import { entra } from './entra.ts'
import { oidc } from './oidc.ts'
import { okta } from './okta.ts'
import type { Profile } from './profile.ts'

export const PROFILES: Readonly<Record<ProfileName, Profile>> = { entra, okta, oidc }
