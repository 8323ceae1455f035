-- Dry runs: what would be in the target, and which audit rows tell of nothing that was written.

-- A column's check can't be changed; all runs so far are of the one kind there was.
alter table runs add column kind_of_run text not null default 'full' check (kind_of_run in ('full', 'dry_run'));
alter table runs drop column kind;
alter table runs rename column kind_of_run to kind;

alter table audit_log add column dry_run integer not null default false check (dry_run in (0, 1));

create table foreseen_keys (
    run_id  text not null references runs (id),
    target  text not null,
    hash    blob not null,
    object  text not null,
    primary key (run_id, target, hash, object)
) strict;
