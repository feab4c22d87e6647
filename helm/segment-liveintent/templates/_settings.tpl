{{- /*
The program's settings. files/settings.json is made from the program's code: defaults, what is required, what is a secret.
*/ -}}

{{- /* Every setting that is set: the values, and what TLS, SASL and the sandbox add. JSON. */ -}}
{{- define "segment-liveintent.settings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- if not $settings.KAFKA_GROUP_ID -}}
{{- $_ := set $settings "KAFKA_GROUP_ID" (include "segment-liveintent.fullname" .) -}}
{{- end -}}
{{- if .Values.sandbox.enabled -}}
{{- $_ := set $settings "LIVEINTENT_URL" (printf "http://127.0.0.1:%v" .Values.sandbox.port) -}}
{{- $_ := set $settings "LIVEINTENT_API_KEY" "sandbox-token" -}}
{{- $_ := set $settings "LIVEINTENT_ACCOUNT_ID" 7001 -}}
{{- $_ := set $settings "LIVEINTENT_DATA_PROVIDER_ID" 84 -}}
{{- if not (hasKey $settings "LIVEINTENT_AUDIENCES") -}}
{{- $_ := set $settings "LIVEINTENT_AUDIENCES" "*" -}}
{{- end -}}
{{- /* Whoever tries it should not have to wait; a sandbox has no pace to be spared. */ -}}
{{- $settings = merge $settings (dict "FLUSH_SECONDS" 5 "UPLOAD_POLL_SECONDS" 2 "LIVEINTENT_REQUESTS_PER_SECOND" 50) -}}
{{- end -}}
{{- $folder := "/etc/segment-liveintent" -}}
{{- range $name, $_secret := .Values.secrets -}}
{{- $_ := set $settings (printf "%s_FILE" $name) (printf "%s/secrets/%s" $folder $name) -}}
{{- end -}}
{{- with .Values.schemaRegistry.tls -}}
{{- if .existingSecret -}}
{{- if .caKey -}}{{- $_ := set $settings "SCHEMA_REGISTRY_CA_FILE" (printf "%s/registry-tls/ca.crt" $folder) -}}{{- end -}}
{{- if .certificateKey -}}
{{- $_ := set $settings "SCHEMA_REGISTRY_CERTIFICATE_FILE" (printf "%s/registry-tls/tls.crt" $folder) -}}
{{- $_ := set $settings "SCHEMA_REGISTRY_KEY_FILE" (printf "%s/registry-tls/tls.key" $folder) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $properties := include "segment-liveintent.kafkaProperties" . | fromJson -}}
{{- if $properties -}}
{{- $_ := set $settings "KAFKA_PROPERTIES" $properties -}}
{{- end -}}
{{- toJson $settings -}}
{{- end -}}

{{- /* KAFKA_PROPERTIES with what the chart knows: paths of certificates and the SASL mechanism. JSON. */ -}}
{{- define "segment-liveintent.kafkaProperties" -}}
{{- $properties := dict -}}
{{- with .Values.settings.KAFKA_PROPERTIES -}}
{{- $properties = deepCopy . -}}
{{- end -}}
{{- $tls := .Values.kafka.tls -}}
{{- $sasl := .Values.kafka.sasl -}}
{{- if or $tls.enabled $sasl.mechanism -}}
{{- $_ := set $properties "security.protocol" (printf "%s%s" (ternary "SASL_" "" (ne $sasl.mechanism "")) (ternary "SSL" "PLAINTEXT" $tls.enabled)) -}}
{{- end -}}
{{- if and $tls.enabled $tls.existingSecret -}}
{{- if $tls.caKey -}}{{- $_ := set $properties "ssl.ca.location" "/etc/segment-liveintent/kafka-tls/ca.crt" -}}{{- end -}}
{{- if $tls.certificateKey -}}
{{- $_ := set $properties "ssl.certificate.location" "/etc/segment-liveintent/kafka-tls/tls.crt" -}}
{{- $_ := set $properties "ssl.key.location" "/etc/segment-liveintent/kafka-tls/tls.key" -}}
{{- end -}}
{{- end -}}
{{- if $sasl.mechanism -}}{{- $_ := set $properties "sasl.mechanism" $sasl.mechanism -}}{{- end -}}
{{- if $sasl.username -}}{{- $_ := set $properties "sasl.username" $sasl.username -}}{{- end -}}
{{- toJson $properties -}}
{{- end -}}

{{- /* One setting as the program will see it: what is set, else its default. Text. */ -}}
{{- define "segment-liveintent.setting" -}}
{{- $defaults := (.root.Files.Get "files/settings.json" | fromJson).defaults -}}
{{- $set := include "segment-liveintent.text" (get .root.Values.settings .name) -}}
{{- if eq $set "" -}}{{- $set = include "segment-liveintent.text" (get $defaults .name) -}}{{- end -}}
{{- $set -}}
{{- end -}}

{{- /* A value as text of an environment variable. Numbers through JSON: Helm would write a million as 1e+06. */ -}}
{{- define "segment-liveintent.text" -}}
{{- if kindIs "string" . -}}{{- . -}}
{{- else if kindIs "slice" . -}}{{- join "," . -}}
{{- else if not (kindIs "invalid" .) -}}{{- toJson . -}}
{{- end -}}
{{- end -}}

{{- /*
What makes a pod a static member: its own name, and a session above what a restart takes, or the partitions are given away
meanwhile. Gets KAFKA_PROPERTIES, and gives JSON.
*/ -}}
{{- define "segment-liveintent.memberProperties" -}}
{{- $properties := .properties -}}
{{- $_ := set $properties "group.instance.id" "$(POD_NAME)" -}}
{{- if and (ne (get $properties "group.protocol") "consumer") (not (hasKey $properties "session.timeout.ms")) -}}
{{- $_ := set $properties "session.timeout.ms" (mul 1000 (add 30 (include "segment-liveintent.graceSeconds" .root | int))) -}}
{{- end -}}
{{- toJson $properties -}}
{{- end -}}

{{- /* The environment of a container that works with the settings. Gets root, member (whether it joins the group) and more (further settings). */ -}}
{{- define "segment-liveintent.env" -}}
{{- $settings := include "segment-liveintent.settings" .root | fromJson | merge .more -}}
{{- if and .member .root.Values.workload.staticMembership }}
{{- $_ := set $settings "KAFKA_PROPERTIES" (include "segment-liveintent.memberProperties" (dict "root" .root "properties" ($settings.KAFKA_PROPERTIES | default dict))) }}
- name: POD_NAME # Before KAFKA_PROPERTIES, which holds it.
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- end }}
{{- range $name, $value := $settings }}
- name: {{ $name }}
  value: {{ include "segment-liveintent.text" $value | quote }}
{{- end }}
{{- with .root.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Seconds from SIGTERM to SIGKILL: the drain, and ten for the dead letters, the last commit and leaving the group. */ -}}
{{- define "segment-liveintent.graceSeconds" -}}
{{- $needed := include "segment-liveintent.setting" (dict "root" . "name" "DRAIN_SECONDS") | float64 | ceil | int | add 10 -}}
{{- .Values.terminationGracePeriodSeconds | default $needed | int -}}
{{- end -}}

{{- /* MiB the container needs at least: MEMORY_BUDGET_MB and what is beside it (docs/decisions/0012-memory.md). */ -}}
{{- define "segment-liveintent.memoryNeededMebibytes" -}}
{{- $beside := (.Files.Get "files/settings.json" | fromJson).memoryBesideBudgetMebibytes -}}
{{- $budget := include "segment-liveintent.setting" (dict "root" . "name" "MEMORY_BUDGET_MB") | int -}}
{{- $members := include "segment-liveintent.setting" (dict "root" . "name" "LATEST_STATE_MEMBERS") | int -}}
{{- $event := include "segment-liveintent.setting" (dict "root" . "name" "EVENT_MAX_BYTES") | int -}}
{{- $guard := divf (mulf 600 (max 0 (sub $members 100000))) 1048576 | ceil | int -}}
{{- $decoding := divf (mulf 25 (max 0 (sub $event 1000000))) 1048576 | ceil | int -}}
{{- add (int $beside) $budget $guard $decoding -}}
{{- end -}}

{{- /* The container's memory limit as it will be. */ -}}
{{- define "segment-liveintent.memoryLimit" -}}
{{- .Values.resources.memory | default (printf "%sMi" (include "segment-liveintent.memoryNeededMebibytes" .)) -}}
{{- end -}}

{{- /* MiB of a Kubernetes quantity, rounded down. */ -}}
{{- define "segment-liveintent.mebibytes" -}}
{{- $units := dict "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 -}}
{{- $unit := regexFind "[A-Za-z]+$" . -}}
{{- $bytes := mulf (trimSuffix $unit . | float64) (get $units $unit | default 1 | float64) -}}
{{- divf $bytes 1048576 | floor | int -}}
{{- end -}}
