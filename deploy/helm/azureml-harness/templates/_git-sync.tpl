{{/* A container that keeps a clone of the policies: a link named "current" leads to the commit in force */}}
{{- define "azureml-harness.gitSync" -}}
{{- $git := .root.Values.policies.gitSync -}}
image: {{ required "policies.gitSync.image: name a git-sync image of version 4" $git.image | quote }}
args:
  - --repo={{ required "policies.gitSync.repository: name the repository of the policies" $git.repository }}
  - --ref={{ $git.ref }}
  - --root=/policies
  - --link=current
  {{- if .once }}
  - --one-time
  {{- else }}
  - --period={{ $git.period }}
  {{- end }}
  {{- if $git.secretName }}
  {{- if hasPrefix "https://" $git.repository }}
  - --username=$(GIT_USERNAME)
  - --password-file=/etc/git-secret/password
  {{- else }}
  - --ssh-key-file=/etc/git-secret/ssh
  - --ssh-known-hosts-file=/etc/git-secret/known_hosts
  {{- end }}
  {{- end }}
env:
  - { name: HOME, value: /home/git }
  {{- if and $git.secretName (hasPrefix "https://" $git.repository) }}
  - name: GIT_USERNAME
    valueFrom:
      secretKeyRef: { name: {{ $git.secretName }}, key: username }
  {{- end }}
resources:
  requests: { cpu: 10m, memory: 32Mi }
  limits: { memory: 256Mi }
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
volumeMounts:
  - { name: git, mountPath: /policies }
  - { name: git-home, mountPath: /home/git }
  {{- if $git.secretName }}
  - { name: git-secret, mountPath: /etc/git-secret, readOnly: true }
  {{- end }}
{{- end }}
