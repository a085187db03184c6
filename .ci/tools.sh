#!/bin/bash
# Finds or installs what the tests need beside Go: a C compiler for -race, Java 17 and Maven for the real
# Cassandra, a Python environment with cqlsh and Cassandra's Python driver. As root on Debian it installs with apt; otherwise it names
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
if ! java -version 2>&1 | grep -q 'version "17'; then # Cassandra 5.0 runs on no later one
  echo "tools: installing openjdk-17-jre-headless" >&2
  apt_install openjdk-17-jre-headless
  java -version 2>&1 | grep -q 'version "17' || echo "tools: missing: Java 17 as java (Debian: apt-get install openjdk-17-jre-headless)" >&2
fi
need mvn maven
need python3 python3 python3-venv

whole() { "$tools/venv/bin/python" -c 'import cassandra' && [ -x "$tools/venv/bin/cqlsh" ]; } > /dev/null 2>&1
if command -v python3 > /dev/null && ! whole; then
  echo "tools: a Python environment with cqlsh and cassandra-driver" >&2
  rm -rf "$tools/venv"
  if ! python3 -m venv "$tools/venv" > /dev/null 2>&1; then # Debian's python3 may come without venv
    rm -rf "$tools/venv"
    apt_install python3-venv && python3 -m venv "$tools/venv"
  fi
  "$tools/venv/bin/pip" install -q --disable-pip-version-check 'cqlsh==6.2.2' cassandra-driver >&2
  whole || { rm -rf "$tools/venv"; echo "tools: missing: cqlsh 6.2.2 and cassandra-driver (pip install cqlsh==6.2.2 cassandra-driver)" >&2; }
fi
exit 0
