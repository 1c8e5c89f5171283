/**
 * Whether a name in a directory has changed, told by the kernel: asking a file after each sync whether it still has its name
 * is a turn of the thread pool more for each group, some 60 us of CPU.
 * @module
 */
import { watch, type FSWatcher } from 'node:fs'
import { platform } from 'node:os'

export interface Names {
  /** Whether one came, went or changed since the last time this was asked. True at first, and always if nobody can tell. */
  haveChanged(): boolean
  close(): void
}

/**
 * Watches the names in a directory. Linux queues an event before the call that removes a name returns, and the event loop
 * takes up all that is queued each time it waits. So of a name that went before a write began, `haveChanged` tells once the
 * write and a sync after it are over. Other systems tell later, and are not watched.
 */
export function watchNames(directory: string): Names {
  // nobody has watched before this
  let changed = true
  let watcher: FSWatcher | null = null

  const close = (): void => {
    watcher?.close()
    watcher = null
  }

  try {
    if (platform() === 'linux') {
      watcher = watch(directory, { persistent: false }, (event) => {
        // `change` is a write
        if (event === 'rename') changed = true
      }).on('error', close)
    }
  } catch {
    // the system has no more watches to give
  }
  return {
    haveChanged() {
      const answer = changed || watcher === null
      changed = false
      return answer
    },
    close,
  }
}
