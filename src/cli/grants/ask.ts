/**
 * `access request` and `access grant`: access for the caller, or for somebody else.
 * @module
 */
import { askGateway } from '../access/ask-gateway.ts'
import type { Io } from '../io.ts'
import { UsageError } from '../problem.ts'
import { GRANTS, printGrant, statusOf, type ShowOptions } from './show.ts'

interface AskOptions extends ShowOptions {
  readonly template?: string | undefined
  readonly on?: string | undefined
  readonly for?: string | undefined
  readonly reason: string
  readonly ticket?: string | undefined
}

/** @param refusal what follows "why" in a refusal; undefined if options say what is asked for */
export async function requestAccess(
  refusal: string | undefined,
  options: AskOptions,
  io: Io,
): Promise<number> {
  const { template, on } = options
  const isNamed = template !== undefined && on !== undefined
  const isPart = template !== undefined || on !== undefined
  if (refusal === undefined ? !isNamed : isPart)
    throw new UsageError('either what a refusal says, or both --template and --on are needed')
  return ask(refusal === undefined ? { template, resource: on } : { refusal }, options, io)
}

const TO = /^(?:User|Service)::"[^"]+"$/u

export async function giveAccess(
  options: AskOptions & { readonly to: string },
  io: Io,
): Promise<number> {
  const { to, template, on } = options
  if (!TO.test(to)) throw new UsageError('--to is User::"ID" or Service::"ID"')
  return ask({ template, resource: on, to }, options, io)
}

const LENGTH = /^[1-9]\d{0,4}[mhd]$/u

/** A time as the gateway takes it. @throws UsageError for what is none */
export function lengthOf(text: string): string {
  if (!LENGTH.test(text)) throw new UsageError('--for is a time like 30m, 8h or 7d')
  return text
}

async function ask(what: object, options: AskOptions, io: Io): Promise<number> {
  const { reason, ticket, output } = options
  const body = {
    ...what,
    reason,
    ...(options.for === undefined ? {} : { for: lengthOf(options.for) }),
    ...(ticket === undefined ? {} : { ticket }),
  }
  const grant = await askGateway(io, options, GRANTS, { body })
  printGrant(grant, output, io)
  return statusOf(grant)
}
