{{- /* The pod of the Deployment and of the StatefulSet. */ -}}
{{- define "segment-liveintent.consumerPod" -}}
metadata:
  labels:
    {{- include "segment-liveintent.labelsAnd" (dict "labels" (include "segment-liveintent.labels" .) "more" .Values.podLabels) | nindent 4 }}
  annotations:
    kubectl.kubernetes.io/default-container: consumer
    {{- if .Values.files }}
    checksum/files: {{ toJson .Values.files | sha256sum }}
    {{- end }}
    {{- if .Values.secrets }}
    {{- /* Sees values of this chart only. A Secret that exists already is read again by the program when it changes. */}}
    checksum/secrets: {{ toJson .Values.secrets | sha256sum }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "segment-liveintent.podSecurity" . | nindent 2 }}
  {{- with include "segment-liveintent.placement" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ include "segment-liveintent.graceSeconds" . }}
  topologySpreadConstraints:
    {{- if .Values.topologySpreadConstraints }}
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
    {{- else }}
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "segment-liveintent.selectorLabels" $ | nindent 10 }}
    {{- end }}
    {{- end }}
  {{- if .Values.sandbox.enabled }}
  initContainers:
    - name: sandbox
      {{- /* A sidecar in Kubernetes' sense: it is there before the consumer starts, and until it has drained. */}}
      restartPolicy: Always
      image: {{ include "segment-liveintent.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [sandbox, --host, 127.0.0.1, --port, {{ .Values.sandbox.port | quote }}, --processing-seconds, {{ .Values.sandbox.processingSeconds | quote }}]
      {{- include "segment-liveintent.containerSecurity" . | nindent 6 }}
      resources:
        requests: {cpu: 50m, memory: 256Mi}
        limits: {memory: 256Mi}
      volumeMounts:
        - name: tmp
          mountPath: /tmp
  {{- end }}
  containers:
    - name: consumer
      {{- include "segment-liveintent.imageAndResources" . | nindent 6 }}
      args: [run]
      env:
        {{- include "segment-liveintent.env" (dict "root" . "member" true "more" dict) | trim | nindent 8 }}
      {{- include "segment-liveintent.portAndLiveness" . | nindent 6 }}
      readinessProbe:
        {{- include "segment-liveintent.probe" (dict "path" "/readyz" "timing" .Values.probes.readiness) | nindent 8 }}
      volumeMounts:
        {{- include "segment-liveintent.volumeMounts" . | trim | nindent 8 }}
  volumes:
    {{- include "segment-liveintent.volumes" . | trim | nindent 4 }}
{{- end -}}
