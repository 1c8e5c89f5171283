/**
 * What the upstream of the benches answers, and with what: JSON as Azure writes it, in four lengths, and a stream of events.
 */
import { RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE, workspaceId } from '../../lab/personas.ts'

/** Path of the endpoint's own calls, before `/score`; Resource Manager describes it under its name. */
export const ENDPOINT = 'bench'
export const SCORE_PATH = `/_score/${SUBSCRIPTION}/${RESOURCE_GROUP}/${WORKSPACE}/${ENDPOINT}/score`
const VERSION = 'api-version=2024-04-01'

/** One of Azure's jobs, 1.4 KB of JSON, with the URLs that the gateway makes its own. */
function job(name: string): object {
  const services = {
    Tracking: {
      jobServiceType: 'Tracking',
      endpoint: 'azureml://eastus.api.azureml.ms/mlflow/v1.0',
    },
    Studio: { jobServiceType: 'Studio', endpoint: `https://ml.azure.com/runs/${name}` },
  }
  return {
    id: `${workspaceId()}/jobs/${name}`,
    name,
    type: 'Microsoft.MachineLearningServices/workspaces/jobs',
    properties: {
      jobType: 'Command',
      status: 'Completed',
      displayName: 'a run of a bench',
      description: 'y'.repeat(900),
      tags: { team: 'vision', model: 'resnet' },
      services,
    },
  }
}

/** A list of as many jobs as make about `bytes` of JSON. */
function list(bytes: number): string {
  const length = JSON.stringify(job('job-0000')).length + 1
  const value = Array.from({ length: Math.ceil(bytes / length) }, (_, at) => job(`job-${at}`))
  return JSON.stringify({ value })
}

/** JSON answers by the word that a URL asks for them with. */
export const DOCUMENTS: Readonly<Record<string, string>> = {
  one: JSON.stringify(job('one')),
  '10k': list(10_000),
  '100k': list(100_000),
  '1m': list(1_000_000),
}

/** Events of a stream, as endpoints of language models send them, and milliseconds between two. */
export const EVENTS = 20
export const EVENT_PAUSE_MS = 5
const CHOICE = { index: 0, delta: { content: 'a few words more ' } }
const CHUNK = { id: 'x', object: 'chat.completion.chunk', choices: [CHOICE] }
export const EVENT = `data: ${JSON.stringify(CHUNK)}\n\n`

const JOB = JSON.stringify({
  properties: {
    jobType: 'Command',
    displayName: 'a run of a bench',
    command: 'python train.py --rate 0.01',
    codeId: `${workspaceId()}/codes/train/versions/1`,
    environmentId: `${workspaceId()}/environments/pytorch/versions/3`,
    computeId: `${workspaceId()}/computes/cpu`,
    inputs: { data: { jobInputType: 'uri_folder', uri: 'azureml:images:4' } },
    tags: { team: 'vision', model: 'resnet' },
  },
})

/** One kind of call. */
export interface Scenario {
  readonly name: string
  readonly method: 'GET' | 'PUT' | 'POST'
  /** The path of the n-th call: each its own, so that nothing is remembered that a real caller would not ask again. */
  readonly path: (n: number) => string
  readonly body: string | null
  /** Whether this is the whole answer. URLs in it may have become others. */
  readonly isAnswer: (text: string) => boolean
  /** How many times the bare proxy's CPU it may cost; null: nothing is asked for. */
  readonly goal: number | null
}

/** Names of the jobs in a document or a list. */
function namesIn(text: string): readonly unknown[] {
  const document = JSON.parse(text) as { name?: unknown; value?: readonly { name: unknown }[] }
  return document.value?.map(({ name }) => name) ?? [document.name]
}

const isDocument =
  (word: string): Scenario['isAnswer'] =>
  (text) =>
    namesIn(text).join(' ') === namesIn(DOCUMENTS[word] ?? '').join(' ')

const read = (name: string, word: string, goal: number): Scenario => ({
  name,
  method: 'GET',
  path: (n) => `${workspaceId()}/jobs?$filter=${word}-${n}&${VERSION}`,
  body: null,
  isAnswer: isDocument(word),
  goal,
})

const jobPath = (n: number): string => `${workspaceId()}/jobs/run-${n}?${VERSION}`
const one = { path: jobPath, isAnswer: isDocument('one') }

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  get: { name: 'GET, 1.4 KB', method: 'GET', body: null, goal: 1.3, ...one },
  put: { name: 'PUT, read, pinned and stamped', method: 'PUT', body: JOB, goal: 1.8, ...one },
  '10k': read('GET, list of 10 KB', '10k', 1.5),
  '100k': read('GET, list of 100 KB', '100k', 2.5),
  '1m': read('GET, list of 1 MB', '1m', 3),
  events: {
    name: `POST, ${EVENTS} server-sent events`,
    method: 'POST',
    path: (n) => `${SCORE_PATH}?n=${n}`,
    body: '{"messages":[{"role":"user","content":"hello"}],"stream":true}',
    isAnswer: (text) => text === EVENT.repeat(EVENTS),
    goal: null,
  },
}
