"""Compares bodies of resources with the models that Microsoft publishes of them (its SDKs for Python).

Takes a JSON list of {id, type, body} on standard input; prints {"faults": [...], "without": [types without a model]}. A fault is a
member that the model has not or that only Azure writes, a value of another kind, or none of those that an enumeration lists.
"""

import enum
import importlib
import json
import sys
import typing

NETWORK = "azure.mgmt.network.models"
STORAGE = "azure.mgmt.storage.models"
LOGS = "azure.mgmt.loganalytics.models"
APPS = "azure.mgmt.appcontainers.models"
ZONES = "azure.mgmt.privatedns.models"
MODELS = {
    "Microsoft.ManagedIdentity/userAssignedIdentities": ("azure.mgmt.msi.models", "Identity"),
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials": (
        "azure.mgmt.msi.models",
        "FederatedIdentityCredential",
    ),
    "Microsoft.OperationalInsights/workspaces": (LOGS, "Workspace"),
    "Microsoft.OperationalInsights/workspaces/tables": (LOGS, "Table"),
    "Microsoft.OperationalInsights/workspaces/savedSearches": (LOGS, "SavedSearch"),
    "Microsoft.Insights/dataCollectionRules": ("azure.mgmt.monitor.models", "DataCollectionRuleResource"),
    "Microsoft.Insights/workbooks": ("azure.mgmt.applicationinsights.v2023_06_01.models", "Workbook"),
    "Microsoft.KeyVault/vaults": ("azure.mgmt.keyvault.models", "VaultCreateOrUpdateParameters"),
    "Microsoft.KeyVault/vaults/keys": ("azure.mgmt.keyvault.models", "KeyCreateParameters"),
    "Microsoft.Storage/storageAccounts": (STORAGE, "StorageAccountCreateParameters"),
    "Microsoft.Storage/storageAccounts/blobServices": (STORAGE, "BlobServiceProperties"),
    "Microsoft.Storage/storageAccounts/blobServices/containers": (STORAGE, "BlobContainer"),
    "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies": (STORAGE, "ImmutabilityPolicy"),
    "Microsoft.Storage/storageAccounts/fileServices": (STORAGE, "FileServiceProperties"),
    "Microsoft.Storage/storageAccounts/fileServices/shares": (STORAGE, "FileShare"),
    "Microsoft.Network/virtualNetworks": (NETWORK, "VirtualNetwork"),
    "Microsoft.Network/networkSecurityGroups": (NETWORK, "NetworkSecurityGroup"),
    "Microsoft.Network/privateEndpoints": (NETWORK, "PrivateEndpoint"),
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": (NETWORK, "PrivateDnsZoneGroup"),
    "Microsoft.Network/privateDnsZones": (ZONES, "PrivateZone"),
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": (ZONES, "VirtualNetworkLink"),
    "Microsoft.Network/privateDnsZones/A": (ZONES, "RecordSet"),
    "Microsoft.Authorization/roleAssignments": ("azure.mgmt.authorization.models", "RoleAssignmentCreateParameters"),
    "Microsoft.Authorization/roleDefinitions": ("azure.mgmt.authorization.models", "RoleDefinition"),
    "Microsoft.Authorization/policyAssignments": ("azure.mgmt.resource.policy.models", "PolicyAssignment"),
    "Microsoft.ContainerService/managedClusters": ("azure.mgmt.containerservice.models", "ManagedCluster"),
    "Microsoft.App/managedEnvironments": (APPS, "ManagedEnvironment"),
    "Microsoft.App/managedEnvironments/certificates": (APPS, "Certificate"),
    "Microsoft.App/managedEnvironments/storages": (APPS, "ManagedEnvironmentStorage"),
    "Microsoft.App/containerApps": (APPS, "ContainerApp"),
}
PLAIN = {str: str, int: int, float: (int, float), bool: bool}
NAMED = {"str": str, "int": int, "float": float, "bool": bool, "long": int}


class Members(dict):
    """Members of an object by their names in JSON: (type, whether only Azure writes it)."""


def members_of(model, module):
    if hasattr(model, "_attribute_map"):
        return by_map(model, module)
    return by_hints(model, module)


def by_map(model, module):
    """Older models: names in JSON may be paths, where the model leaves an object out."""
    found = Members()
    for attribute, entry in model._attribute_map.items():
        steps = [step.replace("\0", ".") for step in entry["key"].replace("\\.", "\0").split(".")]
        at = found
        for step in steps[:-1]:
            at = at.setdefault(step, (Members(), False))[0]
        readonly = model._validation.get(attribute, {}).get("readonly", False)
        at[steps[-1]] = (kind_of(entry["type"], module), readonly)
    return found


def kind_of(text, module):
    if text.startswith("["):
        return list[kind_of(text[1:-1], module)]
    if text.startswith("{"):
        return dict[str, kind_of(text[1:-1], module)]
    return NAMED.get(text) or getattr(module, text, typing.Any)


def by_hints(model, module):
    """Newer models: fields with type hints."""
    scope = {**vars(sys.modules[model.__module__]), "_models": module}
    hints = {}
    for one in reversed(model.__mro__):
        if one.__module__ == model.__module__:
            hints.update(typing.get_type_hints(one, globalns=scope))
    model({})
    found = Members()
    for attribute, field in model._attr_to_rest_field.items():
        found[field._rest_name] = (hints[attribute], field._visibility == ["read"])
    return found


def check(value, kind, module, where):
    if kind is typing.Any or kind is object:
        return
    if isinstance(kind, Members):
        yield from check_object(value, kind, module, where)
        return
    origin = typing.get_origin(kind)
    if origin is typing.Union:
        options = [one for one in typing.get_args(kind) if one is not type(None)]
        enums = [one for one in options if isinstance(one, type) and issubclass(one, enum.Enum)]
        yield from check(value, (enums or options)[0], module, where)
    elif origin is list:
        if not isinstance(value, list):
            yield f"{where}: is no list"
            return
        for at, one in enumerate(value):
            yield from check(one, typing.get_args(kind)[0], module, f"{where}[{at}]")
    elif origin is dict:
        if not isinstance(value, dict):
            yield f"{where}: is no object"
            return
        for key, one in value.items():
            yield from check(one, typing.get_args(kind)[1], module, f"{where}.{key}")
    elif isinstance(kind, type) and issubclass(kind, enum.Enum):
        listed = [one.value for one in kind]
        # Resource Manager does not look at the case
        if not isinstance(value, str) or value.lower() not in [one.lower() for one in listed]:
            yield f"{where}: {json.dumps(value)} is none of {listed}"
    elif kind in PLAIN:
        if not isinstance(value, PLAIN[kind]) or (isinstance(value, bool) and kind is not bool):
            yield f"{where}: {json.dumps(value)} is no {kind.__name__}"
    elif hasattr(kind, "_attribute_map") or hasattr(kind, "__annotations__"):
        yield from check_object(value, members_of(kind, module), module, where)


def check_object(value, members, module, where):
    if not isinstance(value, dict):
        yield f"{where}: is no object"
        return
    for key, one in value.items():
        if key not in members:
            yield f"{where}.{key}: the model has no such member"
            continue
        kind, readonly = members[key]
        if readonly:
            yield f"{where}.{key}: only Azure writes it"
            continue
        yield from check(one, kind, module, f"{where}.{key}")


faults, without = [], set()
for resource in json.load(sys.stdin):
    known = MODELS.get(resource["type"])
    if known is None:
        without.add(resource["type"])
        continue
    module = importlib.import_module(known[0])
    model = getattr(module, known[1])
    faults += check_object(resource["body"], members_of(model, module), module, resource["type"])
json.dump({"faults": sorted(set(faults)), "without": sorted(without)}, sys.stdout)
