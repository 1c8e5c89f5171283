{{- define "azureml-harness.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "azureml-harness.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "azureml-harness.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "azureml-harness.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "azureml-harness.selectorLabels" -}}
app.kubernetes.io/name: {{ include "azureml-harness.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "azureml-harness.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "azureml-harness.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Of jobs that ship what a replica has left: no selector finds them */}}
{{- define "azureml-harness.shipLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "azureml-harness.name" . }}-ship
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "azureml-harness.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "azureml-harness.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name: name the account that exists, or set serviceAccount.create" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "azureml-harness.image" -}}
{{- $repository := required "image.repository: push the image of the Dockerfile's target gateway to a registry of yours and name it here" .Values.image.repository }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* The Secret with the files of secrets; empty if there is none */}}
{{- define "azureml-harness.secretName" -}}
{{- if .Values.secrets.keyVault.enabled }}
{{- default (printf "%s-vault" (include "azureml-harness.fullname" .)) .Values.secrets.secretName }}
{{- else }}
{{- .Values.secrets.secretName }}
{{- end }}
{{- end }}

{{/* More than one replica can be there at the same time */}}
{{- define "azureml-harness.isReplicated" -}}
{{- if .Values.autoscaling.enabled }}
{{- if gt (int .Values.autoscaling.maxReplicas) 1 }}true{{ end }}
{{- else if gt (int .Values.replicaCount) 1 }}true{{ end }}
{{- end }}

{{/* Where the files of policies.files end up: a key of a ConfigMap has no "/" */}}
{{- define "azureml-harness.policyItems" -}}
{{- $paths := keys .Values.policies.files | sortAlpha }}
{{- if .Values.policies.configMapName }}{{ $paths = .Values.policies.configMapPaths }}{{ end }}
{{- range $paths }}
- key: {{ . | replace "/" "__" | quote }}
  path: {{ . | quote }}
{{- end }}
{{- end }}

{{/* What would fail only later, or work on one replica and not on two */}}
{{- define "azureml-harness.check" -}}
{{- $config := .Values.config }}
{{- $listen := $config.listen | default dict }}
{{- range list "host" "port" "tls" "metrics" }}
{{- if hasKey $listen . }}{{ fail (printf "config.listen.%s: the chart sets it" .) }}{{ end }}
{{- end }}
{{- if hasKey $config "policies" }}{{ fail "config.policies: the chart sets it from the values under policies" }}{{ end }}
{{- if hasKey (($config.audit | default dict).spool | default dict) "directory" }}{{ fail "config.audit.spool.directory: the chart sets it" }}{{ end }}
{{- if not $listen.publicUrl }}{{ fail "config.listen.publicUrl: name the origin that clients use" }}{{ end }}
{{- if not $config.issuers }}{{ fail "config.issuers: name who may sign in, as in config/harness.yaml" }}{{ end }}
{{- if not $config.identities }}{{ fail "config.identities: name what calls go out under, as in config/harness.yaml" }}{{ end }}
{{- if include "azureml-harness.isReplicated" . }}
{{- if not $config.operationKey }}{{ fail "config.operationKey: several replicas need the same one, such as { fromFile: /etc/azureml-harness/secrets/operation-key }" }}{{ end }}
{{- if (($config.approvals | default dict).ledger | default dict).directory }}{{ fail "config.approvals.ledger.directory: several replicas share a container of Azure Blob storage" }}{{ end }}
{{- end }}
{{- $stopSeconds := divf (float64 (($config.limits | default dict).stopMs | default 25000)) 1000 }}
{{- if lt (float64 .Values.terminationGracePeriodSeconds) (addf $stopSeconds (float64 .Values.preStopSeconds)) }}{{ fail "terminationGracePeriodSeconds: it is less than preStopSeconds and config.limits.stopMs together" }}{{ end }}
{{- if and (eq .Values.policies.source "image") (or .Values.policies.configMapName .Values.policies.gitSync.repository) }}{{ fail "policies.source: it is image, and yet a ConfigMap or a repository is named" }}{{ end }}
{{- if eq .Values.policies.source "image" }}
{{- range $path, $_ := .Values.policies.files }}
{{- if not (regexMatch "^((bindings|owners|requests)\\.yaml|bindings\\.d/[^/]+\\.yaml)$" $path) }}{{ fail (printf "policies.files.%s: beside the policies of the image only bindings.yaml, owners.yaml, requests.yaml and bindings.d/*.yaml can be given" $path) }}{{ end }}
{{- end }}
{{- end }}
{{- if eq .Values.policies.source "configMap" }}
{{- if and .Values.policies.configMapName .Values.policies.files }}{{ fail "policies: either files or configMapName" }}{{ end }}
{{- if not (include "azureml-harness.policyItems" . | trim) }}{{ fail "policies.files: they are empty (with policies.configMapName: policies.configMapPaths)" }}{{ end }}
{{- end }}
{{- end }}

{{/* harness.yaml: what the values say, and what the chart knows */}}
{{- define "azureml-harness.config" -}}
{{- $tls := dict "certFile" "/etc/azureml-harness/tls/tls.crt" "keyFile" "/etc/azureml-harness/tls/tls.key" }}
{{- if .Values.tls.clientCaKey }}
{{- $_ := set $tls "clientCertificates" (dict "caFile" "/etc/azureml-harness/tls/clients.pem" "required" .Values.tls.clientCertificatesRequired) }}
{{- end }}
{{- $listen := dict "host" "0.0.0.0" "port" 8443 "tls" $tls "metrics" (dict "host" "0.0.0.0" "port" 9464) }}
{{- $policies := dict "directory" "/app/policies" }}
{{- if and (eq .Values.policies.source "image") .Values.policies.files }}
{{- $_ := set $policies "bindings" "/etc/azureml-harness/policies/bindings.yaml" }}
{{- else if eq .Values.policies.source "configMap" }}
{{- $policies = dict "directory" "/etc/azureml-harness/policies" }}
{{- else if eq .Values.policies.source "gitSync" }}
{{- $policies = dict "directory" (printf "/policies/current/%s" .Values.policies.gitSync.path | clean) }}
{{- end }}
{{- $owned := dict "listen" $listen "policies" $policies "audit" (dict "spool" (dict "directory" "/var/lib/azureml-harness/spool")) }}
{{- mustMergeOverwrite (deepCopy .Values.config) $owned | toYaml }}
{{- end }}
