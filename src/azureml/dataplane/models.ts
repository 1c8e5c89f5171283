/**
 * Models and what they were deployed as before there were endpoints.
 *
 * Source: Azure/azure-rest-api-specs, machinelearningservices/data-plane (ModelRegistry) and the 2019-08-01
 * modelManagement swagger. `{Model}` here is the registry's id of a model, often `name:version`.
 * @module
 */
import { createFamily } from './family.ts'

const ASSETS = `
  GET    assets                                models/read    Model
  POST   assets                                models/write   Model
  GET    assets/{_}                            models/read    Model
  PATCH  assets/{_}                            models/write   Model
  DELETE assets/{_}                            models/delete  Model
`

const MODELS = `
  GET    models                                models/read    Model
  POST   models                                models/write   Model
  GET    models/{Model}                        models/read    Model
  PATCH  models/{Model}                        models/write   Model
  DELETE models/{Model}                        models/delete  Model
`

export const modelRegistry = createFamily(
  'modelregistry',
  `
  ${ASSETS}
  GET    extensiveModels/{Model}               models/read    Model
  POST   models/createUnregisteredInput        models/write   Model
  POST   models/createUnregisteredOutput       models/write   Model
  POST   models/batchGetResolvedUris           models/read    Model
  POST   models/list                           models/read    Model
  POST   models/querybatch                     models/read    Model
  POST   models/deploymentSettings             models/write   Model
  ${MODELS}
`,
)

/** Services were AKS or ACI; the path does not tell which, and the actions of AKS stand for both. */
export const modelManagement = createFamily(
  'modelmanagement',
  `
  ${ASSETS}
  ${MODELS}
  GET    models/{Model}/metrics                models/read                  Model
  GET    operations/{_}                        models/read                  Model
  GET    images/{_}/profiles                   models/read                  Model
  GET    images/{_}/profiles/{_}               models/read                  Model
  POST   images/{_}/profiles                   models/package/action        Model
  GET    services                              services/read                WebService
  POST   services                              services/aks/write           WebService
  GET    services/{WebService}                 services/read                WebService
  PATCH  services/{WebService}                 services/aks/write           WebService
  DELETE services/{WebService}                 services/aks/delete          WebService
  POST   services/{WebService}/listkeys        services/aks/listkeys/action WebService secrets
  POST   services/{WebService}/regenerateKeys  services/aks/write           WebService secrets
  POST   services/{WebService}/token           services/aks/score/action    WebService secrets
`,
)
