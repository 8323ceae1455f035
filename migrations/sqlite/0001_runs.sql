-- What these tables and columns mean is told by the comments of migrations/postgres; here the times are
-- ISO 8601 in UTC to the millisecond, of one width, so that they compare as text.
--
-- Who leads, what runs, of which objects, in which chunks; and who is at work on them.

create table leadership (
    one     integer primary key default 1 check (one = 1),
    term    integer not null unique,
    holder  text,
    until   text not null
) strict;
insert into leadership (term, until) values (0, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));

create table runs (
    id                  text primary key,
    idempotency_key     text unique,
    migration           text not null,
    kind                text not null check (kind in ('full')),
    file                text not null,
    file_sha256         text not null,
    requested_by        text not null,
    scheduler_run_id    text,
    status              text not null default 'pending'
                        check (status in ('pending', 'running', 'paused', 'stopped', 'reconciling', 'completed', 'failed', 'mismatched')),
    status_reason       text,
    desired_state       text not null default 'running' check (desired_state in ('running', 'paused', 'stopped')),
    desired_by          text,
    desired_reason      text,
    desired_at          text,
    drain               integer not null default false check (drain in (0, 1)),
    retry_requested_at  text,
    retry_requested_by  text,
    created_at          text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    started_at          text,
    ended_at            text,
    updated_at          text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) strict;
create index runs_by_age on runs (created_at desc, id desc);
create index runs_unfinished on runs (id)
    where status not in ('completed', 'failed', 'mismatched') or retry_requested_at is not null;

create table objects (
    run_id             text not null references runs (id),
    name               text not null,
    position           integer not null,
    phase              integer not null,
    to_object          text not null,
    operation          text not null,
    source             text not null check (json_valid(source)),
    target             text not null check (json_valid(target)),
    needs_key_pass     integer not null check (needs_key_pass in (0, 1)),
    estimated_records  integer,
    target_before      integer,
    state              text not null default 'waiting' check (state in ('waiting', 'reading_keys', 'moving', 'moved')),
    plan_cursor        text check (plan_cursor is null or json_valid(plan_cursor)),
    plan_closed        integer not null default false check (plan_closed in (0, 1)),
    plan_step          integer not null default 0,
    last_chunk         integer not null default 0,
    started_at         text,
    ended_at           text,
    updated_at         text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    primary key (run_id, name)
) strict;

create table chunks (
    run_id         text not null,
    object         text not null,
    chunk          integer not null,
    parent         integer,
    root           integer not null,
    ancestors      text not null default '[]' check (json_valid(ancestors)),
    kind           text not null check (kind in ('slice', 'retry')),
    pass           text not null check (pass in ('keys', 'records')),
    slice          text not null check (json_valid(slice)),
    state          text not null default 'pending'
                   check (state in ('pending', 'dispatched', 'done', 'failed', 'split', 'superseded')),
    attempt        integer not null default 0,
    superseded_by  integer,
    not_before     text,
    dispatched_at  text,
    settled_at     text,
    extracted      integer not null default 0,
    created        integer not null default 0,
    updated        integer not null default 0,
    unchanged      integer not null default 0,
    deleted        integer not null default 0,
    rejected       integer not null default 0,
    failed         integer not null default 0,
    skipped        integer not null default 0,
    error_code     text,
    error_message  text,
    error_hint     text,
    failure        text check (failure is null or json_valid(failure)),
    created_at     text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at     text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    primary key (run_id, object, chunk),
    foreign key (run_id, object) references objects (run_id, name),
    check (state <> 'dispatched' or dispatched_at is not null)
) strict;
-- Serves the next chunks to dispatch, the failed ones, and counts by state.
create index chunks_by_state on chunks (run_id, object, state, chunk);
-- Queries name dispatched_at, so that SQLite prefers it to the index above.
create index chunks_in_flight on chunks (run_id, dispatched_at) where state = 'dispatched';
create index chunks_by_parent on chunks (run_id, object, parent) where parent is not null;
create index chunks_of_retries on chunks (run_id, object, root) where kind = 'retry';

create table leases (
    run_id   text not null,
    object   text not null,
    chunk    integer not null,
    attempt  integer not null,
    stage    text not null,
    holder   text not null,
    until    text not null,
    primary key (run_id, object, chunk, attempt, stage)
) strict;
create index leases_by_holder on leases (holder);
create index leases_by_end on leases (until);

create table services (
    instance  text not null,
    role      text not null,
    host      text not null,
    version   text not null,
    ready     integer not null check (ready in (0, 1)),
    in_hand   integer not null,
    seen_at   text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    primary key (instance, role)
) strict;
create index services_by_role on services (role, seen_at);
