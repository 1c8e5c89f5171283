/**
 * How pages go out to a browser: whole documents with the headers of every page, redirects, and assets.
 * @module
 */
import type { Reply } from '../http/reply.ts'
import { createAssets, type Assets } from './assets.ts'
import { pageHeaders, type Headers } from './headers.ts'
import { documentOf, type Frame } from './layout.ts'
import type { Download, View } from './page.ts'

export interface Writer {
  /** A document as text. @param frame null for a page of nobody's */
  readonly document: (view: View, frame: Frame | null) => string
  readonly page: (
    reply: Reply,
    status: number,
    view: View,
    frame?: Frame | null,
    cookies?: readonly string[],
  ) => void
  readonly download: (reply: Reply, file: Download) => void
  /** To another page, with GET. */
  readonly goTo: (reply: Reply, location: string, cookies?: readonly string[]) => void
  /** Sends an asset; false for a request of something else. */
  readonly asset: (reply: Reply) => boolean
  /** Whether a target is that of an asset. */
  readonly isAsset: (target: string) => boolean
  readonly headers: Headers
}

/** @param publicUrl the gateway's origin */
export function createWriter(publicUrl: string): Writer {
  const assets: Assets = createAssets()
  const headers = pageHeaders(publicUrl)
  const ofPages = { ...headers, 'content-type': 'text/html; charset=utf-8' }
  const document: Writer['document'] = (view, frame) => documentOf(assets, view, frame).toString()
  return {
    document,
    headers,
    page: (reply, status, view, frame = null, cookies = []) =>
      reply.send(status, { ...ofPages }, document(view, frame), cookies),
    download: (reply, { name, contentType, text }) =>
      reply.send(
        200,
        {
          ...headers,
          'content-type': contentType,
          'content-disposition': `attachment; filename="${name}"`,
        },
        text,
      ),
    goTo: (reply, location, cookies = []) =>
      reply.send(303, { ...headers, location }, null, cookies),
    isAsset: (target) => assets.find(target) !== null,
    asset(reply) {
      const { method, url = '', headers: asked } = reply.request
      const found = assets.find(url)
      if (found === null || method !== 'GET') return false
      const isKnown = asked['if-none-match'] === found.etag
      reply.send(isKnown ? 304 : 200, { ...found.headers }, isKnown ? null : found.content)
      return true
    },
  }
}
