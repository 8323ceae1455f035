-- What happened: a row per chunk and attempt, the records that did not make it, and the memory of all the others.

create table audit_log (
    audit_id           integer primary key autoincrement,
    run_id             text not null references runs (id),
    scheduler_run_id   text,
    object             text not null,
    chunk              integer not null,
    attempt            integer not null,
    pass               text not null check (pass in ('keys', 'records')),
    outcome            integer not null check (outcome in (0, 1)),
    started_at         text,
    ended_at           text,
    duration_seconds   real,
    source_count       integer,
    extracted_count    integer,
    transformed_count  integer,
    loaded_count       integer,
    success_count      integer,
    failed_count       integer,
    skipped_count      integer,
    created_count      integer,
    updated_count      integer,
    unchanged_count    integer,
    deleted_count      integer,
    rejected_count     integer,
    status             text not null check (status in ('RUNNING', 'SUCCESS', 'PARTIAL', 'FAILED', 'ROLLED_BACK')),
    error_message      text,
    error_details      text check (error_details is null or json_valid(error_details)),
    job_id             text,
    batch_id           text,
    file_path          text,
    file_size_mb       real,
    source_checksum    text,
    target_checksum    text,
    read_epoch         text,
    bytes              integer,
    balanced           integer check (balanced in (0, 1)),
    created_by         text not null,
    created_at         text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) strict;
create unique index audit_log_outcomes on audit_log (run_id, object, chunk) where outcome;
create unique index audit_log_attempts on audit_log (run_id, object, chunk, attempt, pass) where not outcome;
create index audit_log_by_object on audit_log (object);
create index audit_log_by_status on audit_log (status);
create index audit_log_by_time on audit_log (created_at);

create table failed_records (
    failed_id         integer primary key autoincrement,
    audit_id          integer not null references audit_log (audit_id),
    run_id            text not null,
    object            text not null,
    chunk             integer not null,
    attempt           integer not null,
    record_key        text not null,
    fate              text not null check (fate in ('rejected', 'failed', 'skipped')),
    error_code        text not null,
    error_message     text not null,
    error_fields      text,
    retry_count       integer not null default 0,
    last_retry_at     text,
    retry_chunk       integer,
    retried_by_chunk  integer,
    resolved          integer not null default false check (resolved in (0, 1)),
    resolved_at       text,
    resolution_notes  text,
    record_data       text check (record_data is null or json_valid(record_data)),
    created_at        text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) strict;
create index failed_records_by_run on failed_records (run_id, failed_id);
create index failed_records_by_key on failed_records (run_id, object, record_key);
create index failed_records_unresolved on failed_records (run_id, object, failed_id) where not resolved;
create index failed_records_retried on failed_records (run_id, object, fate) where retried_by_chunk is not null;

create table ledger (
    run_id            text not null,
    object            text not null,
    chunk             integer not null,
    attempt           integer not null,
    records           integer not null,
    encoding_version  integer not null,
    blob              blob not null,
    created_at        text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    primary key (run_id, object, chunk)
) strict;

create table reconciliations (
    run_id        text not null references runs (id),
    object        text not null,
    level         integer not null,
    check_name    text not null,
    scope         text not null,
    source_value  text,
    target_value  text,
    passed        integer not null check (passed in (0, 1)),
    details       text check (details is null or json_valid(details)),
    checked_at    text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    primary key (run_id, object, level, check_name)
) strict;
