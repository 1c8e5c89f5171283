/**
 * Runs, their metrics and the services that start them.
 *
 * Source: Azure/azure-rest-api-specs, machinelearningservices/data-plane (RunHistory, Metric), and the
 * 2019-08-01 swaggers of execution and hyperdrive.
 * @module
 */
import { createFamily } from './family.ts'

/** The same routes exist by experiment name and by experiment id. */
const byExperiment = (experiment: string): string => `
  POST   ${experiment}/runs/runIds                            experiments/runs/read     Run
  POST   ${experiment}/runs:query                             experiments/runs/read     Run  [value]
  POST   ${experiment}/metrics:query                          experiments/runs/read     Run
  POST   ${experiment}/batch/events                           experiments/runs/write    Run
  PATCH  ${experiment}/batch/runs                             experiments/runs/write    Run
  GET    ${experiment}/metrics/{_}                            experiments/runs/read     Run
  GET    ${experiment}/runs/{Run}                             experiments/runs/read     Run  {}
  PATCH  ${experiment}/runs/{Run}                             experiments/runs/write    Run
  GET    ${experiment}/runs/{Run}/children                    experiments/runs/read     Run  [value]
  GET    ${experiment}/runs/{Run}/details                     experiments/runs/read     Run  {}
  PATCH  ${experiment}/runs/{Run}/tags                        experiments/runs/write    Run
  DELETE ${experiment}/runs/{Run}/tags                        experiments/runs/write    Run
  DELETE ${experiment}/runs/{Run}/services                    experiments/runs/write    Run
  POST   ${experiment}/runs/{Run}/events                      experiments/runs/write    Run
  POST   ${experiment}/runs/{Run}/cancel                      experiments/runs/write    Run
  POST   ${experiment}/runs/{Run}/metrics                     experiments/runs/write    Run
  POST   ${experiment}/runs/{Run}/batch/metrics               experiments/runs/write    Run
  GET    ${experiment}/runs/{Run}/metricsingest/wait          experiments/runs/read     Run
  GET    ${experiment}/runs/{Run}/artifacts                   metadata/artifacts/read   Artifact
  GET    ${experiment}/runs/{Run}/artifacts/artifacturi       metadata/artifacts/read   Artifact secrets
  GET    ${experiment}/runs/{Run}/artifacts/contentinfo       metadata/artifacts/read   Artifact secrets
  GET    ${experiment}/runs/{Run}/artifacts/metadata          metadata/artifacts/read   Artifact
  GET    ${experiment}/runs/{Run}/artifacts/path              metadata/artifacts/read   Artifact
  GET    ${experiment}/runs/{Run}/artifacts/prefix/contentinfo metadata/artifacts/read  Artifact secrets
  POST   ${experiment}/runs/{Run}/artifacts/batch/metadata    metadata/artifacts/write  Artifact secrets
`

export const history = createFamily(
  'history',
  `
  POST   experiments:query                    experiments/read         Experiment  [value]
  GET    experiments/{Experiment}             experiments/read         Experiment  {}
  POST   experiments/{Experiment}             experiments/write        Experiment
  GET    experimentids/{ExperimentId}         experiments/read         ExperimentId  {}
  PATCH  experimentids/{ExperimentId}         experiments/write        ExperimentId
  DELETE experimentids/{ExperimentId}         experiments/delete       ExperimentId
  DELETE experimentids/{ExperimentId}/tags    experiments/write        ExperimentId
  POST   experimentids/{ExperimentId}/tags:delete experiments/write    ExperimentId
  POST   rundata                              experiments/runs/read    Run  {runMetadata}
  POST   batchrundata                         experiments/runs/read    Run
  POST   batch/events                         experiments/runs/write   Run
  GET    computes/{_}/runs                    experiments/runs/read    Run  [value]
  POST   runs/{Run}                           experiments/runs/write   Run
  GET    runs/{Run}                           experiments/runs/read    Run  {}
  PATCH  runs/{Run}                           experiments/runs/write   Run
  GET    runs/{Run}/children                  experiments/runs/read    Run  [value]
  GET    runs/{Run}/details                   experiments/runs/read    Run  {}
  DELETE runs/{Run}/tags                      experiments/runs/write   Run
  DELETE runs/{Run}/services                  experiments/runs/write   Run
  POST   runs/{Run}/events                    experiments/runs/write   Run
  PATCH  runs/{Run}/serviceinstances/{_}      experiments/runs/write   Run
  GET    runs/{Run}/serviceinstances/{_}      experiments/runs/read    Run
  ${byExperiment('experiments/{Experiment}')}
  ${byExperiment('experimentids/{ExperimentId}')}
`,
)

/** Under `/history/v1.0/private`: services use it among themselves. */
export const historyPrivate = createFamily(
  'history/private',
  `
  GET    deleteConfiguration                  experiments/read         Experiment
  PATCH  deleteConfiguration                  experiments/write        Experiment
  POST   runs/{Run}/spans                     experiments/runs/write   Run
  GET    runs/{Run}/spans                     experiments/runs/read    Run
  GET    runs/{Run}/spans/active              experiments/runs/read    Run
`,
)

export const metric = createFamily(
  'metric',
  `
  POST   azuremonitor/list                    experiments/runs/read    Run
  POST   runs/{Run}/full                      experiments/runs/read    Run
  POST   runs/{Run}/list                      experiments/runs/read    Run
  POST   runs/{Run}/sample                    experiments/runs/read    Run
  POST   runs/{Run}/batch                     experiments/runs/write   Run
  DELETE runs/{Run}/deleteMetrics             experiments/runs/delete  Run
  DELETE experiments/{Experiment}/containers/{_}/deleteMetrics experiments/runs/delete Run
`,
)

export const execution = createFamily(
  'execution',
  `
  POST   experiments/{Experiment}/startlocalrun  experiments/runs/submit/action  Run
  POST   experiments/{Experiment}/startrun       experiments/runs/submit/action  Run
  POST   experiments/{Experiment}/snapshotrun    experiments/runs/submit/action  Run
  POST   experiments/{Experiment}/runId/{Run}/cancel experiments/runs/write      Run
`,
)

export const hyperdrive = createFamily(
  'hyperdrive',
  `
  POST   experiments/{Experiment}/runs           experiments/runs/submit/action  Run
  POST   experiments/{Experiment}/runs/{Run}/cancel experiments/runs/write       Run
  POST   runs                                    experiments/runs/submit/action  Run
  POST   runs/{Run}/cancel                       experiments/runs/write          Run
`,
)

export const pipelines = createFamily(
  'pipelines',
  `
  POST   PipelineRuns/PipelineSubmit/{_}            experiments/runs/submit/action  Run
  POST   PipelineRuns/PipelineEndpointSubmit/Id/{_} experiments/runs/submit/action  Run
  POST   PipelineRuns/{Run}/cancel                  experiments/runs/write          Run
  POST   PipelineRuns/{Run}/rerun                   experiments/runs/submit/action  Run
`,
)
