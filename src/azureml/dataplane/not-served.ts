/**
 * What clients ask for and is not served, by name: services of the data plane, and parts of MLflow's server.
 *
 * A part of MLflow's server is here if nothing tells whose its things are, if it makes the server call or run something
 * that its caller chooses, or if it is for browsers.
 * @module
 */

/** What it is, and what to do instead. */
export interface NotServed {
  readonly what: string
  readonly remedy: string
}

/** First segments of services. */
export const SERVICES: ReadonlyMap<string, NotServed> = new Map([
  [
    'api',
    {
      what: 'the service of pipelines of SDK v1',
      remedy: 'submit pipelines as jobs, as azure-ai-ml does',
    },
  ],
])

const BROWSERS: NotServed = {
  what: "a part of MLflow's user interface",
  remedy: 'use azure machine learning studio',
}
const FILES: NotServed = {
  what: "MLflow's own store of files",
  remedy: 'azureml-mlflow takes files to and from the storage of the workspace',
}
const DATABRICKS: NotServed = {
  what: 'a call that only Databricks answers',
  remedy: 'search and read traces',
}
const LANGUAGE_MODELS: NotServed = {
  what: "MLflow's gateway to language models, whose keys it keeps",
  remedy: 'deploy a model to an online endpoint and call that',
}
const RUNS_CODE: NotServed = {
  what: "work that MLflow's server would do itself, as nobody in particular",
  remedy: 'run it where the client is, or as a job',
}
const REVIEWS: NotServed = {
  what: 'of what people review in MLflow, whose owner nothing tells',
  remedy: 'keep feedback in assessments of traces',
}

/** What follows `api/{version}/mlflow`. */
const MLFLOW_API: ReadonlyMap<string, NotServed> = new Map([
  [
    'webhooks',
    {
      what: "a way to have MLflow's server call addresses of the caller's choice",
      remedy: 'use event grid with the events of the workspace',
    },
  ],
  ['gateway', LANGUAGE_MODELS],
  ['gateway-proxy', LANGUAGE_MODELS],
  ['issues', REVIEWS],
  ['label-schemas', REVIEWS],
  ['review-queues', REVIEWS],
  ['prompt-optimization', RUNS_CODE],
  ['genai', RUNS_CODE],
  ['scorer', RUNS_CODE],
  ['jobs', RUNS_CODE],
  ['assistant', RUNS_CODE],
  [
    'workspaces',
    {
      what: "MLflow's own kind of workspaces",
      remedy: 'use a workspace of azure machine learning, which the path names',
    },
  ],
  [
    'mcp-servers',
    {
      what: "MLflow's list of MCP servers, whose owner nothing tells",
      remedy: 'keep it elsewhere',
    },
  ],
  ['server-info', { what: "how MLflow's server is set up", remedy: 'ask for its version' }],
  ['demo', { what: "sample data of MLflow's", remedy: 'log a trace' }],
  ['unified-traces', DATABRICKS],
  ['get-online-trace-details', DATABRICKS],
  ['get-trace-artifact', BROWSERS],
  ['upload-artifact', FILES],
  ['ui-telemetry', BROWSERS],
])

/** What follows `api/{version}`, or the workspace. */
const MLFLOW_SERVER: ReadonlyMap<string, NotServed> = new Map([
  ['', BROWSERS],
  ['ajax-api', BROWSERS],
  ['build', BROWSERS],
  ['static-files', BROWSERS],
  ['graphql', BROWSERS],
  ['get-artifact', FILES],
  ['model-versions', FILES],
  ['mlflow-artifacts', FILES],
  ['gateway', LANGUAGE_MODELS],
  ['health', { what: "the probe of MLflow's server", remedy: 'ask the gateway: /_harness/readyz' }],
])

/**
 * The part of MLflow's server that a path leads to, if it is one that is not served.
 * @param rest decoded segments after the workspace
 * @returns its name and what it is; null for anything else
 */
export function partOfMlflow(
  rest: readonly string[],
): { readonly name: string; readonly known: NotServed } | null {
  const words = rest.map((segment) => segment.toLowerCase())
  const isApi = words[0] === 'api'
  const isMlflow = isApi && words[2] === 'mlflow'
  const name = (isMlflow ? words[3] : isApi ? words[2] : words[0]) ?? ''
  const known = (isMlflow ? MLFLOW_API : MLFLOW_SERVER).get(name)
  return known === undefined || (isApi && name === '') ? null : { name, known }
}
