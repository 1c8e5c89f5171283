/**
 * MLflow's REST API, as the workspace speaks it under `/mlflow/{v1.0|v2.0}`.
 *
 * Source: MLflow's REST reference. Names stand in query and body, so each route is about a collection. Some
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
  POST   traces                                experiments/runs/write   Run
  GET    traces                                experiments/runs/read    Run
  POST   traces/search                         experiments/runs/read    Run
  POST   traces/delete-traces                  experiments/runs/delete  Run
  PATCH  traces/{_}                            experiments/runs/write   Run
  GET    traces/{_}/info                       experiments/runs/read    Run
  PATCH  traces/{_}/tags                       experiments/runs/write   Run
  DELETE traces/{_}/tags                       experiments/runs/write   Run
  GET    artifacts/list                        metadata/artifacts/read  Artifact
  POST   artifacts/presigned-upload-url        metadata/artifacts/write Artifact secrets
  POST   artifacts/presigned-download-url      metadata/artifacts/read  Artifact secrets
  POST   logged-models                         models/write    LoggedModel
  POST   logged-models/search                  models/read     LoggedModel
  POST   logged-models/{LoggedModel}/params    models/write    LoggedModel
  PATCH  logged-models/{LoggedModel}/tags      models/write    LoggedModel
  DELETE logged-models/{LoggedModel}/tags/{_}  models/write    LoggedModel
  GET    logged-models/{LoggedModel}           models/read     LoggedModel
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
