#!/bin/sh
# The packed environment's Python: the image's own Python 3.11 with the packed wheels on its path.
here=$(cd "$(dirname "$0")/.." && pwd)
export PYTHONPATH="$here/site-packages${PYTHONPATH:+:$PYTHONPATH}"
command -v python3.11 >/dev/null || {
  echo "no python3.11 in this image; set release_label to a release that has it" >&2
  exit 127
}
exec python3.11 "$@"
