{{- define "segment-liveintent.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* At most 40 characters: what is made from it (a replay's Job, a dashboard's ConfigMap) must stay below 64. */ -}}
{{- define "segment-liveintent.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* What selects every pod of the release. Selectors cannot be changed, so nothing that changes may be in here. */ -}}
{{- define "segment-liveintent.releaseLabels" -}}
app.kubernetes.io/name: {{ include "segment-liveintent.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* What selects the consumers. */ -}}
{{- define "segment-liveintent.selectorLabels" -}}
{{ include "segment-liveintent.releaseLabels" . }}
app.kubernetes.io/component: consumer
{{- end -}}

{{- define "segment-liveintent.labels" -}}
{{ include "segment-liveintent.commonLabels" . }}
app.kubernetes.io/component: consumer
{{- end -}}

{{- /* For objects and pods whose component is another. */ -}}
{{- define "segment-liveintent.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "segment-liveintent.releaseLabels" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/part-of: segment-liveintent
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Labels and more of them, which win. Gets labels (text) and more. One mapping, for a key twice would be an error. */ -}}
{{- define "segment-liveintent.labelsAnd" -}}
{{- merge dict (.more | default dict) (fromYaml .labels) | toYaml -}}
{{- end -}}

{{- define "segment-liveintent.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "segment-liveintent.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* A digest wins over a tag: it names one image for ever. */ -}}
{{- define "segment-liveintent.image" -}}
{{- $registry := .Values.global.imageRegistry | default .Values.image.registry -}}
{{- $repository := .Values.image.repository -}}
{{- if $registry -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" $registry) $repository -}}
{{- end -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- /* Whether something else than this chart decides on the number of replicas. */ -}}
{{- define "segment-liveintent.autoscaled" -}}
{{- if or .Values.keda.enabled .Values.hpa.enabled -}}true{{- end -}}
{{- end -}}

{{- /* The `job` label our metrics have in Prometheus: what a PodMonitor gives them. */ -}}
{{- define "segment-liveintent.job" -}}
{{- .Values.alerts.job | default (printf "%s/%s" .Release.Namespace (include "segment-liveintent.fullname" .)) -}}
{{- end -}}
