locals {
  names = {
    AzureCloud = {
      workspace = ["privatelink.api.azureml.ms", "privatelink.notebooks.azure.net"]
      blob      = ["privatelink.blob.core.windows.net"]
      file      = ["privatelink.file.core.windows.net"]
      vault     = ["privatelink.vaultcore.azure.net"]
    }
    AzureUSGovernment = {
      workspace = ["privatelink.api.ml.azure.us", "privatelink.notebooks.usgovcloudapi.net"]
      blob      = ["privatelink.blob.core.usgovcloudapi.net"]
      file      = ["privatelink.file.core.usgovcloudapi.net"]
      vault     = ["privatelink.vaultcore.usgovcloudapi.net"]
    }
    AzureChinaCloud = {
      workspace = ["privatelink.api.ml.azure.cn", "privatelink.notebooks.chinacloudapi.cn"]
      blob      = ["privatelink.blob.core.chinacloudapi.cn"]
      file      = ["privatelink.file.core.chinacloudapi.cn"]
      vault     = ["privatelink.vaultcore.azure.cn"]
    }
  }
  zones      = local.names[var.cloud]
  zone_names = concat(local.zones.workspace, local.zones.blob, local.zones.file, local.zones.vault)
  delegations = {
    kubernetes = []
    container-apps = [{
      name       = "container-apps"
      properties = { serviceName = "Microsoft.App/environments" }
    }]
  }
}
