# A private PostgreSQL from installed binaries: its own folder, a free port on loopback, no socket.
# Nothing of it outlives the tests, so it does not wait for the disk.

# The newest directory that has a whole server; nothing if there is none.
postgres_binaries() {
  local dir found
  dir=$(pg_config --bindir 2>/dev/null || true)
  for found in "$(dirname "$(command -v initdb || true)")" "$dir"; do
    [ -n "$found" ] && [ -x "$found/initdb" ] && [ -x "$found/postgres" ] && [ -x "$found/pg_ctl" ] || continue
    printf '%s\n' "$found"
    return 0
  done
  for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/pgsql/bin \
    /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin /home/linuxbrew/.linuxbrew/opt/postgresql*/bin \
    /Applications/Postgres.app/Contents/Versions/latest/bin; do
    [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ] && [ -x "$dir/pg_ctl" ] || continue
    printf '%s\t%s\n' "$("$dir/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')" "$dir"
  done | sort -n | tail -n 1 | cut -f 2
}

# PostgreSQL refuses to run as root; then it runs as `postgres`, or `nobody`.
postgres_user() {
  [ "$(id -u)" = 0 ] || return 0
  if id postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi
}

# With a bare environment, so that no PGDATA, PGPORT or locale of the caller reaches the server.
as_postgres() { # COMMAND…
  local user path="$postgres_bin:/usr/bin:/bin"
  user=$(postgres_user)
  if [ -z "$user" ]; then
    env -i PATH="$path" HOME="$postgres_dir" LC_ALL=C "$@"
  elif setpriv --reuid="$user" --clear-groups --regid="$(id -g "$user")" true 2>/dev/null; then
    env -i PATH="$path" HOME="$postgres_dir" LC_ALL=C \
      setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@"
  elif command -v runuser >/dev/null 2>&1; then
    env -i PATH="$path" HOME="$postgres_dir" LC_ALL=C "$(command -v runuser)" -u "$user" -- "$@"
  else
    local word command=
    for word in "$@"; do command="$command $(printf '%q' "$word")"; done
    env -i PATH="$path" HOME="$postgres_dir" LC_ALL=C SHELL=/bin/sh "$(command -v su)" -m "$user" -c "$command"
  fi
}

start_postgres() { # BINARIES
  postgres_bin=$1
  postgres_dir=$services_dir/postgres
  local log=$postgres_dir/log port attempt
  mkdir "$postgres_dir"
  : >"$log"
  [ -z "$(postgres_user)" ] || chown -R "$(postgres_user)" "$postgres_dir"

  run_limited "initdb" 120 "$services_dir/initdb.log" as_postgres "$postgres_bin/initdb" \
    --pgdata="$postgres_dir/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync || {
    tail_of "$services_dir/initdb.log"
    die "$postgres_bin/initdb failed." "Repair that installation, or name another server by STEVEDORE_TEST_POSTGRES."
  }
  for attempt in 1 2 3; do
    port=$(free_port)
    if as_postgres "$postgres_bin/pg_ctl" start --silent --wait --timeout=60 --pgdata="$postgres_dir/data" --log="$log" \
      -o "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories='' -c max_connections=300 -c timezone=UTC \
          -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_wal_size=4GB" \
      </dev/null >>"$services_dir/pg_ctl.log" 2>&1; then
      wait_until "PostgreSQL on 127.0.0.1:$port" 60 postgres_answers 127.0.0.1 "$port" || break
      forget_postgres_environment
      export STEVEDORE_TEST_POSTGRES="postgres://postgres@127.0.0.1:$port/postgres"
      say "PostgreSQL: a private one on 127.0.0.1:$port ($postgres_bin)"
      return 0
    fi
    grep -qi 'in use' "$log" || break
    say "port $port was taken meanwhile (attempt $attempt of 3)"
  done
  tail_of "$log"
  die "the private PostgreSQL ($postgres_bin) did not start; the end of its log is above." \
    "Repair that installation, or name another server by STEVEDORE_TEST_POSTGRES."
}

# Ends the server and its children at once: its data is thrown away with its folder.
stop_postgres() {
  local pid dir=$services_dir/postgres/data/postmaster.pid
  [ -s "$dir" ] || return 0
  read -r pid <"$dir" || return 0
  end_process "$pid" QUIT 15
}
