#!/usr/bin/env bash
# System packages the tests need: Java for the full validation of forms, a reader of printed
# reports. Installed here when run as root on a Debian system; elsewhere, says what to install.
set -eu
missing=()
command -v java >/dev/null || missing+=(default-jre-headless)
command -v pdftotext >/dev/null || missing+=(poppler-utils)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "Some tests need these packages and will fail without them: ${missing[*]}" >&2
fi
