# What both servers need: messages, deadlines with a heartbeat, free ports, probes that
# speak the first bytes of each protocol. Bash 3.2 is enough, as macOS has no newer one.

say() { printf 'with-services: %s\n' "$*" >&2; }

# Ends with 2: the services could not be had; CMD was never run.
die() {
  say "$1"
  shift
  while [ $# -gt 0 ]; do printf '  %s\n' "$1" >&2; shift; done
  exit 2
}

tail_of() { # FILE
  [ -s "$1" ] || { printf '  (%s is empty)\n' "$1" >&2; return 0; }
  printf '  --- the end of %s\n' "$1" >&2
  tail -n 25 "$1" | sed 's/^/  | /' >&2
}

# Whether PID runs. A zombie whose parent does not reap it, as in a bare container, does not.
alive() { # PID
  local stat
  [ -n "${1:-}" ] && kill -0 "$1" 2>/dev/null || return 1
  if [ -r "/proc/$1/stat" ]; then
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
    case "${stat##*) }" in Z*) return 1 ;; esac
  elif command -v ps >/dev/null 2>&1; then
    case "$(ps -o stat= -p "$1" 2>/dev/null)" in Z* | '') return 1 ;; esac
  fi
}

# Waits until a condition holds. Says every ten seconds that it still waits; 1 after the deadline.
wait_until() { # WHAT SECONDS CONDITION…
  local what=$1 limit=$2 begun=$SECONDS told=0
  shift 2
  until "$@"; do
    if [ $((SECONDS - begun)) -ge "$limit" ]; then return 1; fi
    if [ $((SECONDS - begun)) -ge $((told + 10)) ]; then
      told=$((SECONDS - begun))
      say "still waiting for $what ($told of at most $limit s)"
    fi
    sleep 0.2
  done
}

is_gone() { ! alive "$1"; }

# Waits for a process of ours to end, first kindly, then not.
end_process() { # PID SIGNAL SECONDS
  alive "$1" || return 0
  kill "-$2" "$1" 2>/dev/null || true
  wait_until "process $1 to end" "$3" is_gone "$1" && return 0
  kill -KILL "$1" 2>/dev/null || true
  wait_until "process $1 to end" 10 is_gone "$1"
}

# Runs a long command with its output in a file, a heartbeat and a deadline; its exit code, or 124.
run_limited() { # WHAT SECONDS LOG COMMAND…
  local what=$1 limit=$2 log=$3 pid
  shift 3
  "$@" >>"$log" 2>&1 </dev/null &
  pid=$!
  if ! wait_until "$what" "$limit" is_gone "$pid"; then
    kill -TERM "$pid" 2>/dev/null || true
    say "$what did not end within $limit s"
    return 124
  fi
  wait "$pid"
}

# A port on loopback that nobody listens on. Taken below the ranges from which systems number
# outgoing connections, so that none of these takes it before its server does.
free_port() {
  local port
  while :; do
    port=$((15000 + (RANDOM * 32768 + RANDOM) % 15000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      printf '%s\n' "$port"
      return 0
    fi
  done
}

random_word() { LC_ALL=C od -An -N12 -tx1 /dev/urandom | tr -d ' \n'; }

# The first byte that a server answers to a greeting; nothing if it does not answer.
first_byte() { # HOST PORT GREETING
  (
    exec 3<>"/dev/tcp/$1/$2" || exit 1
    # shellcheck disable=SC2059
    printf "$3" >&3
    LC_ALL=C IFS= read -r -n 1 -t 5 -u 3 byte || exit 1
    printf '%s' "$byte"
  ) 2>/dev/null
}

# PostgreSQL takes connections: the answer to a start-up message (protocol 3.0, user and database
# `postgres`) is an authentication request, not an error such as "the database system is starting up".
postgres_answers() { # HOST PORT
  [ "$(first_byte "$1" "$2" '\0\0\0\051\0\003\0\0user\0postgres\0database\0postgres\0\0')" = R ]
}

# RabbitMQ takes connections: the answer to the protocol header of AMQP 0-9-1 is a method frame (1).
rabbitmq_answers() { # HOST PORT
  [ "$(first_byte "$1" "$2" 'AMQP\0\0\011\001')" = $'\001' ]
}

# A broker's configuration that has it close a channel which holds a message for longer; 0: its own.
# It looks as often as a channel's tick, which is a minute otherwise.
impatience() { # MILLISECONDS
  if [ "$1" = 0 ]; then
    echo '[].'
  else
    echo "[{rabbit, [{consumer_timeout, $1}, {channel_tick_interval, 500}]}]."
  fi
}

# Host and port of a URL, without its user and password; "host port", or nothing when it has no plain host.
host_and_port() { # URL DEFAULT_PORT
  local rest=${1#*://} host port
  rest=${rest%%[/?#]*}
  rest=${rest##*@}
  case "$rest" in
    \[*\]:*) host=${rest%]:*}; host=${host#[}; port=${rest##*]:} ;;
    \[*\]) host=${rest#[}; host=${host%]}; port=$2 ;;
    *:*) host=${rest%:*}; port=${rest##*:} ;;
    *) host=$rest; port=$2 ;;
  esac
  case "$host" in '' | *%* | *,*) return 0 ;; esac
  printf '%s %s\n' "$host" "$port"
}

# What libraries would add to a URL of ours from the environment: another password, TLS, options.
forget_postgres_environment() {
  unset PGHOST PGHOSTADDR PGPORT PGUSER PGPASSWORD PGPASSFILE PGDATABASE PGOPTIONS PGSERVICE PGSERVICEFILE \
    PGSSLMODE PGSSLROOTCERT PGSSLCERT PGSSLKEY PGAPPNAME PGTZ PGDATESTYLE PGCLIENTENCODING
}

is_open() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# A server named by the environment must at least listen, or every test would say so in its own way.
check_given() { # VARIABLE URL DEFAULT_PORT
  local where
  where=$(host_and_port "$2" "$3")
  [ -n "$where" ] || return 0
  # shellcheck disable=SC2086
  run_limited "the connection to ${where/ /:}" 15 /dev/null is_open $where && return 0
  die "$1 is set, but nothing answers on ${where/ /:}." \
    "Start that server, correct the URL, or unset $1 to test on a private one."
}
