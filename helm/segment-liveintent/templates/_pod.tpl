{{- /* What every pod of this chart has, tests and replay included: the restricted Pod Security Standard. */ -}}
{{- define "segment-liveintent.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
serviceAccountName: {{ include "segment-liveintent.serviceAccountName" . }}
securityContext:
  runAsNonRoot: true
  {{- range $name := list "runAsUser" "runAsGroup" "fsGroup" }}
  {{- with get $.Values.podSecurity $name }}
  {{ $name }}: {{ int64 . }}
  {{- end }}
  {{- end }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with concat (.Values.global.imagePullSecrets) (.Values.imagePullSecrets) }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "segment-liveintent.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities:
    drop: [ALL]
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "segment-liveintent.placement" -}}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "segment-liveintent.imageAndResources" -}}
image: {{ include "segment-liveintent.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{ include "segment-liveintent.containerSecurity" . }}
resources:
  requests:
    cpu: {{ .Values.resources.cpu | quote }}
    memory: {{ include "segment-liveintent.memoryLimit" . }}
  limits:
    {{- with .Values.resources.cpuLimit }}
    cpu: {{ . | quote }}
    {{- end }}
    memory: {{ include "segment-liveintent.memoryLimit" . }}
{{- end -}}

{{- define "segment-liveintent.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if .Values.secrets }}
- name: secrets
  mountPath: /etc/segment-liveintent/secrets
  readOnly: true
{{- end }}
{{- if and .Values.kafka.tls.enabled .Values.kafka.tls.existingSecret }}
- name: kafka-tls
  mountPath: /etc/segment-liveintent/kafka-tls
  readOnly: true
{{- end }}
{{- if .Values.schemaRegistry.tls.existingSecret }}
- name: registry-tls
  mountPath: /etc/segment-liveintent/registry-tls
  readOnly: true
{{- end }}
{{- if .Values.files }}
- name: files
  mountPath: /etc/segment-liveintent/files
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Secrets are mounted whole, not by subPath: only so do files follow when a Secret changes. */ -}}
{{- define "segment-liveintent.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- if .Values.secrets }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range $name, $secret := .Values.secrets }}
      - secret:
          name: {{ $secret.existingSecret | default (printf "%s-secrets" (include "segment-liveintent.fullname" $)) }}
          items:
            - key: {{ $secret.existingSecret | empty | ternary $name ($secret.key | default $name) }}
              path: {{ $name }}
      {{- end }}
{{- end }}
{{- if .Values.kafka.tls.enabled }}
{{- include "segment-liveintent.tlsVolume" (dict "name" "kafka-tls" "tls" .Values.kafka.tls) }}
{{- end }}
{{- include "segment-liveintent.tlsVolume" (dict "name" "registry-tls" "tls" .Values.schemaRegistry.tls) }}
{{- if .Values.files }}
- name: files
  configMap:
    name: {{ include "segment-liveintent.fullname" . }}-files
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "segment-liveintent.tlsVolume" -}}
{{- if .tls.existingSecret }}
- name: {{ .name }}
  secret:
    secretName: {{ .tls.existingSecret }}
    defaultMode: 0440
    items:
      {{- with .tls.caKey }}
      - key: {{ . }}
        path: ca.crt
      {{- end }}
      {{- with .tls.certificateKey }}
      - key: {{ . }}
        path: tls.crt
      {{- end }}
      {{- with .tls.privateKeyKey }}
      - key: {{ . }}
        path: tls.key
      {{- end }}
{{- end }}
{{- end -}}

{{- /* A probe: what the values say, asked at this path. */ -}}
{{- define "segment-liveintent.probe" -}}
httpGet:
  path: {{ .path }}
  port: http
{{ toYaml .timing }}
{{- end -}}

{{- define "segment-liveintent.portAndLiveness" -}}
ports:
  - name: http
    containerPort: {{ include "segment-liveintent.setting" (dict "root" . "name" "HTTP_PORT") }}
    protocol: TCP
startupProbe:
  {{- include "segment-liveintent.probe" (dict "path" "/livez" "timing" .Values.probes.startup) | nindent 2 }}
livenessProbe:
  {{- include "segment-liveintent.probe" (dict "path" "/livez" "timing" .Values.probes.liveness) | nindent 2 }}
{{- end -}}
