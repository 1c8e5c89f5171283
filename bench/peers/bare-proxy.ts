/**
 * What the gateway is compared with: @fastify/http-proxy as its README registers it, behind the same TLS.
 */
import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import httpProxy from '@fastify/http-proxy'

const [, , upstream = '', certFile = '', keyFile = '', port = '0'] = process.argv
const app = Fastify({ https: { cert: readFileSync(certFile), key: readFileSync(keyFile) } })
await app.register(httpProxy, { upstream })
await app.listen({ host: '127.0.0.1', port: Number(port) })
