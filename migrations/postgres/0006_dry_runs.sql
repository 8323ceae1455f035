-- Dry runs: what would be in the target, and which audit rows tell of nothing that was written.

alter table runs drop constraint runs_kind_check;
alter table runs add constraint runs_kind_check check (kind in ('full', 'dry_run'));
comment on column runs.kind is 'dry_run: the target is only asked; its books and audit rows say what would become of the records.';

alter table audit_log add column dry_run boolean not null default false;
comment on column audit_log.dry_run is 'The counts say what would have become of the records; nothing was written to the target.';

create table foreseen_keys (
    run_id  text not null references runs (id),
    target  text not null,
    hash    bytea not null,
    object  text not null,
    primary key (run_id, target, hash, object)
);
comment on table foreseen_keys is 'Target keys, hashed, of records that a dry run would create: the parents and originals that others of the same run would find.';
comment on column foreseen_keys.target is 'The target''s object.';
comment on column foreseen_keys.object is 'The migration''s object that would create it.';
