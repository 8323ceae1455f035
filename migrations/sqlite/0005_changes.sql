-- Values that were changed on their way, because the target would have refused them and the migration file says what becomes of such.

create table changed_records (
    changed_id  integer primary key autoincrement,
    audit_id    integer not null references audit_log (audit_id),
    run_id      text not null,
    object      text not null,
    chunk       integer not null,
    record_key  text not null,
    field       text not null,
    code        text not null,
    was         text,
    created_at  text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) strict;
create index changed_records_by_run on changed_records (run_id, changed_id);
create index changed_records_by_key on changed_records (run_id, object, record_key);

alter table audit_log add column changed_count integer not null default 0;
