# The servers as Debian packages, installed where we are root and there is nothing else. Their own
# services are not started and no cluster is made: only their binaries are wanted.

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && command -v dpkg >/dev/null 2>&1; }

# invoke-rc.d and deb-systemd-invoke ask this file whether they may start a service: 101 is no.
forbid_services() {
  [ ! -e /usr/sbin/policy-rc.d ] || mv /usr/sbin/policy-rc.d "$services_dir/policy-rc.d.before"
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  mkdir -p /etc/postgresql-common/createcluster.d
  echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/stevedore-test.conf
  : >"$services_dir/services-forbidden"
}

allow_services() {
  [ -e "$services_dir/services-forbidden" ] || return 0
  rm -f /usr/sbin/policy-rc.d /etc/postgresql-common/createcluster.d/stevedore-test.conf
  [ ! -e "$services_dir/policy-rc.d.before" ] || mv "$services_dir/policy-rc.d.before" /usr/sbin/policy-rc.d
  rm -f "$services_dir/services-forbidden"
}

install_packages() { # PACKAGE…
  local log=$services_dir/apt.log
  say "installing Debian packages, without starting their services: $*"
  forbid_services
  if ! run_limited "apt-get update" 300 "$log" apt-get -o DPkg::Lock::Timeout=120 update; then
    say "'apt-get update' failed; trying with the package lists that are here"
  fi
  run_limited "apt-get install $*" 900 "$log" env DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=120 install --yes --no-install-recommends "$@" || {
    tail_of "$log"
    die "'apt-get install $*' failed."
  }
  allow_services
}
