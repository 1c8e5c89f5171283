/**
 * Names of query parameters that a record may repeat.
 * @module
 */

/** Query parameters that Azure ML's APIs have: a record may repeat these names; any other is the caller's own text. */
const KNOWN_QUERY_NAMES: readonly string[] = [
  'api-version $filter $orderby $select $skip $skiptoken $top $expand $count',
  'skip top skiptoken continuationtoken count limit offset pagesize page page_token max_results maxresults',
  'filter order_by orderby orderbyasc sort search searchtext tag tags properties name names prefix',
  'listviewtype view_type viewtype isdefault isarchived islatest latestversiononly latest version versions',
  'stage feed type jobtype datastoretype computetype assettype assetname createdby description scheduled',
  'includeall includeinternal includehidden includedeleted includesettings includeproperties',
  'forcetopurge underlyingresourceaction deleteartifacts force cascade skipvalidation secrets',
  'experiment_id experiment_ids experimentid experimentname run_id run_uuid runid metric_key model_name modelid',
  'path artifact_path artifactpath container origin recursive index startline endline t wsid',
  // what a signed URL has: refused in a query, and worth finding in a record
  'sig sv sr sp se st spr code key token access_token sas',
  'endpointname endpointtype deploymentname onlineendpointname status kind region location tail',
]

/** In lower case, as the target's parameters are. */
export const QUERY_NAMES: ReadonlySet<string> = new Set(
  KNOWN_QUERY_NAMES.flatMap((names) => names.split(' ')),
)
