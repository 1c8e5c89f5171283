/**
 * nginx with njs: `auth_request` to a script that checks the signature of each call's token, its issuer and its end; another
 * token towards the upstream, and a line of its log.
 */
import { createPublicKey } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../lab/server/free-port.ts'
import type { World } from '../world/world.ts'
import { isInstalled, run, type Peer } from './peer.ts'

/** Where Debian has them. */
const PROGRAMS = ['nginx', '/usr/sbin/nginx']
const MODULE = '/usr/lib/nginx/modules/ngx_http_js_module.so'

/** In the JavaScript of njs, which keeps nothing from one request to the next. */
function script(issuer: string, spki: string): string {
  return `
async function check(r) {
  const bearer = /^Bearer ([^.]+)[.]([^.]+)[.]([^.]+)$/.exec(r.headersIn.authorization || '')
  if (bearer === null) { r.return(401); return }
  const header = JSON.parse(Buffer.from(bearer[1], 'base64url'))
  const claims = JSON.parse(Buffer.from(bearer[2], 'base64url'))
  if (header.alg !== 'RS256' || claims.iss !== '${issuer}' || claims.exp * 1000 < Date.now()) { r.return(401); return }
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('spki', Buffer.from('${spki}', 'base64'), algorithm, false, ['verify'])
  const signed = Buffer.from(bearer[1] + '.' + bearer[2])
  const good = await crypto.subtle.verify(algorithm, key, Buffer.from(bearer[3], 'base64url'), signed)
  r.return(good ? 204 : 401)
}
export default { check }
`
}

function configuration(world: World, port: number, directory: string): string {
  const { certFile, keyFile } = world.lab.certificates
  return `load_module ${MODULE};
daemon off;
master_process off;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log error;
events { worker_connections 8192; }
http {
  js_import bearer from ${directory}/bearer.js;
  access_log ${directory}/access.log combined;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  keepalive_requests 100000000;
  upstream azure { server ${world.upstream.url.slice('http://'.length)}; keepalive 512; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${certFile};
    ssl_certificate_key ${keyFile};
    location = /_check { internal; js_content bearer.check; }
    location / {
      auth_request /_check;
      proxy_pass http://azure;
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_set_header connection "";
      proxy_set_header authorization "Bearer another";
    }
  }
}
`
}

export const NGINX: Peer = {
  name: 'nginx, njs',
  does: 'signature, issuer and end of each token, another token, a line of log',
  async start(world) {
    const program = PROGRAMS.find((one) => isInstalled(one, ['-v']))
    if (program === undefined) return { absent: 'nginx is not installed' }
    if (!existsSync(MODULE)) return { absent: `nginx has no njs: there is no ${MODULE}` }
    const port = await freePort()
    const directory = join(world.directory, 'nginx')
    await mkdir(directory)
    const { entra } = world.lab.issuers
    const spki = createPublicKey(entra.signing().privateKey).export({ format: 'der', type: 'spki' })
    await writeFile(join(directory, 'bearer.js'), script(entra.url, spki.toString('base64')))
    const file = join(directory, 'nginx.conf')
    await writeFile(file, configuration(world, port, directory))
    return run(world, program, ['-p', directory, '-c', file], port)
  },
}
