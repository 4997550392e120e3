#!/bin/bash
# EMR bootstrap action: install the jobs' Python 3.11 environment on a node, offline, once.
#
#   bootstrap.sh s3://BUCKET/KEY/wheels.tar SHA256 REGION [PREFIX]
#
# The archive holds wheels and a requirements file with their hashes; nothing is compiled and
# nothing is fetched from anywhere else. REGION is the bucket's: without it the command would ask
# S3 in us-east-1, which a private subnet elsewhere doesn't reach. PREFIX (/opt/ridge-spark) becomes a link to the finished
# environment, so a second run with the same archive does nothing and a failed one leaves the
# link alone. EMR keeps what is printed here under node/INSTANCE/bootstrap-actions/ in the logs.

set -euo pipefail

log() { echo "$(date -u +%FT%TZ) bootstrap: $*"; }
die() { log "$*" >&2; exit 1; }
as_root() { if [[ $EUID -eq 0 ]]; then "$@"; else sudo "$@"; fi; }
trap 'log "failed at line $LINENO: $BASH_COMMAND" >&2' ERR

[[ $# -ge 3 ]] || die "usage: bootstrap.sh s3://BUCKET/KEY/wheels.tar SHA256 REGION [PREFIX]"
readonly archive=$1 sha256=$2 region=$3 prefix=${4:-/opt/ridge-spark}
readonly home="$prefix.d/$sha256"

if [[ -e $home/complete ]]; then
  log "$home is complete, nothing to do"
else
  command -v python3.11 >/dev/null ||
    die "no python3.11 on this node; the releases emr-7.x and emr-spark-8.x have it"

  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT

  log "fetching $archive"
  AWS_RETRY_MODE=standard AWS_MAX_ATTEMPTS=10 \
    aws s3 cp --region "$region" --only-show-errors "$archive" "$scratch/wheels.tar"
  echo "$sha256  $scratch/wheels.tar" | sha256sum --check --quiet - ||
    die "$archive is not the archive this cluster was made for; run: make emr-up"
  tar -xf "$scratch/wheels.tar" -C "$scratch"

  log "installing into $home with $(python3.11 --version)"
  as_root rm -rf "$home"
  as_root mkdir -p "$home"
  as_root python3.11 -m venv --without-pip "$home"
  # pip runs out of its own wheel: what Python ships, or lacks, makes no difference.
  as_root "$home/bin/python" "$(echo "$scratch"/wheels/pip-*.whl)/pip" install \
    --quiet --disable-pip-version-check --no-cache-dir --root-user-action=ignore \
    --no-index --find-links "$scratch/wheels" --only-binary=:all: --require-hashes \
    --requirement "$scratch/requirements.txt"
  "$home/bin/python" -c "import jinja2, numba, pyarrow, safetensors, scipy, tqdm"
  "$home/bin/python" -m pip --disable-pip-version-check list --format=freeze
  as_root touch "$home/complete"
fi

as_root ln -sfn "$home" "$prefix.new"
as_root mv -T "$prefix.new" "$prefix"
log "$prefix is ready"
