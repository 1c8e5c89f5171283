/**
 * Opens a URL in the person's browser, if there is one; that it did is never relied on.
 * @module
 */
import { spawn } from 'node:child_process'
import { platform } from 'node:os'

type Environment = Readonly<Record<string, string | undefined>>

/** Whether a browser on this machine can reach this machine's loopback and be seen by who types. */
export function hasBrowser(env: Environment): boolean {
  if (isSet(env['SSH_CONNECTION']) || isSet(env['SSH_TTY'])) return false
  if (platform() === 'darwin' || platform() === 'win32') return true
  return isSet(env['DISPLAY']) || isSet(env['WAYLAND_DISPLAY']) || isSet(env['BROWSER'])
}

/** `BROWSER` names another program than the platform's own. Never throws. */
export function openBrowser(url: string, env: Environment): void {
  const [command, ...args] = commandOf(env)
  if (command === undefined) return
  // no shell: a URL may hold whatever a shell would act on
  const child = spawn(command, [...args, url], { stdio: 'ignore', detached: true, env })
  child.once('error', () => undefined)
  child.unref()
}

function commandOf(env: Environment): readonly string[] {
  const own = env['BROWSER']
  if (own !== undefined && own !== '') return [own]
  if (platform() === 'darwin') return ['open']
  if (platform() === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler']
  return ['xdg-open']
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== ''
}
