{{- /*
What a schema cannot say: rules between two values. Everything that is wrong is told at once, as the program itself does.
*/ -}}
{{- define "segment-liveintent.validate" -}}
{{- $problems := list
      (include "segment-liveintent.problems.required" .)
      (include "segment-liveintent.problems.secrets" .)
      (include "segment-liveintent.problems.kafka" .)
      (include "segment-liveintent.problems.workload" .)
      (include "segment-liveintent.problems.scaling" .)
      (include "segment-liveintent.problems.replay" .) -}}
{{- $lines := compact (splitList "\n" (join "\n" $problems)) -}}
{{- if $lines -}}
{{- fail (printf "\n\nThese values do not fit each other:\n- %s\n" (join "\n- " $lines)) -}}
{{- end -}}
{{- end -}}

{{- define "segment-liveintent.problems.required" -}}
{{- $given := include "segment-liveintent.settings" . | fromJson -}}
{{- range (.Files.Get "files/settings.json" | fromJson).required }}
{{- /* Empty text is not set, except for the audiences: no audience. */}}
{{- $isSet := and (hasKey $given .) (or (eq . "LIVEINTENT_AUDIENCES") (ne (include "segment-liveintent.text" (get $given .)) "")) }}
{{- if not (or $isSet (hasKey $given (printf "%s_FILE" .))) }}
{{ ternary "secrets" "settings" (has . ($.Files.Get "files/settings.json" | fromJson).secrets) }}.{{ . }} is required
{{- end }}
{{- end }}
{{- $format := include "segment-liveintent.setting" (dict "root" . "name" "EVENT_FORMAT") }}
{{- if and (has $format (list "avro-confluent" "detect")) (not .Values.settings.SCHEMA_REGISTRY_URL) }}
settings.SCHEMA_REGISTRY_URL is required when settings.EVENT_FORMAT is {{ $format }}
{{- end }}
{{- end -}}

{{- define "segment-liveintent.problems.secrets" -}}
{{- range $name, $secret := .Values.secrets }}
{{- if and $secret.existingSecret $secret.value }}
secrets.{{ $name }}: set existingSecret or value, not both
{{- else if not (or $secret.existingSecret $secret.value) }}
secrets.{{ $name }}: set existingSecret (or value, for development)
{{- end }}
{{- end }}
{{- range $name, $_secret := .Values.secrets }}
{{- if hasKey $.Values.settings (printf "%s_FILE" $name) }}
settings.{{ $name }}_FILE and secrets.{{ $name }}: keep one of them
{{- end }}
{{- end }}
{{- if .Values.sandbox.enabled }}
{{- range list "LIVEINTENT_URL" "LIVEINTENT_ACCOUNT_ID" "LIVEINTENT_DATA_PROVIDER_ID" }}
{{- if hasKey $.Values.settings . }}
sandbox.enabled sets settings.{{ . }}: leave it out
{{- end }}
{{- end }}
{{- if or (hasKey .Values.secrets "LIVEINTENT_API_KEY") .Values.settings.LIVEINTENT_API_KEY_FILE }}
sandbox.enabled sets the API key: leave secrets.LIVEINTENT_API_KEY out
{{- end }}
{{- end }}
{{- $set := include "segment-liveintent.settings" . | fromJson }}
{{- range .Values.extraEnv }}
{{- if hasKey $set .name }}
extraEnv: {{ .name }} is set already, by settings, secrets or the chart
{{- end }}
{{- end }}
{{- end -}}

{{- define "segment-liveintent.problems.kafka" -}}
{{- $properties := .Values.settings.KAFKA_PROPERTIES | default dict }}
{{- $tls := .Values.kafka.tls }}
{{- $owned := list }}
{{- if or $tls.enabled .Values.kafka.sasl.mechanism }}{{ $owned = append $owned "security.protocol" }}{{ end }}
{{- if and $tls.enabled $tls.existingSecret }}
{{- $owned = concat $owned (list "ssl.ca.location" "ssl.certificate.location" "ssl.key.location") }}
{{- end }}
{{- if .Values.kafka.sasl.mechanism }}{{ $owned = concat $owned (list "sasl.mechanism" "sasl.mechanisms") }}{{ end }}
{{- if .Values.kafka.sasl.username }}{{ $owned = append $owned "sasl.username" }}{{ end }}
{{- range $owned }}
{{- if hasKey $properties . }}
settings.KAFKA_PROPERTIES holds {{ . }}, which kafka.tls or kafka.sasl sets: keep one of them
{{- end }}
{{- end }}
{{- if hasKey $properties "group.instance.id" }}
settings.KAFKA_PROPERTIES holds group.instance.id, which every pod would have: set workload.staticMembership
{{- end }}
{{- range $where, $files := dict "kafka.tls" $tls "schemaRegistry.tls" .Values.schemaRegistry.tls }}
{{- if and $files.certificateKey (not $files.privateKeyKey) }}
{{ $where }}.certificateKey needs {{ $where }}.privateKeyKey
{{- else if and $files.privateKeyKey (not $files.certificateKey) }}
{{ $where }}.privateKeyKey needs {{ $where }}.certificateKey
{{- end }}
{{- if and (or $files.certificateKey $files.privateKeyKey) (not $files.existingSecret) }}
{{ $where }}.existingSecret is required with a certificate
{{- end }}
{{- end }}
{{- if and $tls.existingSecret (not $tls.enabled) }}
kafka.tls.existingSecret does nothing unless kafka.tls.enabled
{{- end }}
{{- range list "SCHEMA_REGISTRY_CA_FILE" "SCHEMA_REGISTRY_CERTIFICATE_FILE" "SCHEMA_REGISTRY_KEY_FILE" }}
{{- if and $.Values.schemaRegistry.tls.existingSecret (hasKey $.Values.settings .) }}
settings.{{ . }} and schemaRegistry.tls.existingSecret: keep one of them
{{- end }}
{{- end }}
{{- $password := or (hasPrefix "SCRAM-" .Values.kafka.sasl.mechanism) (eq .Values.kafka.sasl.mechanism "PLAIN") }}
{{- $given := or (hasKey .Values.secrets "KAFKA_SASL_PASSWORD") .Values.settings.KAFKA_SASL_PASSWORD_FILE (hasKey .Values.secrets "KAFKA_PROPERTIES") .Values.settings.KAFKA_PROPERTIES_FILE }}
{{- if and $password (not $given) }}
kafka.sasl.mechanism {{ .Values.kafka.sasl.mechanism }} needs secrets.KAFKA_SASL_PASSWORD (or secrets.KAFKA_PROPERTIES, with sasl.password in it)
{{- end }}
{{- if and .Values.kafka.sasl.username (or .Values.settings.KAFKA_SASL_USERNAME (hasKey .Values.settings "KAFKA_SASL_USERNAME")) }}
kafka.sasl.username and settings.KAFKA_SASL_USERNAME: keep one of them
{{- end }}
{{- if and (hasKey .Values.secrets "KAFKA_SASL_PASSWORD") (not .Values.kafka.sasl.mechanism) (not (hasKey $properties "sasl.mechanism")) (not (hasKey $properties "sasl.mechanisms")) }}
secrets.KAFKA_SASL_PASSWORD does nothing without kafka.sasl.mechanism
{{- end }}
{{- end -}}

{{- define "segment-liveintent.problems.workload" -}}
{{- $static := .Values.workload.staticMembership }}
{{- if and $static (ne .Values.workload.kind "StatefulSet") }}
workload.staticMembership needs workload.kind StatefulSet: a Deployment's pods never have the same name twice
{{- end }}
{{- $drain := include "segment-liveintent.setting" (dict "root" . "name" "DRAIN_SECONDS") | float64 }}
{{- $grace := include "segment-liveintent.graceSeconds" . | int }}
{{- if lt (float64 $grace) (addf $drain 10.0) }}
terminationGracePeriodSeconds {{ $grace }} is below settings.DRAIN_SECONDS {{ $drain }} and ten seconds: leave it out to have it computed
{{- end }}
{{- $properties := .Values.settings.KAFKA_PROPERTIES | default dict }}
{{- if and $static (hasKey $properties "session.timeout.ms") }}
{{- if le (get $properties "session.timeout.ms" | int) (mul 1000 $grace | int) }}
settings.KAFKA_PROPERTIES: with static members session.timeout.ms must be above the grace period of {{ $grace }} s, or every restart rebalances
{{- end }}
{{- end }}
{{- $needed := include "segment-liveintent.memoryNeededMebibytes" . | int }}
{{- if lt (include "segment-liveintent.mebibytes" (include "segment-liveintent.memoryLimit" .) | int) $needed }}
resources.memory {{ .Values.resources.memory }} is below the {{ $needed }}Mi that settings.MEMORY_BUDGET_MB and what is beside it need: leave it out to have it computed
{{- end }}
{{- $port := include "segment-liveintent.setting" (dict "root" . "name" "HTTP_PORT") }}
{{- if eq $port "0" }}
settings.HTTP_PORT 0 takes any port: the probes would not find it
{{- end }}
{{- if and .Values.sandbox.enabled (eq $port (toString .Values.sandbox.port)) }}
sandbox.port and settings.HTTP_PORT are the same
{{- end }}
{{- if regexMatch "^(localhost|127\\..*|::1)$" (include "segment-liveintent.setting" (dict "root" . "name" "HTTP_HOST")) }}
settings.HTTP_HOST is this machine only: the probes would not reach it
{{- end }}
{{- if and .Values.sandbox.enabled (or (gt (int .Values.replicas) 1) (include "segment-liveintent.autoscaled" .)) }}
sandbox.enabled gives each pod its own stand-in for LiveIntent: replicas must be 1, without autoscaling
{{- end }}
{{- end -}}

{{- define "segment-liveintent.problems.scaling" -}}
{{- if and .Values.keda.enabled .Values.hpa.enabled }}
keda.enabled and hpa.enabled: keep one of them
{{- end }}
{{- if and .Values.workload.staticMembership (include "segment-liveintent.autoscaled" .) }}
workload.staticMembership with autoscaling: whatever is scaled away leaves its partitions unread for a session
{{- end }}
{{- range $kind := list "keda" "hpa" }}
{{- $scaling := get $.Values $kind }}
{{- if and $scaling.enabled (gt (int $scaling.minReplicas) (int $scaling.maxReplicas)) }}
{{ $kind }}.minReplicas is above {{ $kind }}.maxReplicas
{{- end }}
{{- end }}
{{- with .Values.keda }}
{{- if and .enabled (eq .trigger "prometheus") (not .prometheus.serverAddress) }}
keda.prometheus.serverAddress is required for keda.trigger prometheus
{{- end }}
{{- if and .enabled (eq .trigger "kafka") (not .kafka.authentication) (or $.Values.kafka.tls.enabled $.Values.kafka.sasl.mechanism) }}
keda.kafka.authentication is required when Kafka wants TLS or SASL: the name of a TriggerAuthentication
{{- end }}
{{- end }}
{{- with .Values.podDisruptionBudget }}
{{- if and .enabled (not (kindIs "invalid" .minAvailable)) (ge (int .minAvailable) (int $.Values.replicas)) (not (include "segment-liveintent.autoscaled" $)) }}
podDisruptionBudget.minAvailable is not below replicas: no node could ever be drained
{{- end }}
{{- end }}
{{- end -}}
