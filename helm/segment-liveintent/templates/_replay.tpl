{{- /* Whether the consumers must be away: not for a replay beside them. */ -}}
{{- define "segment-liveintent.scaledAway" -}}
{{- if and .Values.replay.enabled (eq .Values.replay.mode "reset") -}}true{{- end -}}
{{- end -}}

{{- define "segment-liveintent.replayName" -}}
{{- printf "%s-replay-%s" (include "segment-liveintent.fullname" .) .Values.replay.id -}}
{{- end -}}

{{- /* The option of `replay apply` that replay.to stands for. JSON. */ -}}
{{- define "segment-liveintent.replayTarget" -}}
{{- $to := .Values.replay.to -}}
{{- if $to.earliest -}}
{{- list "--to-earliest" | toJson -}}
{{- else if $to.datetime -}}
{{- list "--to-datetime" $to.datetime | toJson -}}
{{- else if hasKey $to "shiftBy" -}}
{{- list "--shift-by" ($to.shiftBy | int64 | toString) | toJson -}}
{{- else -}}
{{- list "--to-offset" ($to.offset | int64 | toString) | toJson -}}
{{- end -}}
{{- end -}}

{{- /* The replay's command line: offsets are set as approved, or the service runs beside the live one. JSON. */ -}}
{{- define "segment-liveintent.replayArguments" -}}
{{- $replay := .Values.replay -}}
{{- if eq $replay.mode "beside" -}}
{{- list "run" | toJson -}}
{{- else -}}
{{- $args := concat (list "replay" "apply") (include "segment-liveintent.replayTarget" . | fromJsonArray) -}}
{{- $args = concat $args (list "--expect-plan" $replay.planSha256 "--id" $replay.id) $replay.extraArgs -}}
{{- if $replay.reason -}}{{- $args = concat $args (list "--reason" $replay.reason) -}}{{- end -}}
{{- toJson $args -}}
{{- end -}}
{{- end -}}

{{- /* The settings that a replay beside the live group has more. JSON. */ -}}
{{- define "segment-liveintent.replaySettings" -}}
{{- $replay := .Values.replay -}}
{{- $settings := dict -}}
{{- if eq $replay.mode "beside" -}}
{{- $_ := set $settings "REPLAY_ID" $replay.id -}}
{{- $_ := set $settings "REPLAY_FROM" (ternary "earliest" $replay.to.datetime (hasKey $replay.to "earliest")) -}}
{{- with $replay.until -}}{{- $_ := set $settings "REPLAY_TO" . -}}{{- end -}}
{{- end -}}
{{- toJson $settings -}}
{{- end -}}

{{- define "segment-liveintent.problems.replay" -}}
{{- with .Values.replay }}
{{- if and .enabled $.Values.sandbox.enabled }}
replay.enabled with sandbox.enabled: the sandbox forgets everything when its pod goes
{{- end }}
{{- if and .enabled (gt (len (include "segment-liveintent.replayName" $)) 63) }}
replay.id is too long for a Job's name: at most {{ sub 55 (len (include "segment-liveintent.fullname" $)) }} characters with this release's name
{{- end }}
{{- end }}
{{- end -}}
