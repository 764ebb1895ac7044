{{/* The name of all objects of the server. */}}
{{- define "xdsserver.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 53 | trimSuffix "-" -}}
{{- else if contains "xdsserver" .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-xdsserver" .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What finds the pods of the server. Servers know each other by the first of these labels, whatever the release. */}}
{{- define "xdsserver.selector" -}}
app.kubernetes.io/name: xdsserver
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "xdsserver.common" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: xdsserver
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "xdsserver.labels" -}}
{{ include "xdsserver.selector" . }}
app.kubernetes.io/component: controller
{{ include "xdsserver.common" . }}
{{- end -}}

{{- define "xdsserver.tenants.selector" -}}
app.kubernetes.io/name: xdsserver-tenants
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "xdsserver.tenants.labels" -}}
{{ include "xdsserver.tenants.selector" . }}
app.kubernetes.io/component: operator
{{ include "xdsserver.common" . }}
{{- end -}}

{{- define "xdsserver.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "xdsserver.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "xdsserver.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{/* Namespaces that are read, our own among them, since the EnvoyFleet is there; "" for all. */}}
{{- define "xdsserver.watched" -}}
{{- if .Values.watchNamespaces -}}
{{- append .Values.watchNamespaces .Release.Namespace | uniq | sortAlpha | join "," -}}
{{- end -}}
{{- end -}}

{{/* Scheduling of the pods of the server; `.` is a map of values, selector is what finds them. */}}
{{- define "xdsserver.scheduling" -}}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
