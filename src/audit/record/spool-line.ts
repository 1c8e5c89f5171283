/**
 * The format of a spool, version 1, which is read and not written any more: each record has a line and a hash of its own.
 *
 * `{"seq":N,"prev":"H","row":{"RecordKind":"K","ExchangeId":"X","EventUid":"C:N",...},"crc":"xxxxxxxx"}`
 *
 * `prev` is the SHA-256 of the previous line's bytes as written. `crc` lets the last line of a file, which no later line
 * vouches for, be told whole from torn. The rows have their OCSF event in the column `Ocsf`.
 * @module
 */
import { crc32 } from 'node:zlib'

const crcOf = (bytes: Buffer): string => crc32(bytes).toString(16).padStart(8, '0')

/** The place in the chain that a line says it has. */
export interface Place {
  readonly seq: number
  readonly prev: string
  readonly kind: string
  readonly exchangeId: string
}

const PLACE =
  /^\{"seq":(\d{1,15}),"prev":"([0-9a-f]{64})","row":\{"RecordKind":"([a-z]{1,16})","ExchangeId":"([^"\\]{0,64})","EventUid":"/
const TAIL = /,"crc":"([0-9a-f]{8})"\}$/
const TAIL_LENGTH = 18
const MAX_PLACE_LENGTH = 300

/** Reads a record's place, or null if the bytes are no whole record. */
export function placeOf(line: Buffer): Place | null {
  const start = PLACE.exec(line.toString('latin1', 0, MAX_PLACE_LENGTH))
  const end = TAIL.exec(line.toString('latin1', Math.max(0, line.length - TAIL_LENGTH)))
  if (start === null || end === null) return null
  if (crcOf(line.subarray(0, line.length - TAIL_LENGTH)) !== end[1]) return null
  const [, seq = '', prev = '', kind = '', exchangeId = ''] = start
  return { seq: Number(seq), prev, kind, exchangeId }
}

const ROW_MARK = ',"row":'

/** The row's JSON out of a whole record's line. */
export const rowOfLine = (line: Buffer): Buffer =>
  line.subarray(line.indexOf(ROW_MARK) + ROW_MARK.length, line.length - TAIL_LENGTH)
