-- Runs that do not move all records: a sample, or records of chosen keys, with their parents.

alter table runs add column scope json;
comment on column runs.scope is 'Which records it moves, where it is not all of them.';
alter table runs add column follows text references runs (id);
comment on column runs.follows is 'The sample that it follows on: what that one has moved is left out.';

alter table objects drop constraint objects_state_check;
alter table objects add constraint objects_state_check
    check (state in ('waiting', 'reading_keys', 'picking', 'picked', 'moving', 'moved'));
alter table chunks drop constraint chunks_pass_check;
alter table chunks add constraint chunks_pass_check check (pass in ('keys', 'pick', 'parents', 'records'));
alter table audit_log drop constraint audit_log_pass_check;
alter table audit_log add constraint audit_log_pass_check check (pass in ('keys', 'pick', 'parents', 'records'));

create table picked_keys (
    run_id        text not null references runs (id),
    object        text not null,
    hash          bytea not null,
    source_key    text not null,
    wanted        boolean not null,
    sampled       boolean not null,
    parents_read  boolean not null default false,
    primary key (run_id, object, hash)
);
comment on table picked_keys is 'The records that a run moves, where it does not move all.';
comment on column picked_keys.wanted is 'For certain; otherwise only if its hash is among the lowest of the sample.';
comment on column picked_keys.parents_read is 'It is, or was, read for its parents.';

create table moved_keys (
    run_id  text not null references runs (id),
    object  text not null,
    hash    bytea not null,
    primary key (run_id, object, hash)
);
comment on table moved_keys is 'Source keys, hashed, of the records that a sample has moved; the run that follows on it leaves them out.';
