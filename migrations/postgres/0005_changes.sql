-- Values that were changed on their way, because the target would have refused them and the migration file says what becomes of such.

create table changed_records (
    changed_id  bigint generated always as identity primary key,
    audit_id    bigint not null references audit_log (audit_id),
    run_id      text not null,
    object      text not null,
    chunk       bigint not null,
    record_key  text not null,
    field       text not null,
    code        text not null,
    was         text,
    created_at  timestamptz not null default now()
);
comment on table changed_records is 'A row for each value that the target holds as another than was computed: as the migration file says, and never silently.';
comment on column changed_records.record_key is 'The key in the source, as text.';
comment on column changed_records.field is 'The target''s field.';
comment on column changed_records.code is 'Why the target would have refused the value.';
comment on column changed_records.was is 'The value before it was changed, as text, shortened to 500 characters; null where it was null.';
create index changed_records_by_run on changed_records (run_id, changed_id);
-- By hash: keys may be longer than a B-tree takes.
create index changed_records_by_key on changed_records using hash (record_key);

alter table audit_log add column changed_count bigint not null default 0;
comment on column audit_log.changed_count is 'Records with a value that was changed; they are counted in success_count as well.';
