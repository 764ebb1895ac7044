{{/*
A role and its binding: kind, name, namespace ("" for none), permissions, account, labels; `names` narrows permissions
that are among `named` to these objects.
*/}}
{{- define "xdsserver.role" }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- toYaml .labels | nindent 4 }}
rules:
  {{- $role := . }}
  {{- range .permissions }}
  # {{ .why }}
  - apiGroups: [{{ .group | quote }}]
    resources: [{{ .resource }}]
    {{- if .name }}
    resourceNames: [{{ .name }}]
    {{- else if and $role.names (has . $role.named) }}
    resourceNames: [{{ join ", " $role.names }}]
    {{- end }}
    verbs: [{{ join ", " .verbs }}]
  {{- end }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}Binding
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- toYaml .labels | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name }}
subjects:
  - {{ toYaml .account | nindent 4 | trim }}
{{- end }}
