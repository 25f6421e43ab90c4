#!/usr/bin/env bash
# System packages the tests need: a browser to look at pages with, a PDF reader to check pages.
# Installed here when run as root on a Debian system; elsewhere, says what to install.
set -eu
missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v pdftotext >/dev/null || missing+=(poppler-utils)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "Tests need these packages: ${missing[*]}. Install them, then run again." >&2
fi
