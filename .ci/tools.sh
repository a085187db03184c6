#!/bin/bash
# Finds or installs what the tests need beside Go: a C compiler for -race, Java 17 and Maven for the real
# Cassandra and the Java driver, Node and its driver, a Python environment with cqlsh and its driver. As root on Debian it installs with apt; otherwise it names
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
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" > /dev/null
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
# The Java driver's tests are a source file that java compiles as it runs it.
need javac openjdk-17-jdk-headless
need mvn maven
need python3 python3 python3-venv
need node nodejs
need npm npm

clients=internal/cqltest/live/testdata

# current FILE FOLDER: FOLDER was made from FILE as it is now.
current() { cmp -s "$1" "$2/.made-from"; }

if command -v npm > /dev/null && ! current "$clients/node/package.json" "$tools/node"; then
  echo "tools: the Node driver" >&2
  rm -rf "$tools/node"
  mkdir -p "$tools/node"
  cp "$clients/node/package.json" "$tools/node/"
  if npm install --prefix "$tools/node" --no-audit --no-fund --silent > /dev/null; then
    cp "$clients/node/package.json" "$tools/node/.made-from"
  else
    echo "tools: missing: the Node driver (npm install --prefix .tools/node; the registry must be reachable)" >&2
  fi
fi

if command -v mvn > /dev/null && ! current "$clients/java/pom.xml" "$tools/java"; then
  echo "tools: the Java driver" >&2
  rm -rf "$tools/java"
  mkdir -p "$tools/java"
  if mvn -q -B -f "$clients/java/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$tools/java/lib" > /dev/null; then
    cp "$clients/java/pom.xml" "$tools/java/.made-from"
  else
    rm -rf "$tools/java/lib"
    echo "tools: missing: the Java driver (mvn -f $clients/java/pom.xml dependency:copy-dependencies; Maven Central must be reachable)" >&2
  fi
fi

wanted=$clients/python/requirements.txt
whole() { "$tools/venv/bin/python" -c 'import cassandra, lz4, snappy' && [ -x "$tools/venv/bin/cqlsh" ] && current "$wanted" "$tools/venv"; } > /dev/null 2>&1
if command -v python3 > /dev/null && ! whole; then
  echo "tools: a Python environment with cqlsh and cassandra-driver" >&2
  rm -rf "$tools/venv"
  if ! python3 -m venv "$tools/venv" > /dev/null 2>&1; then # Debian's python3 may come without venv
    rm -rf "$tools/venv"
    apt_install python3-venv && python3 -m venv "$tools/venv"
  fi
  "$tools/venv/bin/pip" install -q --disable-pip-version-check -r "$wanted" >&2 && cp "$wanted" "$tools/venv/.made-from"
  whole || { rm -rf "$tools/venv"; echo "tools: missing: cqlsh and cassandra-driver (pip install -r $wanted)" >&2; }
fi
exit 0
