-- What happened: a row per chunk and attempt, the records that did not make it, and the memory of all the others.

create table audit_log (
    audit_id           bigint generated always as identity primary key,
    run_id             text not null references runs (id),
    scheduler_run_id   text,
    object             text not null,
    chunk              bigint not null,
    attempt            bigint not null,
    pass               text not null check (pass in ('keys', 'records')),
    outcome            boolean not null,
    started_at         timestamptz,
    ended_at           timestamptz,
    duration_seconds   double precision,
    source_count       bigint,
    extracted_count    bigint,
    transformed_count  bigint,
    loaded_count       bigint,
    success_count      bigint,
    failed_count       bigint,
    skipped_count      bigint,
    created_count      bigint,
    updated_count      bigint,
    unchanged_count    bigint,
    deleted_count      bigint,
    rejected_count     bigint,
    status             text not null check (status in ('RUNNING', 'SUCCESS', 'PARTIAL', 'FAILED', 'ROLLED_BACK')),
    error_message      text,
    error_details      json,
    job_id             text,
    batch_id           text,
    file_path          text,
    file_size_mb       double precision,
    source_checksum    text,
    target_checksum    text,
    read_epoch         text,
    bytes              bigint,
    balanced           boolean,
    created_by         text not null,
    created_at         timestamptz not null default now()
);
comment on table audit_log is 'A row per chunk and attempt: its one outcome, or why an attempt came to nothing.';
comment on column audit_log.outcome is 'The row that counts; a chunk has at most one.';
comment on column audit_log.source_count is 'Records that the source said it held, where it says so; null otherwise.';
comment on column audit_log.success_count is 'Created, updated, unchanged or deleted.';
comment on column audit_log.failed_count is 'Refused by the target. Those that we refused stand in rejected_count.';
comment on column audit_log.job_id is 'The job in the target, by the target''s own name.';
comment on column audit_log.target_checksum is 'Over the records as read back from the target; null where they were not.';
comment on column audit_log.read_epoch is 'When, or in which snapshot, the chunk was read.';
comment on column audit_log.balanced is 'Every extracted record has one fate.';
create unique index audit_log_outcomes on audit_log (run_id, object, chunk) where outcome;
create unique index audit_log_attempts on audit_log (run_id, object, chunk, attempt, pass) where not outcome;
create index audit_log_by_object on audit_log (object);
create index audit_log_by_status on audit_log (status);
create index audit_log_by_time on audit_log (created_at);

create table failed_records (
    failed_id         bigint generated always as identity primary key,
    audit_id          bigint not null references audit_log (audit_id),
    run_id            text not null,
    object            text not null,
    chunk             bigint not null,
    attempt           bigint not null,
    record_key        text not null,
    fate              text not null check (fate in ('rejected', 'failed', 'skipped')),
    error_code        text not null,
    error_message     text not null,
    error_fields      text,
    retry_count       bigint not null default 0,
    last_retry_at     timestamptz,
    retry_chunk       bigint,
    retried_by_chunk  bigint,
    resolved          boolean not null default false,
    resolved_at       timestamptz,
    resolution_notes  text,
    record_data       json,
    created_at        timestamptz not null default now()
);
comment on table failed_records is 'Records that did not make it, with the reason, for whoever has to mend them.';
comment on column failed_records.record_key is 'The key in the source, as text.';
comment on column failed_records.fate is 'rejected: by us, before it was sent; failed: by the target; skipped: on purpose, as the migration file says.';
comment on column failed_records.error_code is 'Ours in snake case, or the target''s own.';
comment on column failed_records.error_fields is 'The fields at fault, separated by commas.';
comment on column failed_records.retry_chunk is 'The chunk that is to send it again.';
comment on column failed_records.retried_by_chunk is 'The chunk that has read it again; the record''s fate is counted there.';
create index failed_records_by_run on failed_records (run_id, failed_id);
-- By hash: keys may be longer than a B-tree takes.
create index failed_records_by_key on failed_records using hash (record_key);
create index failed_records_unresolved on failed_records (run_id, object, failed_id) where not resolved;
create index failed_records_retried on failed_records (run_id, object, fate) where retried_by_chunk is not null;

create table ledger (
    run_id            text not null,
    object            text not null,
    chunk             bigint not null,
    attempt           bigint not null,
    records           bigint not null,
    encoding_version  bigint not null,
    blob              bytea not null,
    created_at        timestamptz not null default now(),
    primary key (run_id, object, chunk)
);
comment on table ledger is 'The per-record memory of each chunk, one compressed columnar blob: key, target id, fate, checksum.';
-- It is compressed already.
alter table ledger alter column blob set storage external;

create table reconciliations (
    run_id        text not null references runs (id),
    object        text not null,
    level         bigint not null,
    check_name    text not null,
    scope         text not null,
    source_value  text,
    target_value  text,
    passed        boolean not null,
    details       json,
    checked_at    timestamptz not null default now(),
    primary key (run_id, object, level, check_name)
);
comment on table reconciliations is 'What reading both ends anew has shown; the latest result of each check.';
