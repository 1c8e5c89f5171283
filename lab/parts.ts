/**
 * The servers of the lab: listening, each with its journal, before their handlers are set.
 * @module
 */
import type { Handler } from './server/call.ts'
import type { Certificates } from './identity/ca.ts'
import { createJournal, type Entry } from './server/journal.ts'
import { createPart, type Part } from './server/server.ts'

/** In the order of their ports. */
const PART_NAMES = [
  'arm',
  'entra',
  'okta',
  'identity',
  'ingestion',
  'data-plane',
  'scoring',
  'graph',
  'token-service',
] as const
export type PartName = (typeof PART_NAMES)[number]

/** Origins, without a trailing slash. */
export interface LabUrls {
  readonly upstream: string
  readonly entra: string
  readonly okta: string
  readonly identity: string
  readonly ingestion: string
  readonly dataPlane: string
  readonly scoring: string
  readonly graph: string
  readonly tokenService: string
}

export interface Parts {
  readonly all: ReadonlyMap<PartName, Part>
  readonly urls: LabUrls
  /** What reached ARM, the data plane and scoring, in order. */
  upstream(): readonly Entry[]
  /** Sets what answers at a part, and its own `/_lab/` routes. */
  serve(name: PartName, handler: Handler, own?: Readonly<Record<string, Handler>>): void
  close(): Promise<void>
}

interface Listening {
  /** Address to listen on. */
  readonly host: string
  /** First of consecutive ports; 0 picks free ones. */
  readonly port: number
  readonly publicHost: string
}

/** Parts that keep one journal, so that the order of what reached Azure is known. */
const UPSTREAM = new Set<PartName>(['arm', 'data-plane', 'scoring'])

/** Rejects, with nothing left listening, if a port is taken. */
export async function startParts(where: Listening, certificates: Certificates): Promise<Parts> {
  const journal = createJournal()
  const routes = new Map<PartName, Record<string, Handler>>()
  const all = new Map<PartName, Part>()
  const close = async (): Promise<void> => {
    await Promise.all([...all.values()].map((part) => part.close()))
  }
  try {
    for (const [i, name] of PART_NAMES.entries()) {
      const own: Record<string, Handler> = {}
      routes.set(name, own)
      const part = await createPart({
        name,
        journal: UPSTREAM.has(name) ? journal : createJournal(),
        host: where.host,
        port: where.port === 0 ? 0 : where.port + i,
        publicHost: where.publicHost,
        tls: name === 'identity' ? null : certificates,
        bodies: name === 'entra' || name === 'okta' ? 'leave' : 'read',
        routes: own,
      })
      all.set(name, part)
    }
  } catch (error) {
    await close()
    throw error
  }
  const urlOf = (name: PartName): string => all.get(name)?.url ?? ''
  return {
    all,
    urls: {
      upstream: urlOf('arm'),
      entra: urlOf('entra'),
      okta: urlOf('okta'),
      identity: urlOf('identity'),
      ingestion: urlOf('ingestion'),
      dataPlane: urlOf('data-plane'),
      scoring: urlOf('scoring'),
      graph: urlOf('graph'),
      tokenService: urlOf('token-service'),
    },
    upstream: () => journal.entries(),
    serve(name, handler, own = {}) {
      Object.assign(routes.get(name) ?? {}, own)
      all.get(name)?.serve(handler)
    },
    close,
  }
}
