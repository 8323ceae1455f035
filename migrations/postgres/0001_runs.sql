-- Who leads, what runs, of which objects, in which chunks; and who is at work on them.

create table leadership (
    one     smallint primary key default 1 check (one = 1),
    -- Unique, so that a take-over waits for writers that hold a key-share lock, and a renewal does not.
    term    bigint not null unique,
    holder  text,
    until   timestamptz not null
);
comment on table leadership is 'One row: the coordinator that may change runs and chunks. Every such write is conditional on its term.';
insert into leadership (term, until) values (0, now());

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
    desired_at          timestamptz,
    drain               boolean not null default false,
    retry_requested_at  timestamptz,
    retry_requested_by  text,
    created_at          timestamptz not null default now(),
    started_at          timestamptz,
    ended_at            timestamptz,
    updated_at          timestamptz not null default now()
);
comment on table runs is 'One row for each execution of a migration.';
comment on column runs.file is 'The migration file as the run began with it; holds no credentials.';
comment on column runs.scheduler_run_id is 'The scheduler''s own id of the run.';
comment on column runs.status is 'What the coordinator has made of it.';
comment on column runs.status_reason is 'Why it is paused, stopped or failed.';
comment on column runs.desired_state is 'The kill switch: every service obeys it within two seconds. Setting it by hand is enough.';
comment on column runs.drain is 'At a stop: jobs under way in the target are let finish instead of aborted.';
comment on column runs.retry_requested_at is 'Somebody asked for the failed records to be sent again; cleared when that is taken up.';
create index runs_by_age on runs (created_at desc, id desc);
create index runs_unfinished on runs (id)
    where status not in ('completed', 'failed', 'mismatched') or retry_requested_at is not null;

create table objects (
    run_id             text not null references runs (id),
    name               text not null,
    position           bigint not null,
    phase              bigint not null,
    to_object          text not null,
    operation          text not null,
    source             json not null,
    target             json not null,
    needs_key_pass     boolean not null,
    estimated_records  bigint,
    target_before      bigint,
    state              text not null default 'waiting' check (state in ('waiting', 'reading_keys', 'moving', 'moved')),
    plan_cursor        json,
    plan_closed        boolean not null default false,
    plan_step          bigint not null default 0,
    last_chunk         bigint not null default 0,
    started_at         timestamptz,
    ended_at           timestamptz,
    updated_at         timestamptz not null default now(),
    primary key (run_id, name)
);
comment on table objects is 'The objects of a run: what is moved to what.';
comment on column objects.source is 'The source as it was described when the run began; a schema that changes under it pauses the run.';
comment on column objects.target is 'The target as it was described when the run began.';
comment on column objects.needs_key_pass is 'Target keys are read first, to find duplicates over the whole object.';
comment on column objects.target_before is 'Records that the target held before.';
comment on column objects.plan_cursor is 'How far the object is cut into chunks; only its source understands it.';
comment on column objects.plan_closed is 'Every chunk is planned.';
comment on column objects.plan_step is 'How often the plan has been carried on; a step is saved once.';
comment on column objects.last_chunk is 'The highest chunk number given.';

create table chunks (
    run_id         text not null,
    object         text not null,
    chunk          bigint not null,
    parent         bigint,
    root           bigint not null,
    ancestors      json not null default '[]',
    kind           text not null check (kind in ('slice', 'retry')),
    pass           text not null check (pass in ('keys', 'records')),
    slice          json not null,
    state          text not null default 'pending'
                   check (state in ('pending', 'dispatched', 'done', 'failed', 'split', 'superseded')),
    attempt        bigint not null default 0,
    superseded_by  bigint,
    not_before     timestamptz,
    dispatched_at  timestamptz,
    settled_at     timestamptz,
    extracted      bigint not null default 0,
    created        bigint not null default 0,
    updated        bigint not null default 0,
    unchanged      bigint not null default 0,
    deleted        bigint not null default 0,
    rejected       bigint not null default 0,
    failed         bigint not null default 0,
    skipped        bigint not null default 0,
    error_code     text,
    error_message  text,
    error_hint     text,
    failure        json,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    primary key (run_id, object, chunk),
    foreign key (run_id, object) references objects (run_id, name),
    check (state <> 'dispatched' or dispatched_at is not null)
);
comment on table chunks is 'The slices of an object, each with its checkpoint.';
comment on column chunks.kind is 'A slice of the plan, or records that are sent again.';
comment on column chunks.pass is 'The pass it is in: target keys only, or the records.';
comment on column chunks.slice is 'What to read; only the source understands it.';
comment on column chunks.parent is 'The chunk that it was split from.';
comment on column chunks.ancestors is 'All the chunks that it was split from, nearest first.';
comment on column chunks.root is 'The farthest of them, or itself.';
comment on column chunks.attempt is 'The number of its latest dispatch; earlier ones are fenced.';
comment on column chunks.not_before is 'It was handed back and is not dispatched before.';
comment on column chunks.extracted is 'Its books: extracted is the sum of the seven that follow.';
comment on column chunks.error_message is 'Why it failed, or was handed back.';
-- Serves the next chunks to dispatch, the failed ones, and counts by state.
create index chunks_by_state on chunks (run_id, object, state, chunk);
-- Queries name dispatched_at, so that SQLite prefers it to the index above.
create index chunks_in_flight on chunks (run_id, dispatched_at) where state = 'dispatched';
create index chunks_by_parent on chunks (run_id, object, parent) where parent is not null;
create index chunks_of_retries on chunks (run_id, object, root) where kind = 'retry';

create table leases (
    run_id   text not null,
    object   text not null,
    chunk    bigint not null,
    attempt  bigint not null,
    stage    text not null,
    holder   text not null,
    until    timestamptz not null,
    primary key (run_id, object, chunk, attempt, stage)
);
comment on table leases is 'Who is at work on which attempt of which chunk. A chunk that waits in a queue has none.';
create index leases_by_holder on leases (holder);
create index leases_by_end on leases (until);

create table services (
    instance  text not null,
    role      text not null,
    host      text not null,
    version   text not null,
    ready     boolean not null,
    in_hand   bigint not null,
    seen_at   timestamptz not null default now(),
    primary key (instance, role)
);
comment on table services is 'The services that report themselves, with the number of messages each has in hand.';
create index services_by_role on services (role, seen_at);
