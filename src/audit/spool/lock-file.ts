/**
 * The lock of a spool: only one process may append to a chain.
 * @module
 */
import { randomUUID } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs'
import { readFile, stat, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { kill, pid } from 'node:process'
import { promisify } from 'node:util'
import { fieldsOf } from '../../lib/strict-json.ts'
import { codeOf } from '../../lib/error-code.ts'

/** Time without a sign of life after which a lock of another host or container is taken over. */
const FOREIGN_LOCK_STALE_MS = 30_000

const writeTo = promisify(write)

/** Error codes of a path that does not exist. */
const GONE = new Set(['ENOENT', 'ENOTDIR'])

/** A lock that is held. */
export interface Lock {
  /** Renews the sign of life and says whether the lock is still ours; `gone` if nobody has it. */
  beat(): Promise<State>
  isOurs(): Promise<boolean>
  release(): Promise<void>
}

type State = 'ours' | 'gone' | 'taken'

interface Owner {
  readonly token: string
  readonly pid: number
  /** Host and kernel boot: process ids mean nothing outside of them. */
  readonly place: string
  /** Clock ticks from the kernel's boot to the process's start: tells a process from a later one of the same id. */
  readonly started: string
}

function place(): string {
  try {
    return `${hostname()}/${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}`
  } catch {
    return hostname()
  }
}

function startOf(id: number): string | null {
  try {
    // field 22 of proc(5)'s stat, counted behind the command, which may itself hold spaces and brackets
    const text = readFileSync(`/proc/${id}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}

function isAlive(owner: Owner): boolean {
  if (existsSync('/proc/self/stat')) return startOf(owner.pid) === owner.started
  try {
    return kill(owner.pid, 0)
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

function read(path: string): Owner | null {
  try {
    const fields = fieldsOf(JSON.parse(readFileSync(path, 'utf8')))
    return {
      token: String(fields.get('token')),
      pid: Number(fields.get('pid')),
      place: String(fields.get('place')),
      started: String(fields.get('started')),
    }
  } catch {
    return null
  }
}

function isHeld(path: string, here: string): boolean {
  const owner = read(path)
  if (owner?.place === here) return isAlive(owner)
  // unreadable or from another host: the age of its last sign of life decides, by the file system's own clock,
  // because hosts disagree about the time
  const probe = `${path}.${randomUUID()}`
  closeSync(openSync(probe, 'wx', 0o600))
  const now = statSync(probe).mtimeMs
  unlinkSync(probe)
  try {
    return now - statSync(path).mtimeMs < FOREIGN_LOCK_STALE_MS
  } catch {
    return false
  }
}

function create(path: string, owner: Owner): number | null {
  try {
    const fd = openSync(path, 'wx', 0o600)
    writeSync(fd, JSON.stringify(owner), 0)
    return fd
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return null
    throw error
  }
}

/**
 * Takes the lock file, or throws an Error that names its owner. A lock whose process is dead is taken over.
 * If two take over at the same time, the first sees at its next `beat` that it has lost.
 */
export function takeLock(path: string): Lock {
  const here = place()
  const owner: Owner = { token: randomUUID(), pid, place: here, started: startOf(pid) ?? '' }
  let fd = create(path, owner)
  if (fd === null) {
    if (isHeld(path, here)) {
      const other = read(path)
      throw new Error(
        `the audit spool is in use by process ${other?.pid ?? 'unknown'} of "${other?.place ?? 'unknown'}": one writer each spool`,
      )
    }
    unlinkSync(path)
    fd = create(path, owner)
  }
  if (fd === null) throw new Error('the audit spool was taken by another process')
  return holding(path, fd, owner)
}

/** The lock that `fd` is the open file of. */
function holding(path: string, fd: number, owner: Owner): Lock {
  const { ino } = fstatSync(fd)
  const sign = Buffer.from(JSON.stringify(owner))

  // a lock that cannot be read now is still ours; one that is gone, or somebody else's, is not
  async function state(): Promise<State> {
    try {
      const token = fieldsOf(JSON.parse(await readFile(path, 'utf8'))).get('token')
      if (token !== owner.token) return 'taken'
      // a copy of the lock file is not the one that we hold
      return (await stat(path)).ino === ino ? 'ours' : 'gone'
    } catch (error) {
      if (error instanceof SyntaxError) return 'taken'
      return GONE.has(codeOf(error)) ? 'gone' : 'ours'
    }
  }

  return {
    async beat() {
      const now = await state()
      if (now !== 'ours') return now
      // through the descriptor, so that a lock that was taken over in between is not written to; a failing disk is
      // reported where records are written
      await writeTo(fd, sign, 0, sign.length, 0).catch(() => {})
      return 'ours'
    },
    isOurs: async () => (await state()) === 'ours',
    async release() {
      if ((await state()) === 'ours') await unlink(path)
      closeSync(fd)
    },
  }
}
