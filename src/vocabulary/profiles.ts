/**
 * The kinds of issuers that are understood, by name; what each of them means is in identity/issuers/profiles.
 * @module
 */

/** In the order of the published JSON schema. */
export const PROFILE_NAMES = ['entra', 'okta', 'oidc'] as const

export type ProfileName = (typeof PROFILE_NAMES)[number]

export function isProfileName(value: unknown): value is ProfileName {
  return PROFILE_NAMES.some((name) => name === value)
}
