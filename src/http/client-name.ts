/**
 * Which program makes a call, as far as its `User-Agent` says.
 * @module
 */

/** SDKs by name and version; a `User-Agent`'s free text is the caller's and stays out of the record. */
const CLIENT =
  /\b(azsdk-(?:js|python|net|java|go)-[a-z]{2,12}(?:-?[a-z]{2,20}){0,3}|azure-ai-ml|azureml-harness-console|azureml-mlflow|mlflow-python-client|python-requests|AZURECLI|curl|Terraform|node|undici)\/v?(\d{1,4}(?:\.\d{1,5}){0,3})\b/

/** User agents whose client is kept, each of at most so many characters: few programs make most calls. */
const MAX_AGENTS = 1_000
const MAX_AGENT_LENGTH = 256
const clients = new Map<string, string | null>()

/** The SDK of a user agent, by name and version; null for one that is not known. */
export function clientOf(agent: string): string | null {
  const kept = clients.get(agent)
  if (kept !== undefined) return kept
  const found = CLIENT.exec(agent)
  const client = found === null ? null : `${found[1]}/${found[2]}`
  if (agent.length > MAX_AGENT_LENGTH) return client
  if (clients.size >= MAX_AGENTS) clients.clear()
  clients.set(agent, client)
  return client
}
