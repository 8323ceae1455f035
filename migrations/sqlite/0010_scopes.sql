-- Runs that do not move all records: a sample, or records of chosen keys, with their parents.

alter table runs add column scope text check (scope is null or json_valid(scope));
alter table runs add column follows text references runs (id);

alter table objects add column state_now text not null default 'waiting'
    check (state_now in ('waiting', 'reading_keys', 'picking', 'picked', 'moving', 'moved'));
update objects set state_now = state;
alter table objects drop column state;
alter table objects rename column state_now to state;

alter table chunks add column pass_now text not null default 'records' check (pass_now in ('keys', 'pick', 'parents', 'records'));
update chunks set pass_now = pass;
alter table chunks drop column pass;
alter table chunks rename column pass_now to pass;

drop index audit_log_attempts;
alter table audit_log add column pass_now text not null default 'records' check (pass_now in ('keys', 'pick', 'parents', 'records'));
update audit_log set pass_now = pass;
alter table audit_log drop column pass;
alter table audit_log rename column pass_now to pass;
create unique index audit_log_attempts on audit_log (run_id, object, chunk, attempt, pass) where not outcome;

create table picked_keys (
    run_id        text not null references runs (id),
    object        text not null,
    hash          blob not null,
    source_key    text not null,
    wanted        integer not null check (wanted in (0, 1)),
    sampled       integer not null check (sampled in (0, 1)),
    parents_read  integer not null default false check (parents_read in (0, 1)),
    primary key (run_id, object, hash)
) strict;

create table moved_keys (
    run_id  text not null references runs (id),
    object  text not null,
    hash    blob not null,
    primary key (run_id, object, hash)
) strict;
