/**
 * Who is compared, by the name that `--peers` has for each, in the order of the tables. The bare proxy is always among them.
 */
import { BARE } from './bare.ts'
import { GATEWAY, UNSYNCED } from './gateway.ts'
import { HAPROXY } from './haproxy.ts'
import { NGINX } from './nginx.ts'
import { OAUTH2_PROXY } from './oauth2-proxy.ts'
import type { Peer } from './peer.ts'

export const PEERS: Readonly<Record<string, Peer>> = {
  bare: BARE,
  gateway: GATEWAY,
  unsynced: UNSYNCED,
  haproxy: HAPROXY,
  nginx: NGINX,
  oauth2: OAUTH2_PROXY,
}
