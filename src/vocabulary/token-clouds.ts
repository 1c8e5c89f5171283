/**
 * What differs between Azure's clouds where tokens are issued.
 * @module
 */
import type { CloudConfig } from '../config/schema/schema.ts'

/** A cloud's login endpoint, and the scope of assertions for applications that trust a managed identity. */
export interface CloudLogin {
  readonly authorityHost: string
  readonly exchangeScope: string
}

// Microsoft Learn: "Configure an application to trust a managed identity", and @azure/identity's AzureAuthorityHosts
export const CLOUD_LOGINS: Readonly<Record<CloudConfig['name'], CloudLogin>> = {
  AzureCloud: {
    authorityHost: 'https://login.microsoftonline.com',
    exchangeScope: 'api://AzureADTokenExchange/.default',
  },
  AzureUSGovernment: {
    authorityHost: 'https://login.microsoftonline.us',
    exchangeScope: 'api://AzureADTokenExchangeUSGov/.default',
  },
  AzureChinaCloud: {
    authorityHost: 'https://login.chinacloudapi.cn',
    exchangeScope: 'api://AzureADTokenExchangeChina/.default',
  },
}
