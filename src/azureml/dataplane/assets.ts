/**
 * Data, data sets, datastores, environments, artifacts, snapshots and generic assets.
 *
 * Source: Azure/azure-rest-api-specs, machinelearningservices/data-plane (DataAsset, DatasetDataplane,
 * Artifact), the 2019-08-01 datastore swagger and the services' own SDKs.
 * @module
 */
import { createFamily } from './family.ts'

export const data = createFamily(
  'data',
  `
  POST   datacall/preview                      datasets/unregistered/preview/read  Dataset
  POST   datacall/quickprofile                 datasets/unregistered/profile/read  Dataset
  POST   datacall/schema                       datasets/unregistered/schema/read   Dataset
  POST   datacontainer                         data/write            Data
  GET    datacontainer                         data/read             Data
  GET    datacontainer/{Data}                  data/read             Data
  PATCH  datacontainer/{Data}                  data/write            Data
  DELETE datacontainer/{Data}                  data/delete           Data
  POST   dataversion/batchGetResolvedUris      data/versions/read    DataVersion
  POST   dataversion/getByAssetId              data/versions/read    DataVersion
  POST   dataversion/createUnregisteredInput   data/versions/write   DataVersion
  POST   dataversion/createUnregisteredOutput  data/versions/write   DataVersion
  POST   dataversion/registerExisting          data/versions/write   DataVersion
  POST   dataversion/{Data}/versions           data/versions/write   DataVersion
  GET    dataversion/{Data}/versions           data/versions/read    DataVersion
  GET    dataversion/{Data}/versions/{DataVersion}        data/versions/read    DataVersion
  PATCH  dataversion/{Data}/versions/{DataVersion}        data/versions/write   DataVersion
  DELETE dataversion/{Data}/versions/{DataVersion}        data/versions/delete  DataVersion
  GET    dataversion/{Data}/versions/{DataVersion}/exists data/versions/read    DataVersion
`,
)

/** DELETE of the collection deletes every data set: it is judged as a deletion of the collection itself. */
export const dataset = createFamily(
  'dataset',
  `
  GET    datasets                              datasets/registered/read    Dataset
  POST   datasets                              datasets/registered/write   Dataset
  DELETE datasets                              datasets/registered/delete  Dataset
  GET    datasets/query/name={Dataset}         datasets/registered/read    Dataset
  GET    datasets/{Dataset}                    datasets/registered/read    Dataset
  PUT    datasets/{Dataset}                    datasets/registered/write   Dataset
  DELETE datasets/{Dataset}                    datasets/registered/delete  Dataset
  GET    datasets/{Dataset}/definitions        datasets/registered/read    Dataset
  POST   datasets/{Dataset}/definitions        datasets/registered/write   Dataset
  GET    datasets/{Dataset}/definitions/{_}    datasets/registered/read    Dataset
  GET    datasets/{Dataset}/versions           datasets/registered/read    Dataset
  PUT    datasets/{Dataset}/versions/{_}       datasets/registered/write   Dataset
  DELETE datasets/{Dataset}/versions/{_}       datasets/registered/delete  Dataset
  GET    operations/{_}                        datasets/registered/read    Dataset
`,
)

/** Plain GETs here can answer with account keys and SAS (2019-08-01 swagger). */
export const datastore = createFamily(
  'datastore',
  `
  GET    datastores                            datastores/read    Datastore secrets
  POST   datastores                            datastores/write   Datastore
  DELETE datastores                            datastores/delete  Datastore
  GET    datastores/{Datastore}                datastores/read    Datastore secrets
  PUT    datastores/{Datastore}                datastores/write   Datastore
  DELETE datastores/{Datastore}                datastores/delete  Datastore
  GET    default                               datastores/read    Datastore secrets
  PUT    default/{Datastore}                   datastores/write   Datastore
`,
)

/** `?secrets=true` makes it another action: classify/dataplane.ts. */
export const environment = createFamily(
  'environment',
  `
  GET    environments/{Environment}/versions/{EnvironmentVersion}/image environments/read EnvironmentVersion
`,
)

/**
 * `write` is a GET that answers with a SAS which can write. SDK v1 names the container last: to register files of a run
 * or a model, that is the one of its ways with a path of fixed length.
 */
export const artifact = createFamily(
  'artifact',
  `
  POST   artifacts/metadata                                metadata/artifacts/write   Artifact
  POST   artifacts/register                                metadata/artifacts/write   Artifact
  POST   artifacts/batch/metadata                          metadata/artifacts/read    Artifact secrets
  POST   artifacts/batch/metadata/{_}/{Artifact}           metadata/artifacts/write   Artifact secrets
  POST   artifacts/storageuri/batch/metadata               metadata/artifacts/read    Artifact
  GET    artifacts/{_}/{Artifact}                          metadata/artifacts/read    Artifact
  GET    artifacts/{_}/{Artifact}/metadata                 metadata/artifacts/read    Artifact
  DELETE artifacts/{_}/{Artifact}/metadata                 metadata/artifacts/delete  Artifact
  GET    artifacts/{_}/{Artifact}/content                  metadata/artifacts/read    Artifact bytes
  POST   artifacts/{_}/{Artifact}/content                  metadata/artifacts/write   Artifact
  GET    artifacts/{_}/{Artifact}/contentinfo              metadata/artifacts/read    Artifact secrets
  GET    artifacts/{_}/{Artifact}/contentinfo/storageuri   metadata/artifacts/read    Artifact
  GET    artifacts/{_}/{Artifact}/write                    metadata/artifacts/write   Artifact secrets
  GET    artifacts/{_}/{Artifact}/prefix/contentinfo       metadata/artifacts/read    Artifact secrets
  GET    artifacts/{_}/{Artifact}/prefix/contentinfo/storageuri metadata/artifacts/read Artifact
  POST   artifacts/{_}/{Artifact}/batch/ingest/containersas metadata/artifacts/write  Artifact
  POST   artifacts/{_}/{Artifact}/batch/metadata           metadata/artifacts/write   Artifact secrets
  POST   artifacts/{_}/{Artifact}/batch/metadata:delete    metadata/artifacts/delete  Artifact
  DELETE artifacts/{_}/{Artifact}/batch                    metadata/artifacts/delete  Artifact
`,
)

export const content = createFamily(
  'content',
  `
  GET    snapshots/getByHash                   metadata/snapshots/read   Snapshot
  POST   snapshots/uri                         metadata/snapshots/write  Snapshot
  POST   snapshots/sas                         metadata/snapshots/read   Snapshot secrets
  POST   snapshots/{Snapshot}/zip              metadata/snapshots/read   Snapshot secrets
`,
)

const generic = (collection: string, kind: string): string => `
  GET    ${collection}                                   data/versions/read   ${kind}
  POST   ${collection}/{${kind}}:getNextVersion          data/versions/read   ${kind}
  GET    ${collection}/{${kind}}                         data/versions/read   ${kind}
  GET    ${collection}/{${kind}}/versions                data/versions/read   ${kind}
  GET    ${collection}/{${kind}}/versions/{_}            data/versions/read   ${kind}
  PUT    ${collection}/{${kind}}/versions/{_}            data/versions/write  ${kind}
`

/** Indexes and prompts have no published actions; the nearest are those of data versions. */
export const genericAsset = createFamily(
  'genericasset',
  `
  ${generic('indexes', 'Index')}
  ${generic('prompts', 'Prompt')}
  POST   registries/{RegistryAsset}/{_}/versions/{_}                         registries/assets/write   RegistryAsset
  GET    registries/{RegistryAsset}/deploymenttemplates/{_}/versions/{_}     registries/assets/read    RegistryAsset
  DELETE registries/{RegistryAsset}/deploymenttemplates/{_}/versions/{_}/{_} registries/assets/delete  RegistryAsset
`,
)
