/**
 * The file operations of the spool, behind an interface so that tests can replace the disk with one that fails.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { fdatasync, write } from 'node:fs'
import {
  constants,
  open,
  rename,
  statfs,
  truncate,
  unlink,
  type FileHandle,
} from 'node:fs/promises'
import { watchNames } from './names.ts'

/** An open segment. The caller gives each position, so a failed write does not move the next one. */
export interface SegmentFile {
  /** Resolves with the bytes written, which may be fewer than asked for without being an error. */
  write(data: Buffer, offset: number, position: number): Promise<number>
  datasync(): Promise<void>
  truncate(length: number): Promise<void>
  close(): Promise<void>
}

/** File operations of the spool's hot path and of its reserve. */
export interface SpoolFiles {
  /** Creates a segment, mode 0600; fails if it is there. The directory's entry is durable when this resolves. */
  create(directory: string, name: string): Promise<SegmentFile>
  /** Free bytes and inodes for unprivileged users. */
  free(directory: string): Promise<{ bytes: number; inodes: number }>
  /** Cuts a file that is no longer written, and syncs it. */
  cut(path: string, length: number): Promise<void>
  /** Writes `bytes` zeros, so that deleting the file gives back real blocks. */
  fill(path: string, bytes: number): Promise<void>
  remove(path: string): Promise<void>
}

/** Writes all of `data` at `position`. */
export async function writeAll(target: SegmentFile, data: Buffer, position: number): Promise<void> {
  // a short write is no error in POSIX: it resolves with less, and ENOSPC comes with the next one
  for (let done = 0; done < data.length;) {
    const written = await target.write(data, done, position + done)
    if (written <= 0) throw new Error('the disk took no bytes')
    done += written
  }
}

/** Makes a directory's entries durable: without it a new file's name may be gone after a power failure. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Replaces a small file so that either the old or the new content is there, whatever happens; resolves with the new one,
 * open. `mayReplace` is asked at the last moment; if it says no, nothing is replaced and this throws.
 */
export async function replaceFile(
  directory: string,
  path: string,
  text: string,
  mayReplace: () => Promise<boolean>,
): Promise<FileHandle> {
  // a random name: another process may be replacing the same file
  const fresh = `${path}.${randomUUID()}.tmp`
  const handle = await open(fresh, 'w', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
    if (!(await mayReplace())) throw new Error(`"${path}" is not this process's to replace`)
    await rename(fresh, path)
    await syncDirectory(directory)
    return handle
  } catch (error) {
    await handle.close()
    await unlink(fresh).catch(() => {})
    throw error
  }
}

const ZEROS = Buffer.alloc(1 << 20)

/** With callbacks: the same of a FileHandle makes several promises, for each group of records. */
function writeAt(
  { fd }: FileHandle,
  data: Buffer,
  offset: number,
  position: number,
): Promise<number> {
  return new Promise((done, failed) => {
    write(fd, data, offset, data.length - offset, position, (error, written) => {
      if (error === null) done(written)
      else failed(error)
    })
  })
}

function syncData({ fd }: FileHandle): Promise<void> {
  return new Promise((done, failed) => {
    fdatasync(fd, (error) => {
      if (error === null) done()
      else failed(error)
    })
  })
}

const removed = (name: string): Error =>
  Object.assign(new Error(`"${name}" was removed while it was written`), { code: 'ENOENT' })

/** The real disk. */
export const diskFiles: SpoolFiles = {
  async create(directory, name) {
    const handle = await open(
      `${directory}/${name}`,
      constants.O_CREAT | constants.O_EXCL | constants.O_RDWR,
      0o600,
    )
    await syncDirectory(directory)
    const names = watchNames(directory)
    return {
      write: (data, offset, position) => writeAt(handle, data, offset, position),
      async datasync() {
        await syncData(handle)
        // a file that was removed meanwhile is synced in vain
        if (names.haveChanged() && (await handle.stat()).nlink === 0) throw removed(name)
      },
      truncate: (length) => handle.truncate(length),
      close() {
        names.close()
        return handle.close()
      },
    }
  },

  async free(directory) {
    const found = await statfs(directory)
    return { bytes: found.bavail * found.bsize, inodes: found.files === 0 ? Infinity : found.ffree }
  },

  async cut(path, length) {
    await truncate(path, length)
    const handle = await open(path, 'r+')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },

  async fill(path, bytes) {
    const handle = await open(path, 'w', 0o600)
    try {
      for (let done = 0; done < bytes;) {
        const wanted = Math.min(ZEROS.length, bytes - done)
        const { bytesWritten } = await handle.write(ZEROS, 0, wanted, done)
        done += bytesWritten
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
  },

  remove: (path) => unlink(path),
}
