#!/usr/bin/env bash
# System packages the tests need: Java for the full validation of forms and for Spark, a reader of
# printed reports, a browser, a PostgreSQL server, a tracer of system calls. Installed here when run as root on a Debian
# system; elsewhere, says what to install.
set -eu
missing=()
command -v java >/dev/null || missing+=(default-jre-headless)
command -v pdftotext >/dev/null || missing+=(poppler-utils)
command -v chromium >/dev/null || missing+=(chromium)
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=(postgresql)
command -v strace >/dev/null || missing+=(strace)
fc-list 2>/dev/null | grep -qi "noto.*arabic" || missing+=(fonts-noto-core)
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "Some tests need these packages and will fail without them: ${missing[*]}" >&2
  fi
fi
