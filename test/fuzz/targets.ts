/**
 * All that is fuzzed, by the name that `--only` takes.
 * @module
 */
import { answers } from './answers.ts'
import { bodies } from './body-facts.ts'
import { credential, tokens } from './credential.ts'
import { proxyHeaders } from './proxy-header.ts'
import { requestTarget } from './request-target.ts'
import { socket } from './socket.ts'
import type { FuzzTarget } from './target.ts'

export const TARGETS: ReadonlyMap<string, FuzzTarget> = new Map([
  ['target', requestTarget],
  ['facts', bodies],
  ['answers', answers],
  ['credential', credential],
  ['tokens', tokens],
  ['proxy', proxyHeaders],
  ['socket', socket],
])
