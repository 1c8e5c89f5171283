/**
 * MLflow's REST API, as the workspace speaks it under `/mlflow/{v1.0|v2.0}`: `api/2.0`, and `api/3.0` for what came with
 * MLflow 3. What the server of MLflow has besides is refused by name (not-served.ts).
 *
 * Source: MLflow's REST reference; the routes of the server of MLflow 3. Names stand in query and body, so each route is about a collection. Some
 * GETs are also sent as POST by one client or another; a POST that only asks is a read. `log-batch-async` and
 * `get-run-data-status` are azureml-mlflow's own (`_protos/aml_service_pb2.py`).
 * @module
 */
import { createFamily } from './family.ts'

export const mlflow = createFamily(
  'mlflow',
  `
  POST   experiments/create                    experiments/write    Experiment
  GET    experiments/get                       experiments/read     Experiment  {experiment}
  GET    experiments/get-by-name               experiments/read     Experiment  {experiment}
  GET    experiments/list                      experiments/read     Experiment  [experiments]
  POST   experiments/search                    experiments/read     Experiment  [experiments]
  GET    experiments/search                    experiments/read     Experiment  [experiments]
  POST   experiments/search-datasets           experiments/read     Experiment
  POST   experiments/delete                    experiments/delete   Experiment
  POST   experiments/restore                   experiments/write    Experiment
  POST   experiments/update                    experiments/write    Experiment
  POST   experiments/set-experiment-tag        experiments/write    Experiment
  POST   experiments/delete-experiment-tag     experiments/write    Experiment
  POST   runs/create                           experiments/runs/write   Run
  GET    runs/get                              experiments/runs/read    Run  {run}
  POST   runs/search                           experiments/runs/read    Run  [runs]
  POST   runs/update                           experiments/runs/write   Run
  POST   runs/delete                           experiments/runs/delete  Run
  POST   runs/restore                          experiments/runs/write   Run
  POST   runs/log-metric                       experiments/runs/write   Run
  POST   runs/log-parameter                    experiments/runs/write   Run
  POST   runs/log-batch                        experiments/runs/write   Run
  POST   runs/log-batch-async                  experiments/runs/write   Run
  POST   runs/log-model                        experiments/runs/write   Run
  POST   runs/log-inputs                       experiments/runs/write   Run
  POST   runs/outputs                          experiments/runs/write   Run
  POST   runs/set-tag                          experiments/runs/write   Run
  POST   runs/delete-tag                       experiments/runs/write   Run
  GET    runs/get-run-data-status              experiments/runs/read    Run
  GET    metrics/get-history                   experiments/runs/read    Run
  GET    metrics/get-history-bulk-interval     experiments/runs/read    Run
  POST   traces                                experiments/runs/write   Trace
  GET    traces                                experiments/runs/read    Trace  [traces]
  POST   traces/search                         experiments/runs/read    Trace  [traces]
  GET    traces/get                            experiments/runs/read    Trace  {trace}
  GET    traces/batchGet                       experiments/runs/read    Trace  [traces]
  POST   traces/batchGetInfos                  experiments/runs/read    Trace  [trace_infos]
  POST   traces/metrics                        experiments/runs/read    Trace
  POST   traces/calculate-filter-correlation   experiments/runs/read    Trace
  POST   traces/delete-traces                  experiments/runs/delete  Trace
  POST   traces/link-to-run                    experiments/runs/write   Trace
  POST   traces/link-prompts                   experiments/runs/write   Trace
  GET    traces/{Trace}                        experiments/runs/read    Trace  {trace}
  PATCH  traces/{Trace}                        experiments/runs/write   Trace
  GET    traces/{Trace}/info                   experiments/runs/read    Trace  {trace_info}
  PATCH  traces/{Trace}/tags                   experiments/runs/write   Trace
  DELETE traces/{Trace}/tags                   experiments/runs/write   Trace
  POST   traces/{Trace}/assessments            experiments/runs/write   Trace
  GET    traces/{Trace}/assessments/{_}        experiments/runs/read    Trace
  PATCH  traces/{Trace}/assessments/{_}        experiments/runs/write   Trace
  DELETE traces/{Trace}/assessments/{_}        experiments/runs/write   Trace
  POST   scorers/register                      experiments/write        ExperimentId
  GET    scorers/list                          experiments/read         ExperimentId
  GET    scorers/get                           experiments/read         ExperimentId
  GET    scorers/versions                      experiments/read         ExperimentId
  GET    scorers/online-configs                experiments/read         ExperimentId
  PUT    scorers/online-config                 experiments/write        ExperimentId
  DELETE scorers/delete                        experiments/write        ExperimentId
  POST   datasets/create                       datasets/registered/write   EvaluationDataset
  GET    datasets/search                       datasets/registered/read    EvaluationDataset  [datasets]
  POST   datasets/search                       datasets/registered/read    EvaluationDataset  [datasets]
  GET    datasets/{EvaluationDataset}          datasets/registered/read    EvaluationDataset  {dataset}
  DELETE datasets/{EvaluationDataset}          datasets/registered/delete  EvaluationDataset
  GET    datasets/{EvaluationDataset}/records  datasets/registered/read    EvaluationDataset
  POST   datasets/{EvaluationDataset}/records  datasets/registered/write   EvaluationDataset
  DELETE datasets/{EvaluationDataset}/records  datasets/registered/write   EvaluationDataset
  PATCH  datasets/{EvaluationDataset}/tags     datasets/registered/write   EvaluationDataset
  DELETE datasets/{EvaluationDataset}/tags/{_} datasets/registered/write   EvaluationDataset
  GET    datasets/{EvaluationDataset}/experiment-ids     datasets/registered/read   EvaluationDataset
  POST   datasets/{EvaluationDataset}/add-experiments    datasets/registered/write  EvaluationDataset
  POST   datasets/{EvaluationDataset}/remove-experiments datasets/registered/write  EvaluationDataset
  GET    artifacts/list                        metadata/artifacts/read  Artifact
  POST   artifacts/presigned-upload-url        metadata/artifacts/write Artifact secrets
  POST   artifacts/presigned-download-url      metadata/artifacts/read  Artifact secrets
  POST   logged-models                         models/write    LoggedModel
  POST   logged-models/search                  models/read     LoggedModel  [models]
  POST   logged-models/{LoggedModel}/params    models/write    LoggedModel
  PATCH  logged-models/{LoggedModel}/tags      models/write    LoggedModel
  DELETE logged-models/{LoggedModel}/tags/{_}  models/write    LoggedModel
  GET    logged-models/{LoggedModel}/artifacts/directories models/read LoggedModel
  GET    logged-models/{LoggedModel}           models/read     LoggedModel  {model}
  PATCH  logged-models/{LoggedModel}           models/write    LoggedModel
  DELETE logged-models/{LoggedModel}           models/delete   LoggedModel
  POST   registered-models/create              models/write    Model
  POST   registered-models/rename              models/write    Model
  PATCH  registered-models/update              models/write    Model
  DELETE registered-models/delete              models/delete   Model
  GET    registered-models/get                 models/read     Model  {registered_model}
  GET    registered-models/list                models/read     Model  [registered_models]
  GET    registered-models/search              models/read     Model  [registered_models]
  POST   registered-models/get-latest-versions models/read     Model  [model_versions]
  GET    registered-models/get-latest-versions models/read     Model  [model_versions]
  POST   registered-models/set-tag             models/write    Model
  DELETE registered-models/delete-tag          models/write    Model
  POST   registered-models/alias               models/write    Model
  DELETE registered-models/alias               models/write    Model
  GET    registered-models/alias               models/read     Model  {model_version}
  POST   model-versions/create                 models/write    Model
  PATCH  model-versions/update                 models/write    Model
  POST   model-versions/transition-stage       models/write    Model
  DELETE model-versions/delete                 models/delete   Model
  GET    model-versions/get                    models/read     Model  {model_version}
  GET    model-versions/search                 models/read     Model  [model_versions]
  GET    model-versions/get-download-uri       models/read     Model
  POST   model-versions/set-tag                models/write    Model
  DELETE model-versions/delete-tag             models/write    Model
`,
)

/** What MLflow's server has beside its API: clients ask for its version, and send the spans of traces by OTLP/HTTP. */
export const mlflowServer = createFamily(
  'mlflow',
  `
  GET    version                               read                     Workspace bytes
  POST   v1/traces                             experiments/runs/write   Trace bytes
`,
)
