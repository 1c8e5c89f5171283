/**
 * The upstream of the benches, a process of its own that costs little: answers that were made beforehand, written straight
 * to the socket. It counts its answers, and those of them that went to a gateway; a message asks for both.
 */
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { workspaceId } from '../../lab/personas.ts'
import { DOCUMENTS, ENDPOINT, EVENT, EVENT_PAUSE_MS, EVENTS } from './answers.ts'

const END = '\r\n\r\n'

/** Answers since the start. */
export interface Answered {
  readonly all: number
  /** To a gateway, which leaves a record of each call. */
  readonly toGateway: number
}

const GATEWAY = /\nuser-agent:[^\r]*azureml-harness\//i
const answered = { all: 0, toGateway: 0 }

function count(head: string): void {
  answered.all += 1
  if (GATEWAY.test(head)) answered.toGateway += 1
}

function jsonAnswer(text: string): Buffer {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}`
  return Buffer.from(`${head}${END}${text}`)
}

const answers = new Map(Object.entries(DOCUMENTS).map(([word, text]) => [word, jsonAnswer(text)]))
const EVENTS_HEAD = `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked${END}`
const EVENT_CHUNK = Buffer.from(`${EVENT.length.toString(16)}\r\n${EVENT}\r\n`)

function sendEvents(socket: Socket, head: string): void {
  socket.write(EVENTS_HEAD)
  let left = EVENTS
  const timer = setInterval(() => {
    // who has hung up gets no more, and does not count
    if (socket.destroyed) clearInterval(timer)
    else if (left-- > 0) socket.write(EVENT_CHUNK)
    else {
      clearInterval(timer)
      count(head)
      socket.write(`0${END}`)
    }
  }, EVENT_PAUSE_MS)
}

let endpoint = jsonAnswer('{}')

function answer(socket: Socket, head: string): void {
  const line = head.slice(0, head.indexOf('\r\n'))
  if (line.startsWith('POST ')) {
    sendEvents(socket, head)
    return
  }
  // where the endpoint is, which the gateway asks before its first call: not one of the calls that are counted
  if (/\/onlineEndpoints\//i.test(line)) {
    socket.write(endpoint)
    return
  }
  count(head)
  const word = /filter=(\w+)-/.exec(line)?.[1] ?? 'one'
  socket.write(answers.get(word) ?? jsonAnswer('{}'))
}

/** Bytes of the first request in `text`, head and body; 0 if not all of it is there. */
function lengthOfRequest(text: string): number {
  const headEnds = text.indexOf(END)
  if (headEnds < 0) return 0
  const head = text.slice(0, headEnds)
  const bodyAt = headEnds + END.length
  if (/\ntransfer-encoding:/i.test(head)) {
    const last = text.indexOf(`0${END}`, bodyAt)
    return last < 0 ? 0 : last + 1 + END.length
  }
  const length = bodyAt + Number(/\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
  return text.length < length ? 0 : length
}

const server = createServer((socket) => {
  socket.setNoDelay(true)
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    for (let length = lengthOfRequest(text); length > 0; length = lengthOfRequest(text)) {
      answer(socket, text.slice(0, text.indexOf(END)))
      text = text.slice(length)
    }
  })
  // who hangs up in the middle of an answer does so on purpose
  socket.on('error', () => socket.destroy())
})
server.listen(0, '127.0.0.1', () => {
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const id = `${workspaceId()}/onlineEndpoints/${ENDPOINT}`
  endpoint = jsonAnswer(JSON.stringify({ id, properties: { scoringUri: `${origin}/score` } }))
  process.send?.(origin)
})
process.on('message', () => process.send?.(answered))
process.on('disconnect', () => process.exit())
