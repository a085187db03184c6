#!/bin/bash
# Finds or installs what the tests need beside Go: a C compiler for -race, Java 17 and Maven for the real
# Cassandra, a Python environment with cqlsh. As root on Debian it installs with apt; otherwise it names
# what is missing, and the tests that need it are skipped (with CI=true they fail).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools=$PWD/.tools
mkdir -p "$tools"

apt_install() {
  [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null || return 1
  if [ ! -f "$tools/.apt-updated" ]; then
    apt-get update -qq > /dev/null && touch "$tools/.apt-updated"
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" > /dev/null
}

need() { # need COMMAND PACKAGE…: the command, or the packages that bring it
  command -v "$1" > /dev/null && return 0
  local command=$1
  shift
  echo "tools: installing $*" >&2
  apt_install "$@" && command -v "$command" > /dev/null && return 0
  echo "tools: missing: $command (Debian: apt-get install $*)" >&2
  return 0
}

need gcc gcc libc6-dev
need java openjdk-17-jre-headless
need mvn maven
need python3 python3 python3-venv

if command -v python3 > /dev/null && [ ! -x "$tools/venv/bin/cqlsh" ]; then
  echo "tools: a Python environment with cqlsh" >&2
  rm -rf "$tools/venv"
  if ! python3 -m venv "$tools/venv" 2> /dev/null; then
    apt_install python3-venv && python3 -m venv "$tools/venv"
  fi
  "$tools/venv/bin/pip" install -q --disable-pip-version-check 'cqlsh==6.2.2' >&2 ||
    { rm -rf "$tools/venv"; echo "tools: missing: cqlsh 6.2.2 (pip install cqlsh==6.2.2)" >&2; }
fi
exit 0
