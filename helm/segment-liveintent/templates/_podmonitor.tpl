{{- define "segment-liveintent.podMonitor" -}}
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  name: {{ include "segment-liveintent.fullname" .root }}{{ .suffix }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "segment-liveintent.labelsAnd" (dict "labels" (include "segment-liveintent.labels" .root) "more" .root.Values.podMonitor.labels) | nindent 4 }}
spec:
  selector:
    matchLabels:
      {{- include "segment-liveintent.releaseLabels" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
  podMetricsEndpoints:
    - port: http
      path: /metrics
      interval: {{ .root.Values.podMonitor.interval }}
      scrapeTimeout: {{ .root.Values.podMonitor.scrapeTimeout }}
      {{- with .root.Values.podMonitor.relabelings }}
      relabelings:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .root.Values.podMonitor.metricRelabelings }}
      metricRelabelings:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end -}}
