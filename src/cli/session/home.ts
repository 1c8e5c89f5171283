/**
 * The directory where sessions are kept: readable by its owner only, or not used at all.
 * @module
 */
import { constants, chmod, lstat, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { homedir, platform, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { Problem } from '../problem.ts'
import { codeOf } from '../../lib/error-code.ts'

type Environment = Readonly<Record<string, string | undefined>>

const OTHERS = 0o077
const POLL_MS = 50
/** Longer than the time-outs of all that is done under the lock: a holder of that age has ended without releasing it. */
const STALE_MS = 60_000

/** `AZUREML_HARNESS_HOME`, or `azureml-harness` where the platform keeps a person's configuration. */
export function homeOf(env: Environment): string {
  const given = (name: string): string | null => {
    const value = env[name]
    return value === undefined || value === '' ? null : value
  }
  const own = given('AZUREML_HARNESS_HOME')
  if (own !== null) return own
  const base =
    given('XDG_CONFIG_HOME') ??
    (platform() === 'win32' ? given('APPDATA') : null) ??
    join(given('HOME') ?? homedir(), '.config')
  return join(base, 'azureml-harness')
}

/** Makes the directory, 0700. @throws Problem if the one that is there is open to others */
export async function openHome(directory: string): Promise<void> {
  const made = await mkdir(directory, { recursive: true, mode: 0o700 })
  // the umask may only have taken away; what mkdir made is made exact
  if (made !== undefined) await chmod(directory, 0o700)
  const found = await stat(directory)
  if (!found.isDirectory())
    throw new Problem(`"${directory}" is no directory`, 'set AZUREML_HARNESS_HOME to another place')
  judge(directory, found, '700')
}

/**
 * The directory, opened; where there is no place for it, as in a job's container, one of this user's own under the
 * system's temporary directory.
 * @throws Problem if the one that is there is open to others or belongs to somebody else
 */
export async function openHomeOrTemporary(env: Environment): Promise<string> {
  const home = homeOf(env)
  try {
    await openHome(home)
    return home
  } catch (error) {
    if (error instanceof Problem) throw error
    const temporary = join(tmpdir(), `azureml-harness-${userInfo().uid}`)
    await openHome(temporary)
    return temporary
  }
}

/** A private file's text; null if there is none. @throws Problem if it is open to others or no plain file */
export async function readPrivate(path: string): Promise<string | null> {
  const handle = await open(path, constants.O_RDONLY | NOFOLLOW).catch(async (error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null
    if ((await lstat(path)).isSymbolicLink())
      throw new Problem(`"${path}" is a link`, `remove it, and sign in again`, error)
    throw error
  })
  if (handle === null) return null
  try {
    // checked on the open handle: the file at the path could be replaced between a check and opening it
    judge(path, await handle.stat(), '600')
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

/** Replaces a private file, so that either the old or the new content is there whatever happens. */
export async function writePrivate(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.chmod(0o600)
    await handle.writeFile(text)
    await handle.sync()
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  } finally {
    await handle.close()
  }
  await rename(temporary, path)
}

/**
 * Runs `work` while no other process of this person does: an issuer that rotates refresh tokens takes two uses
 * of one for a theft, and ends the session.
 */
export async function withLock<T>(
  directory: string,
  interrupt: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const path = join(directory, 'lock')
  for (;;) {
    try {
      await (await open(path, 'wx', 0o600)).close()
      break
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
    }
    const held = await stat(path).catch(() => null)
    if (held !== null && Date.now() - held.mtimeMs > STALE_MS) await rm(path, { force: true })
    else if (interrupt.aborted) throw new Problem('interrupted', 'run it again')
    else await delay(POLL_MS)
  }
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}

/** Windows has neither the flag nor the mode bits: there the profile's own access list protects the directory. */
const POSIX = platform() !== 'win32'
const NOFOLLOW = POSIX ? constants.O_NOFOLLOW : 0

function judge(path: string, { mode, uid }: { mode: number; uid: number }, wanted: string): void {
  if (!POSIX) return
  if ((mode & OTHERS) !== 0)
    throw new Problem(
      `"${path}" is open to others than its owner`,
      `chmod ${wanted} it; if others may have read it, azureml-harness logout`,
    )
  if (uid !== userInfo().uid)
    throw new Problem(
      `"${path}" belongs to somebody else`,
      'set AZUREML_HARNESS_HOME to a directory of yours',
    )
}
