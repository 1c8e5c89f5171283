/**
 * Tells systemd how the gateway is (sd_notify(3)), where its variables say that it asks. Node has no datagram sockets of
 * Unix: systemd's own program sends what is to be said.
 * @module
 */
import { execFile } from 'node:child_process'

const PROGRAM = 'systemd-notify'
const MICROSECONDS = 1_000
/** It is to be told at half of the time after which it would act. */
const SHARE = 0.5
/** systemd answers at once, or not at all. */
const TIMEOUT_MS = 5_000

export interface ServiceManager {
  /** The gateway serves; from now on systemd is told again and again that it is alive. */
  readonly ready: () => Promise<void>
  /** `run` reads files again: systemd is told when that begins and ends. */
  readonly reloading: (run: () => Promise<void>) => Promise<void>
  /** The gateway stops, and serves nobody new. */
  readonly stopping: () => Promise<void>
}

export interface ServiceManagerOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Told that systemd could not be told, and why: once, until it can be again. */
  readonly failed: (why: string) => void
}

/** Does nothing where nobody asks. */
export function createServiceManager(options: ServiceManagerOptions): ServiceManager {
  const { env, failed } = options
  const { NOTIFY_SOCKET: socket = '' } = env
  const everyMs = watchdogMs(env)
  let timer: NodeJS.Timeout | null = null
  let isFailing = false
  let isStopping = false

  /** One after the other: systemd acts on the last word, and the stop is the last. */
  let said = Promise.resolve()
  function say(...words: readonly string[]): Promise<void> {
    if (socket === '' || isStopping) return said
    said = said.then(() => tell(words))
    return said
  }
  function tell(words: readonly string[]): Promise<void> {
    // nothing of the environment, which has secrets, goes along
    const only = { NOTIFY_SOCKET: socket, PATH: env['PATH'] }
    return new Promise((done) => {
      execFile(PROGRAM, words, { env: only, timeout: TIMEOUT_MS }, (error) => {
        if (error !== null && !isFailing)
          failed(typeof error.code === 'string' ? error.code : `${PROGRAM} failed`)
        isFailing = error !== null
        done()
      })
    })
  }

  return {
    async ready() {
      await say('READY=1', 'STATUS=serving')
      if (socket === '' || everyMs === null) return
      timer = setInterval(() => void say('WATCHDOG=1'), everyMs)
      timer.unref()
    },
    async reloading(run) {
      await say('RELOADING=1', 'STATUS=reading policies and certificates again')
      await run()
      await say('READY=1', 'STATUS=serving')
    },
    async stopping() {
      if (timer !== null) clearInterval(timer)
      const told = say('STOPPING=1', 'STATUS=stopping')
      isStopping = true
      await told
    },
  }
}

/** How often systemd is to be told that this process is alive; null if it does not ask that of it. */
function watchdogMs(env: ServiceManagerOptions['env']): number | null {
  const { WATCHDOG_USEC: time = '' } = env
  if (!/^[1-9]\d{0,15}$/.test(time)) return null
  return Math.max(1, Math.floor((Number(time) / MICROSECONDS) * SHARE))
}
