#!/usr/bin/env bash
# Builds the image from the Dockerfile, without a docker engine and without pulling a base, and runs it.
#
# For Debian, as root. Installs buildah, podman, runc and debootstrap where they are missing, makes a base of Debian and
# its Python in place of the Dockerfile's own, and needs about two minutes. Everything lives in one temporary folder,
# which is removed at the end. Exits with 75 when a package registry cannot be reached. What this cannot show is the
# published base image: its Python version, its size, its flaws.
#
# IMAGE_ARCHIVE=FILE keeps the image as an OCI archive, for a cluster to run (tests/cluster).
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/segment-liveintent-image.XXXXXX")
base=localhost/segment-liveintent-base
image=localhost/segment-liveintent
store=(--storage-driver vfs --root "$work/storage" --runroot "$work/run")

builder() { buildah "${store[@]}" "$@"; }
engine() { podman "${store[@]}" --runtime runc --tmpdir "$work/engine" "$@"; }

clean_up() {
  engine rm --all --force --time 0 >/dev/null 2>&1 || true
  builder rm --all >/dev/null 2>&1 || true
  builder rmi --all --force >/dev/null 2>&1 || true
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT

say() { printf '%4d s  %s\n' "$SECONDS" "$*"; }
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}
# For CI, which reports a package registry that cannot be reached, and fails on everything else.
unreachable() {
  printf 'UNREACHABLE: %s\n' "$*" >&2
  exit 75
}

# As Kubernetes runs it: any user, nothing writable, no rights. The limits are there because runc may not raise them here.
confined=(--ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --network none --read-only --read-only-tmpfs=false
  --cap-drop ALL --security-opt no-new-privileges)
in_image() { engine run --rm "${confined[@]}" "$@"; }

[[ $(id -u) == 0 ]] || fail "this needs root: debootstrap makes a root file system"
missing=()
for tool in buildah podman runc debootstrap; do
  command -v "$tool" >/dev/null || missing+=("$tool")
done
if ((${#missing[@]})); then
  say "installing ${missing[*]}"
  { apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; } ||
    unreachable "Debian's packages, for ${missing[*]}"
fi

say "making a base"
# shellcheck disable=SC2016 # apt fills it in
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)
# shellcheck disable=SC1091 # not ours
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$release" "$work/base" "$mirror" \
  >"$work/debootstrap.log" 2>&1 || { tail -n 20 "$work/debootstrap.log" >&2; unreachable "Debian's packages, for a base"; }
container=$(builder from scratch)
builder add --quiet "$container" "$work/base" / >/dev/null
builder commit --quiet "$container" "$base" >/dev/null
builder rm "$container" >/dev/null
rm -rf --one-file-system "$work/base"

say "building the image"
# The certificates of this machine, for pip: it may reach its index through a proxy.
builder build --quiet --isolation chroot --volume /etc/ssl/certs:/etc/ssl/certs:ro \
  --build-arg "BASE_IMAGE=$base" --build-arg VERSION=1.2.3 --build-arg REVISION=abc123 --tag "$image" "$root" >"$work/build.log" 2>&1 ||
  { tail -n 40 "$work/build.log" >&2; fail "the image does not build"; }

say "looking at it"
[[ $(builder inspect --type image --format '{{.OCIv1.Config.User}}' "$image") == 10001:10001 ]] ||
  fail "the user is not the numeric 10001:10001"
builder inspect --type image --format '{{range $k, $v := .OCIv1.Config.Labels}}{{$k}}={{$v}}{{"\n"}}{{end}}' "$image" \
  >"$work/labels.txt"
for label in version=1.2.3 revision=abc123 licenses=Apache-2.0; do
  grep -qx "org.opencontainers.image.$label" "$work/labels.txt" || fail "it is not labelled $label"
done
in_image --entrypoint python3 "$image" -c '
import importlib.util, os, sys
assert (os.getuid(), os.getgid()) == (10001, 10001), "another user runs it"
assert not importlib.util.find_spec("tests"), "the tests are in the image"
assert not importlib.util.find_spec("pip"), "an installer is in the image"
' || fail "what is inside"

say "comparing it with the bill of materials"
in_image --entrypoint python3 "$image" -c '
from importlib.metadata import distributions
print(*sorted(each.name.lower().replace("_", "-") + "==" + each.version for each in distributions()), sep="\n")
' | grep -v '^segment-liveintent==' >"$work/installed.txt"
make --silent -C "$root" sbom SBOM="$work/sbom.json" >"$work/sbom.log" 2>&1 || {
  tail -n 20 "$work/sbom.log" >&2
  # uv has tried several times by then.
  ! grep -q 'error sending request' "$work/sbom.log" || unreachable "the program that writes the bill of materials"
  fail "make sbom"
}
python3 - "$work/sbom.json" "$work/installed.txt" <<'P' || fail "the bill of materials is not what is installed"
import json, sys
listed = {f"{each['name'].lower().replace('_', '-')}=={each['version']}" for each in json.load(open(sys.argv[1]))["components"]}
installed = set(open(sys.argv[2]).read().split())
# The lock is for every platform and Python; what is installed must be in it, and without exception.
assert installed and installed <= listed, installed - listed
P

say "running it"
in_image "$image" --help >/dev/null || fail "--help"
code=0
in_image "$image" >/dev/null 2>"$work/unset.txt" || code=$?
[[ $code == 2 ]] || fail "with nothing set, run exits with $code instead of 2"
grep -q 'LIVEINTENT_URL is required' "$work/unset.txt" || fail "with nothing set, run does not say what is missing"

say "playing the demo in it"
in_image "$image" demo --once --events 500 >"$work/demo.txt" 2>&1 || { cat "$work/demo.txt" >&2; fail "the demo"; }

say "looking for secrets in its history"
# What a build leaves behind for everybody to read: the lines that made each layer, and the variables.
# shellcheck disable=SC2016 # a Go template
left='{{range .OCIv1.History}}{{.CreatedBy}}{{"\n"}}{{end}}{{range .OCIv1.Config.Env}}{{.}}{{"\n"}}{{end}}'
builder inspect --type image --format "$left" "$image" >"$work/history.txt"
grep -q ENTRYPOINT "$work/history.txt" || fail "the history cannot be read"
if grep -iE 'api[_-]?key|passw|secret|token|://[^/ ]*@' "$work/history.txt" >&2; then fail "a secret is in its history"; fi

say "running the service, stopping it by a signal"
# Without a Kafka to be reached: an outage must neither end it nor fail its liveness.
engine run --detach --name stopped "${confined[@]}" \
  --env LIVEINTENT_URL=https://127.0.0.1:9 --env LIVEINTENT_API_KEY=made-up --env LIVEINTENT_ACCOUNT_ID=1 \
  --env LIVEINTENT_DATA_PROVIDER_ID=1 --env LIVEINTENT_AUDIENCES='*' --env KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9 \
  --env KAFKA_TOPICS=events --env KAFKA_GROUP_ID=image --env EVENT_FORMAT=json "$image" >/dev/null
asks_livez='import urllib.request; urllib.request.urlopen("http://127.0.0.1:8080/livez", timeout=5)'
lives=
for _ in $(seq 60); do
  engine exec stopped python3 -c "$asks_livez" >/dev/null 2>&1 && lives=yes && break
  sleep 0.5
done
[[ -n $lives ]] || { engine logs stopped >&2; fail "/livez is not served"; }
engine stop --time 30 stopped >/dev/null
[[ $(engine inspect stopped --format '{{.State.ExitCode}}') == 0 ]] || fail "SIGTERM does not end it with 0"
engine logs stopped >"$work/service.txt" 2>&1
grep -q '"event":"Stopped."' "$work/service.txt" || fail "it was ended, and did not drain"
! grep -q made-up "$work/service.txt" || fail "it printed its secret"

if [[ -n ${IMAGE_ARCHIVE:-} ]]; then
  say "keeping it"
  rm -f "$IMAGE_ARCHIVE"
  builder push --quiet "$image" "oci-archive:$IMAGE_ARCHIVE:$image:latest" >/dev/null
fi

size() { builder images --format '{{.Size}}' "$1"; }
say "the image is fine: $(size "$image"), of which the base is $(size "$base")"
