-- Bulk jobs in a target, stored with their chunks before anything is uploaded.

create table jobs (
    id          text primary key,
    run_id      text not null references runs (id),
    object      text not null,
    connection  text not null,
    remote_id   text,
    state       text not null check (state in ('stored', 'created', 'uploaded', 'finished', 'abandoned')),
    records     integer not null,
    bytes       integer not null,
    holder      text,
    until       text not null,
    created_at  text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at  text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) strict;
create index jobs_open on jobs (connection, until) where state in ('stored', 'created', 'uploaded');
create index jobs_by_run on jobs (run_id);

create table job_chunks (
    job_id     text not null references jobs (id),
    run_id     text not null,
    object     text not null,
    chunk      integer not null,
    attempt    integer not null,
    manifest   blob not null,
    abandoned  integer not null default false check (abandoned in (0, 1)),
    primary key (job_id, chunk)
) strict;
create unique index job_chunks_live on job_chunks (run_id, object, chunk) where not abandoned;
