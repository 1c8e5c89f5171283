/**
 * `npm run -s lab:token -- NAME`: prints a fresh token of a persona of the running lab, and nothing else.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { labDirectory, readLabFile } from '../lab-file.ts'
import { requestToken } from './tokens.ts'

const USAGE = `Usage: npm run -s lab:token -- NAME

Prints a fresh access token of one of the lab's personas: scientist, reader,
reviewer, service, cluster, outsider. The lab must be running (npm start).

Environment:
  LAB_DIR   the lab's directory (.lab)
`

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(USAGE)
    return 0
  }
  const [name, ...more] = args
  if (name === undefined || more.length > 0) {
    process.stderr.write(USAGE)
    return 2
  }
  const lab = await readLabFile(labDirectory(process.env))
  if (lab === null) {
    process.stderr.write('the lab is not running: run npm start first\n')
    return 1
  }
  const persona = Object.hasOwn(lab.personas, name) ? lab.personas[name] : undefined
  if (persona === undefined) {
    const known = Object.keys(lab.personas).join(', ')
    process.stderr.write(`no persona "${name}" in the lab; there are: ${known}\n`)
    return 2
  }
  try {
    const source = { issuer: persona.issuer, ca: await readFile(lab.ca, 'utf8') }
    process.stdout.write(`${await requestToken(source, name)}\n`)
    return 0
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const message = error instanceof Error ? error.message : String(error)
    process.stderr.write(
      code === 'ECONNREFUSED' || code === 'ENOENT'
        ? 'the lab is not running: run npm start first\n'
        : `no token: ${message}\n`,
    )
    return 1
  }
}

process.exitCode = await main(process.argv.slice(2))
