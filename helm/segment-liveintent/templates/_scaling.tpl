{{- /* Each change of the number of members is a rebalance: few at a time, and slowly down. */ -}}
{{- define "segment-liveintent.scalingPace" -}}
{{- range $direction := list "scaleUp" "scaleDown" }}
{{- $pace := get $.Values.scalingPace $direction }}
{{ $direction }}:
  stabilizationWindowSeconds: {{ $pace.stabilizationSeconds }}
  policies:
    - type: Pods
      value: {{ $pace.pods }}
      periodSeconds: {{ $pace.periodSeconds }}
{{- end }}
{{- end -}}

{{- /* KEDA's word for a SASL mechanism. */ -}}
{{- define "segment-liveintent.kedaSasl" -}}
{{- get (dict "PLAIN" "plaintext" "SCRAM-SHA-256" "scram_sha256" "SCRAM-SHA-512" "scram_sha512" "OAUTHBEARER" "oauthbearer" "GSSAPI" "gssapi") . -}}
{{- end -}}
