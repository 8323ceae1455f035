# The servers as containers, when no binaries are installed and a Docker daemon answers.

# The compose command to use, as words; nothing without a daemon or without Compose.
compose_command() {
  run_quietly docker info || return 0
  if run_quietly docker compose version; then
    echo docker compose
  elif run_quietly docker-compose version; then
    echo docker-compose
  fi
}

# A daemon that accepts a connection and says nothing must not hold us up.
run_quietly() { run_limited "$*" 20 /dev/null "$@" 2>/dev/null; }

compose() { # ARGUMENTS…
  # shellcheck disable=SC2086
  POSTGRES_PORT=${compose_postgres_port:-0} RABBITMQ_PORT=${compose_rabbitmq_port:-0} \
    $compose_command --project-name "$compose_project" --file "$here/services/compose.yaml" "$@"
}

compose_up() { # SERVICE PROBE PORT
  local log=$services_dir/compose.log
  run_limited "Docker Compose (it downloads the image of $1 the first time)" 900 "$log" compose up --detach "$1" || {
    tail_of "$log"
    die "'$compose_command up' failed for $1."
  }
  wait_until "$1 on 127.0.0.1:$3" 180 "$2" 127.0.0.1 "$3" || {
    compose logs --tail 25 "$1" >"$services_dir/container.log" 2>&1 || true
    tail_of "$services_dir/container.log"
    die "the container of $1 does not answer on 127.0.0.1:$3."
  }
  say "$1: a container on 127.0.0.1:$3 ($compose_command, project $compose_project)"
}

# Notes the project before the first container, so that whoever cleans up can end it.
use_compose() {
  [ -z "${compose_project:-}" ] || return 0
  compose_project=stevedore-test-$(random_word)
  compose_postgres_port=$(free_port)
  compose_rabbitmq_port=$(free_port)
  {
    printf 'compose_project=%q\ncompose_command=%q\n' "$compose_project" "$compose_command"
    printf 'compose_postgres_port=%s\ncompose_rabbitmq_port=%s\n' "$compose_postgres_port" "$compose_rabbitmq_port"
  } >"$services_dir/compose.settings"
}

start_compose_postgres() {
  use_compose
  compose_up postgres postgres_answers "$compose_postgres_port"
  forget_postgres_environment
  export STEVEDORE_TEST_POSTGRES="postgres://postgres@127.0.0.1:$compose_postgres_port/postgres"
}

start_compose_rabbitmq() {
  use_compose
  compose_up rabbitmq rabbitmq_answers "$compose_rabbitmq_port"
  export STEVEDORE_TEST_RABBITMQ="amqp://guest:guest@127.0.0.1:$compose_rabbitmq_port"
  offer_restart bash "$here/services/restart-container" "$services_dir"
}

stop_compose() {
  [ -s "$services_dir/compose.settings" ] || return 0
  # shellcheck disable=SC1091
  . "$services_dir/compose.settings"
  run_limited "Docker Compose to remove its containers" 120 "$services_dir/compose.log" compose down --volumes --timeout 1 ||
    say "'$compose_command --project-name $compose_project down' failed; its containers may be left"
}
