/**
 * Profiles of workspaces: files of `profiles/` beside the policies.
 * @module
 */
import { join } from 'node:path'
import { Value } from 'typebox/value'
import { parseDocument } from 'yaml'
import { ProfileSchema, type Profile } from '../../../config/schema/profile.ts'
import { readRegular } from '../../../lib/files/regular.ts'
import { Problem } from '../../problem.ts'

const NAME = /^[a-z][a-z0-9-]{0,62}$/u

/** @throws Problem for a file that is not there, or is no profile */
export async function readProfile(directory: string, name: string): Promise<Profile> {
  const path = join(directory, 'profiles', `${name}.yaml`)
  if (!NAME.test(name))
    throw new Problem(
      `"${name}" is no name of a profile`,
      'it is a file of profiles/, without .yaml',
    )
  const document = parseDocument(await readRegular(path), { strict: true })
  const [error] = document.errors
  if (error !== undefined)
    throw new Problem(`"${path}" is not YAML: ${error.message.split('\n')[0] ?? ''}`, MEND)
  const data: unknown = document.toJS()
  if (Value.Check(ProfileSchema, data)) return data
  const [first] = Value.Errors(ProfileSchema, data)
  const where = first === undefined || first.instancePath === '' ? '/' : first.instancePath
  throw new Problem(`"${path}" is no profile: ${where} ${first?.message ?? 'is wrong'}`, MEND)
}

const MEND =
  'config/profile.schema.json says what a profile has; policies/profiles/standard.yaml is one'
