# A private RabbitMQ node from installed binaries: its own folder, name, cookie, ports and epmd, all
# on loopback. It reads nothing from /etc/rabbitmq and writes nothing to /var.

# The directory with the server's own scripts. A packaged wrapper in PATH, which changes to the
# user `rabbitmq` and its folders, is not one: the scripts have `rabbitmq-env` beside them.
rabbitmq_scripts() {
  local dir
  for dir in "$(dirname "$(command -v rabbitmq-server || true)")" /usr/lib/rabbitmq/bin \
    /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin /opt/homebrew/opt/rabbitmq/sbin /usr/local/opt/rabbitmq/sbin \
    /home/linuxbrew/.linuxbrew/opt/rabbitmq/sbin /opt/rabbitmq/sbin /opt/rabbitmq_server-*/sbin; do
    [ -x "$dir/rabbitmq-server" ] && [ -e "$dir/rabbitmq-env" ] && [ -n "$(erlang_binaries)" ] || continue
    printf '%s\n' "$dir"
    return 0
  done
}

# Where `erl` is; nothing if it is nowhere.
erlang_binaries() {
  local dir
  for dir in "$(dirname "$(command -v erl || true)")" /usr/bin /usr/lib/erlang/bin \
    /opt/homebrew/opt/erlang/bin /usr/local/opt/erlang/bin /home/linuxbrew/.linuxbrew/opt/erlang/bin; do
    [ -x "$dir/erl" ] || continue
    printf '%s\n' "$dir"
    return 0
  done
}

# Runs a program as a process group of its own, with the bare environment of the private node. It
# becomes nobody's child, so that an interrupt at the terminal leaves it to us to end it in order.
spawn_for_rabbitmq() { # PIDFILE LOG COMMAND…
  local pidfile=$1 log=$2
  shift 2
  (
    set -m
    # shellcheck disable=SC2046
    env -i "${rabbitmq_environment[@]}" "$@" >>"$log" 2>&1 </dev/null &
    echo $! >"$pidfile"
  ) 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
}

# Sets the variables for a node in FOLDER from the file which `configure_rabbitmq` wrote there.
load_rabbitmq() { # FOLDER
  rabbitmq_dir=$1
  # shellcheck disable=SC1091
  . "$rabbitmq_dir/node.settings"
  rabbitmq_environment=(
    PATH="$rabbitmq_erlang:$PATH" HOME="$rabbitmq_dir/home" LANG=C.UTF-8 TMPDIR="$rabbitmq_dir"
    ERL_EPMD_PORT="$rabbitmq_epmd_port" ERL_EPMD_ADDRESS=127.0.0.1
    RABBITMQ_CONF_ENV_FILE="$rabbitmq_dir/rabbitmq-env.conf"
    RABBITMQ_CONFIG_FILE="$rabbitmq_dir/rabbitmq.conf"
    RABBITMQ_CONFIG_FILES="$rabbitmq_dir/conf.d"
    RABBITMQ_ADVANCED_CONFIG_FILE="$rabbitmq_dir/advanced.config"
    RABBITMQ_ENABLED_PLUGINS_FILE="$rabbitmq_dir/enabled_plugins"
    RABBITMQ_NODENAME=stevedore-test@localhost
    RABBITMQ_MNESIA_BASE="$rabbitmq_dir/data"
    RABBITMQ_LOG_BASE="$rabbitmq_dir"
    RABBITMQ_LOGS="$rabbitmq_dir/node.log"
    RABBITMQ_PID_FILE="$rabbitmq_dir/node.pid"
    RABBITMQ_NODE_IP_ADDRESS=127.0.0.1
    RABBITMQ_NODE_PORT="$rabbitmq_port"
    RABBITMQ_DIST_PORT="$rabbitmq_dist_port"
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
  )
}

configure_rabbitmq() { # FOLDER SCRIPTS
  local dir=$1
  mkdir -p "$dir/home" "$dir/data" "$dir/conf.d"
  (umask 077 && random_word >"$dir/home/.erlang.cookie" && chmod 400 "$dir/home/.erlang.cookie")
  : >"$dir/rabbitmq-env.conf"
  echo '[].' >"$dir/enabled_plugins"
  echo '[].' >"$dir/advanced.config"
  {
    printf 'rabbitmq_scripts_dir=%q\nrabbitmq_erlang=%q\n' "$2" "$(erlang_binaries)"
    printf 'rabbitmq_port=%s\nrabbitmq_dist_port=%s\nrabbitmq_epmd_port=%s\n' "$(free_port)" "$(free_port)" "$(free_port)"
  } >"$dir/node.settings"
  load_rabbitmq "$dir"
  # The write-ahead log of quorum queues takes half a gigabyte otherwise.
  cat >"$dir/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$rabbitmq_port
loopback_users.guest = true
log.file.level = info
raft.wal_max_size_bytes = 67108864
CONF
}

start_epmd() {
  local epmd
  for epmd in "$rabbitmq_erlang/epmd" "$(command -v epmd || true)" \
    "$("$rabbitmq_erlang/erl" -noinput -boot start_clean -eval 'io:put_chars(code:root_dir()), halt().' 2>/dev/null)"/erts-*/bin/epmd; do
    [ -x "$epmd" ] || continue
    spawn_for_rabbitmq "$rabbitmq_dir/epmd.pid" "$rabbitmq_dir/epmd.log" "$epmd" -port "$rabbitmq_epmd_port" -address 127.0.0.1
    wait_until "epmd on 127.0.0.1:$rabbitmq_epmd_port" 10 is_open 127.0.0.1 "$rabbitmq_epmd_port" && return 0
    break
  done
  tail_of "$rabbitmq_dir/epmd.log"
  say "epmd, Erlang's port mapper, did not start on 127.0.0.1:$rabbitmq_epmd_port"
  return 1
}

pid_in() { # FILE
  local pid=
  if [ -s "$1" ]; then read -r pid <"$1" || true; fi # the node writes its file without an end of line
  printf '%s' "$pid"
}

rabbitmq_settled() { # it answers, or it has ended
  is_gone "$(pid_in "$rabbitmq_dir/server.pid")" || rabbitmq_answers 127.0.0.1 "$rabbitmq_port"
}

# Starts the node and waits until it takes connections. 1 with the reason said if it does not.
boot_rabbitmq() {
  rm -f "$rabbitmq_dir/node.pid"
  spawn_for_rabbitmq "$rabbitmq_dir/server.pid" "$rabbitmq_dir/console.log" "$rabbitmq_scripts_dir/rabbitmq-server"
  if [ -e "$rabbitmq_dir/ending" ]; then
    kill_rabbitmq
    return 1
  fi
  if wait_until "RabbitMQ on 127.0.0.1:$rabbitmq_port" 120 rabbitmq_settled &&
    alive "$(pid_in "$rabbitmq_dir/server.pid")"; then
    return 0
  fi
  tail_of "$rabbitmq_dir/console.log"
  tail_of "$rabbitmq_dir/node.log"
  say "the private RabbitMQ ($rabbitmq_scripts_dir) did not start; the end of its logs is above"
  return 1
}

# An orderly end, as an operator's restart is.
halt_rabbitmq() {
  local node
  node=$(pid_in "$rabbitmq_dir/node.pid")
  [ -z "$node" ] || end_process "$node" TERM 60
  kill_rabbitmq
}

# What a crash is: the Erlang machine killed, and with it the script that started it.
kill_rabbitmq() {
  local group
  group=$(pid_in "$rabbitmq_dir/server.pid")
  [ -n "$group" ] || return 0
  kill -KILL -- "-$group" 2>/dev/null || true
  wait_until "RabbitMQ to end" 15 is_gone "$group"
  group=$(pid_in "$rabbitmq_dir/node.pid")
  [ -z "$group" ] || wait_until "RabbitMQ to end" 15 is_gone "$group"
  rm -f "$rabbitmq_dir/server.pid" "$rabbitmq_dir/node.pid"
}

start_rabbitmq() { # SCRIPTS
  local dir=$services_dir/rabbitmq attempt
  for attempt in 1 2 3; do
    rm -rf "$dir"
    configure_rabbitmq "$dir" "$1"
    if start_epmd && boot_rabbitmq; then
      export STEVEDORE_TEST_RABBITMQ="amqp://guest:guest@127.0.0.1:$rabbitmq_port"
      offer_restart bash "$here/services/restart-rabbitmq" "$dir"
      say "RabbitMQ: a private one on 127.0.0.1:$rabbitmq_port ($1)"
      return 0
    fi
    stop_rabbitmq
    cat "$dir"/*.log 2>/dev/null | grep -qi 'in use' || break
    say "a port was taken meanwhile (attempt $attempt of 3)"
  done
  say "repair that installation, or name another server by STEVEDORE_TEST_RABBITMQ"
  exit 2
}

stop_rabbitmq() {
  [ -s "$services_dir/rabbitmq/node.settings" ] || return 0
  load_rabbitmq "$services_dir/rabbitmq"
  : >"$rabbitmq_dir/ending"
  kill_rabbitmq
  end_process "$(pid_in "$rabbitmq_dir/epmd.pid")" TERM 5
}
