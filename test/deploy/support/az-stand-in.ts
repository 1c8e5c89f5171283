/**
 * Stands in the place of `az` for what cannot be asked of the lab: writes down how it was called, and answers as Azure does.
 *
 *   AZ_CALLS  file of the calls, a line of JSON each
 *   AZ_STATE  directory of what was made, so that a second run finds it
 *   AZ_TENANT, AZ_GROUP, AZ_DOMAINS, AZ_APP, AZ_ENDPOINT, AZ_RULE  what Azure gives; AZ_IDENTITIES: JSON, client ids by name
 */
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const args = process.argv.slice(2)
const env = process.env
appendFileSync(env['AZ_CALLS'] ?? '/dev/null', `${JSON.stringify(args)}\n`)

const valueOf = (flag: string): string => args[args.indexOf(flag) + 1] ?? ''

function made(name: string): boolean {
  const file = join(env['AZ_STATE'] ?? '', name)
  if (existsSync(file)) return true
  writeFileSync(file, '')
  return false
}

/** The same GUID for the same text. */
const guidOf = (text: string): string =>
  createHash('sha256')
    .update(text)
    .digest('hex')
    .replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5')

function answer(): string {
  const words = args.filter((one, at) => at < 4 && !one.startsWith('-')).join(' ')
  if (words.startsWith('account show')) return env['AZ_TENANT'] ?? ''
  if (words.startsWith('ad group show')) return env['AZ_GROUP'] ?? ''
  if (args.some((one) => one.endsWith('/v1.0/domains'))) return env['AZ_DOMAINS'] ?? ''
  if (words.startsWith('ad app list')) return existsSync(join(env['AZ_STATE'] ?? '', 'app')) ? (env['AZ_APP'] ?? '') : '' // prettier-ignore
  if (words.startsWith('ad app create')) return made('app') ? '' : (env['AZ_APP'] ?? '')
  if (words.startsWith('ad sp list'))
    return existsSync(join(env['AZ_STATE'] ?? '', 'sp')) ? guidOf('sp') : ''
  if (words.startsWith('ad sp create')) return made('sp') ? '' : ''
  if (words.startsWith('identity create')) {
    const name = valueOf('--name')
    const known = JSON.parse(env['AZ_IDENTITIES'] ?? '{}') as Record<string, string>
    return `${known[name] ?? guidOf(`client ${name}`)} ${guidOf(name)} /subscriptions/x/${name}`
  }
  if (words.startsWith('deployment group create'))
    return `${env['AZ_ENDPOINT'] ?? 'https://x.eastus-1.ingest.monitor.azure.com'} ${env['AZ_RULE'] ?? 'dcr-0'}`
  return ''
}

const text = answer()
if (text !== '') console.log(text)
