# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the scripts of scripts/ha share: a directory of their own under /tmp, free loopback ports, servers that run as postgres, and an end
# that leaves nothing behind. To be sourced, with the script's name in $0.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
me=scripts/ha/$(basename "$0")
dir=          # where everything lies; --dir
command=()    # what to run instead of waiting for Ctrl-C
pids=()       # started by us, ended by us, last one first
datas=()      # data directories of servers
programs=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1)

fail() { echo "$me: $*" >&2; exit 1; }

usage() { sed -n '/^# /s/^# \{0,1\}//p' "$0" | sed 1d; }

# need PACKAGE PROGRAM…: says which package is missing.
need() {
  local package=$1 program
  for program in "${@:2}"; do
    command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ] || fail "$program is missing; install Debian's $package (scripts/deps ha)"
  done
}

# As root the servers run as postgres, which owns the directory; else as whoever calls.
as=()
if [ "$(id -u)" = 0 ]; then
  id -u postgres >/dev/null 2>&1 || fail "there is no user postgres; install Debian's postgresql (scripts/deps ha)"
  as=(setpriv --reuid=postgres --regid=postgres --init-groups)
fi
as_postgres() { env HOME="$dir" "${as[@]}" "$@"; }

# begin: makes the directory, and sees to it that nothing is left.
begin() {
  [ -n "$programs" ] || fail "no PostgreSQL server is installed (scripts/deps ha)"
  if [ -n "$dir" ]; then mkdir "$dir"; else dir=$(mktemp -d "/tmp/weigate-ha.XXXXXX"); fi
  chmod 755 "$dir"
  mkdir "$dir/log" "$dir/sockets"
  [ ${#as[@]} -eq 0 ] || chown -R postgres: "$dir"
  trap finish EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# Children first told, then awaited; servers whose keeper was killed are stopped by their data directory.
# shellcheck disable=SC2317 # called by the trap
finish() {
  local status=$? i data
  trap - EXIT INT TERM
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do kill "${pids[i]}" 2>/dev/null || true; done
  for data in "${datas[@]}"; do
    # A frozen server does not hear.
    kill -CONT "$(head -1 "$data/postmaster.pid" 2>/dev/null)" 2>/dev/null || true
    as_postgres "$programs/pg_ctl" -D "$data" -m immediate stop >/dev/null 2>&1 || true
  done
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
    end_of "${pids[i]}" || kill -KILL "${pids[i]}" 2>/dev/null || true
  done
  wait 2>/dev/null || true
  if [ -n "${WEIGATE_KEEP:-}" ]; then echo "$me: everything is still in $dir"; else rm -rf "$dir"; fi
  exit "$status"
}

# end_of PID: waits up to 5 s.
end_of() {
  local tries
  for ((tries = 0; tries < 100; tries++)); do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.05
  done
  return 1
}

# free_port: one that nobody listens on, and that this script has not given out.
ports=' '
free_port() {
  local try
  while true; do
    try=$((20000 + RANDOM % 12000))
    [[ $ports == *" $try "* ]] && continue
    (exec 3<>"/dev/tcp/127.0.0.1/$try") 2>/dev/null && continue
    ports+="$try "
    # shellcheck disable=SC2034 # whoever calls reads it
    port=$try
    return 0
  done
}

# start NAME COMMAND…: in the background as postgres, its words in log/NAME.log. The process is $pid.
start() {
  local name=$1
  shift
  (exec env HOME="$dir" "${as[@]}" "$@") >>"$dir/log/$name.log" 2>&1 </dev/null &
  pid=$!
  disown "$pid" # whoever kills it needs no sentence of the shell about it
  pids+=("$pid")
  echo "$pid" >"$dir/$name.pid"
}

# await SECONDS WHAT COMMAND…: until it is true.
await() {
  local seconds=$1 what=$2 until=$((SECONDS + $1))
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$until" ] || { tail -n 20 "$dir"/log/*.log >&2 || true; fail "$what: not within $seconds s"; }
    sleep 0.1
  done
}

# options ARGUMENTS…: what all scripts understand; the rest is left in $rest.
rest=()
options() {
  while [ $# -gt 0 ]; do
    case $1 in
      --dir) dir=${2:?--dir wants a directory that is not there yet}; shift ;;
      -h | --help) usage; exit 0 ;;
      --) shift; command=("$@"); break ;;
      *) rest+=("$1") ;;
    esac
    shift
  done
}

secret() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# server NAME PORT [-c SETTING=VALUE]…: one PostgreSQL of ours without Patroni, superuser postgres, everybody on this machine trusted.
server() {
  local name=$1 its_port=$2 data=$dir/$1
  shift 2
  as_postgres "$programs/initdb" -D "$data" -A trust -U postgres -E UTF8 --locale=C.UTF-8 -N >"$dir/log/$name.initdb.log" 2>&1 ||
    { cat "$dir/log/$name.initdb.log" >&2; fail "initdb failed"; }
  server_start "$name" "$its_port" "$@"
}

server_start() {
  local name=$1 its_port=$2 data=$dir/$1
  shift 2
  datas+=("$data")
  start "$name" "$programs/postgres" -D "$data" -p "$its_port" -k "$dir/sockets" -h 127.0.0.1 -c shared_buffers=32MB "$@"
  await 30 "$name accepts connections" "$programs/pg_isready" -q -h "$dir/sockets" -p "$its_port"
}

# standby NAME PORT OF_PORT [FILE]: a streaming standby of a server of ours, with the settings of FILE.
standby() {
  local name=$1 its_port=$2 of=$3 file=${4:-}
  as_postgres "$programs/pg_basebackup" -D "$dir/$name" -h "$dir/sockets" -p "$of" -U postgres -c fast -R -C -S "$name" >"$dir/log/$name.copy.log" 2>&1 ||
    { cat "$dir/log/$name.copy.log" >&2; fail "pg_basebackup failed"; }
  as_postgres sh -c "echo \"primary_conninfo = 'host=127.0.0.1 port=$of user=postgres application_name=$name'\" >>'$dir/$name/postgresql.auto.conf'"
  # Read with our rights: a clone may lie where postgres cannot go.
  [ -z "$file" ] || as_postgres tee -a "$dir/$name/postgresql.conf" <"$file" >/dev/null
  server_start "$name" "$its_port"
}

# sql PORT DATABASE STATEMENT: as postgres, over the socket.
sql() { psql -qXAt -v ON_ERROR_STOP=1 -h "$dir/sockets" -p "$1" -U postgres -d "$2" -c "$3"; }

# tables PORT [PASSWORD]: database, roles and weigate's tables, as sql/ says; by hand with psql, as an admin would without weigatectl.
tables() {
  local file
  sql "$1" postgres "CREATE DATABASE weigate ENCODING UTF8 TEMPLATE template0"
  apply "$1" roles.sql
  # From standard input: a command line can be read by everybody on the machine.
  [ -z "${2:-}" ] || echo "ALTER ROLE weigate_app PASSWORD '$2'" | psql -qX -v ON_ERROR_STOP=1 -h "$dir/sockets" -p "$1" -U postgres -d weigate
  for file in "$top"/sql/[0-9]*.sql; do PGOPTIONS='-c role=weigate_owner' apply "$1" "$(basename "$file")"; done
}

# apply PORT FILE: of sql/, in one transaction.
apply() {
  psql -qX1 -v ON_ERROR_STOP=1 -h "$dir/sockets" -p "$1" -U postgres -d weigate -f "$top/sql/$2" >/dev/null 2>"$dir/log/tables.log" ||
    { cat "$dir/log/tables.log" >&2; fail "sql/$2 does not apply"; }
}

# stand: what was built is ready; runs the command, or stays until Ctrl-C.
stand() {
  touch "$dir/ready"
  if [ ${#command[@]} -gt 0 ]; then
    export WEIGATE_HA_DIR=$dir
    "${command[@]}"
    return
  fi
  echo
  echo "Ctrl-C ends all of it and removes $dir."
  # Not wait: a server that a test or a reader kills is no reason to leave.
  sleep infinity &
  pids+=("$!")
  wait "$!"
}
