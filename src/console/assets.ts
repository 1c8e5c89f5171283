/**
 * Stylesheet, script and icon, held in memory under names that say what is in them.
 * @module
 */
import { createHash } from 'node:crypto'
import { ICON } from './assets/icon.ts'
import { SCRIPT } from './assets/script.ts'
import { STYLESHEET } from './assets/stylesheet.ts'
import { Url } from './html.ts'
import { HOME } from './paths.ts'

export interface Assets {
  readonly stylesheet: Url
  readonly script: Url
  readonly icon: Url
  /** Null for a path that is none of theirs. */
  readonly find: (path: string) => Asset | null
}

export interface Asset {
  readonly etag: string
  readonly headers: Readonly<Record<string, string>>
  readonly content: string
}

export function createAssets(): Assets {
  const files = new Map<string, Asset>()
  const add = (name: string, ending: string, type: string, content: string): Url => {
    const hash = createHash('sha256').update(content).digest('base64url').slice(0, 16)
    const path = `${HOME}/assets/${name}-${hash}.${ending}`
    const etag = `"${hash}"`
    const headers = {
      'content-type': type,
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
      etag,
    }
    files.set(path, { etag, headers, content })
    return Url.to(path)
  }
  return {
    stylesheet: add('console', 'css', 'text/css; charset=utf-8', STYLESHEET),
    script: add('console', 'js', 'text/javascript; charset=utf-8', SCRIPT),
    icon: add('icon', 'svg', 'image/svg+xml', ICON),
    find: (path) => files.get(path) ?? null,
  }
}
