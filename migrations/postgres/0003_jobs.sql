-- Bulk jobs in a target, stored with their chunks before anything is uploaded.

create table jobs (
    id          text primary key,
    run_id      text not null references runs (id),
    object      text not null,
    connection  text not null,
    remote_id   text,
    state       text not null check (state in ('stored', 'created', 'uploaded', 'finished', 'abandoned')),
    records     bigint not null,
    bytes       bigint not null,
    holder      text,
    until       timestamptz not null,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now()
);
comment on table jobs is 'Bulk jobs in a target. Any loader may follow one to its end once its holder''s time is up.';
comment on column jobs.remote_id is 'The target''s own name of the job.';
comment on column jobs.state is 'stored: here alone; created: the target knows it; uploaded: closed, it is being processed; finished: its results are handed on; abandoned: nothing of it counts.';
create index jobs_open on jobs (connection, until) where state in ('stored', 'created', 'uploaded');
create index jobs_by_run on jobs (run_id);

create table job_chunks (
    job_id     text not null references jobs (id),
    run_id     text not null,
    object     text not null,
    chunk      bigint not null,
    attempt    bigint not null,
    manifest   bytea not null,
    abandoned  boolean not null default false,
    primary key (job_id, chunk)
);
comment on table job_chunks is 'The chunks of each job. A chunk is in one job at most that was not abandoned.';
comment on column job_chunks.manifest is 'What the loader needs to tell the chunk''s results from its neighbours''.';
create unique index job_chunks_live on job_chunks (run_id, object, chunk) where not abandoned;
