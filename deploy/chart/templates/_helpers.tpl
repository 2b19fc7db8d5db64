{{- define "entrepot.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* A CronJob's name has 52 characters at most, since its jobs' names are longer. */ -}}
{{- define "entrepot.backup.name" -}}
{{- printf "%s-backup" (include "entrepot.name" . | trunc 45 | trimSuffix "-") -}}
{{- end -}}

{{- define "entrepot.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "entrepot.labels" -}}
{{ include "entrepot.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- /* Not those of the registry: no client may be led to a pod that makes backups. */ -}}
{{- define "entrepot.backup.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-backup
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* Where backups are, and by which key: the options of the commands on them, as JSON. */ -}}
{{- define "entrepot.backup.place" -}}
{{- $backup := .Values.backup -}}
{{- $args := list ($backup.url | default "/backup") -}}
{{- if $backup.encryption.secret.name }}{{ $args = concat $args (list "--key-file" "/etc/entrepot/backup/key") }}{{ end -}}
{{- with $backup.endpoint }}{{ $args = concat $args (list "--endpoint" .) }}{{ end -}}
{{- with $backup.region }}{{ $args = concat $args (list "--region" .) }}{{ end -}}
{{- toJson $args -}}
{{- end -}}

{{- define "entrepot.backup.mounts" -}}
{{- $mounts := list -}}
{{- if not .Values.backup.url }}{{ $mounts = append $mounts (dict "name" "backup" "mountPath" "/backup") }}{{ end -}}
{{- if .Values.backup.encryption.secret.name }}{{ $mounts = append $mounts (dict "name" "backup-key" "mountPath" "/etc/entrepot/backup" "readOnly" true) }}{{ end -}}
{{- toJson $mounts -}}
{{- end -}}

{{- define "entrepot.backup.claim" -}}
{{- .Values.backup.persistence.existingClaim | default (include "entrepot.backup.name" .) -}}
{{- end -}}

{{- define "entrepot.backup.volumes" -}}
{{- if not .Values.backup.url }}
- name: backup
  persistentVolumeClaim: {claimName: {{ include "entrepot.backup.claim" . }}}
{{- end }}
{{- with .Values.backup.encryption.secret }}
{{- if .name }}
- name: backup-key
  secret: {secretName: {{ .name }}, defaultMode: 0440, items: [{key: {{ .key }}, path: key}]}
{{- end }}
{{- end }}
{{- end -}}

{{- define "entrepot.controller" -}}
{{ include "entrepot.name" . }}-controller
{{- end -}}

{{- define "entrepot.controller.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-controller
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "entrepot.controller.labels" -}}
{{ include "entrepot.controller.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "entrepot.image" -}}
{{- $repository := required "say where the image lies: image.repository" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- /* "yes" where nothing that must not be lost lies in the data folder. */ -}}
{{- define "entrepot.external" -}}
{{- if and .Values.database.secret.name .Values.storage.url }}yes{{ end -}}
{{- end -}}

{{- define "entrepot.several" -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicas) 1) }}yes{{ end -}}
{{- end -}}

{{- define "entrepot.scheme" -}}
{{- eq .Values.tls.mode "proxy" | ternary "http" "https" -}}
{{- end -}}

{{- define "entrepot.port" -}}
{{- .Values.service.port | default (eq .Values.tls.mode "proxy" | ternary 80 443) -}}
{{- end -}}

{{- define "entrepot.certificate" -}}
{{- .Values.tls.secret | default (printf "%s-tls" (include "entrepot.name" .)) -}}
{{- end -}}

{{- /* Names in the cluster and out of it. */ -}}
{{- define "entrepot.names" -}}
{{- $service := printf "%s.%s.svc" (include "entrepot.name" .) .Release.Namespace -}}
{{- concat (compact (list .Values.host $service (printf "%s.cluster.local" $service))) .Values.tls.names | uniq | toJson -}}
{{- end -}}

{{- /* What the chart sets, then what the user does, as TOML. JSON's texts and lists are TOML's, too. */ -}}
{{- define "entrepot.toml" -}}
{{- $found := dict "data" "/var/lib/entrepot" "listen" "0.0.0.0:5000" -}}
{{- if .Values.host }}{{ $_ := set $found "public_url" (printf "https://%s" .Values.host) }}{{ end -}}
{{- if eq .Values.tls.mode "proxy" -}}
{{- $_ := set $found "trusted_proxies" .Values.tls.proxies -}}
{{- else -}}
{{- $_ := set $found "tls_cert" "/etc/entrepot/tls/tls.crt" -}}
{{- $_ := set $found "tls_key" "/etc/entrepot/tls/tls.key" -}}
{{- end -}}
{{- range $name := list "url" "endpoint" "region" -}}
{{- with get $.Values.storage $name }}{{ $_ := set $found (printf "storage_%s" $name) . }}{{ end -}}
{{- end -}}
{{- range $name, $value := merge (dict) .Values.config $found -}}
{{ $name }} = {{ if kindIs "float64" $value }}{{ eq (floor $value) $value | ternary (int64 $value | toString) (toString $value) }}{{ else }}{{ toRawJson $value }}{{ end }}
{{ end }}
{{- end -}}

{{- define "entrepot.fromSecret" -}}
{{- if .secret.name }}
- name: {{ .variable }}
  valueFrom: {secretKeyRef: {name: {{ .secret.name }}, key: {{ .secret.key }}}}
{{- end -}}
{{- end -}}

{{- define "entrepot.env" -}}
- {name: ENTREPOT_CONFIG, value: /etc/entrepot/config/entrepot.toml}
{{- include "entrepot.fromSecret" (dict "variable" "ENTREPOT_ADMIN_PASSWORD" "secret" .Values.admin.secret) }}
{{- include "entrepot.fromSecret" (dict "variable" "ENTREPOT_DATABASE_URL" "secret" .Values.database.secret) }}
{{- include "entrepot.fromSecret" (dict "variable" "ENTREPOT_ENCRYPTION_KEY" "secret" .Values.encryption.secret) }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "entrepot.container" -}}
image: {{ include "entrepot.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
env:
  {{- include "entrepot.env" . | nindent 2 }}
{{- with .storeSecret | default .Values.storage.secret }}
envFrom:
  - secretRef: {name: {{ . }}}
{{- end }}
volumeMounts:
  - {name: config, mountPath: /etc/entrepot/config, readOnly: true}
  - {name: data, mountPath: /var/lib/entrepot}
  - {name: tmp, mountPath: /tmp}
  {{- if ne .Values.tls.mode "proxy" }}
  - {name: tls, mountPath: /etc/entrepot/tls, readOnly: true}
  {{- end }}
  {{- with .mounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "entrepot.securityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "entrepot.pullSecrets" -}}
{{- with .Values.image.pullSecrets -}}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end -}}
{{- end -}}

{{- define "entrepot.volumes" -}}
- name: config
  configMap: {name: {{ include "entrepot.name" . }}}
- name: tmp
  emptyDir: {}
- name: data
  {{- if include "entrepot.external" . }}
  emptyDir: {}
  {{- else }}
  persistentVolumeClaim:
    claimName: {{ .Values.persistence.existingClaim | default (include "entrepot.name" .) }}
  {{- end }}
{{- if ne .Values.tls.mode "proxy" }}
- name: tls
  secret: {secretName: {{ include "entrepot.certificate" . }}, defaultMode: 0440}
{{- end }}
{{- end -}}
