/**
 * Opens a URL in the person's browser, if there is one; nothing depends on whether that succeeds.
 * @module
 */
import { spawn } from 'node:child_process'
import { platform } from 'node:os'

type Environment = Readonly<Record<string, string | undefined>>

/** Whether the person at the terminal can see a browser that runs on this machine. */
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
