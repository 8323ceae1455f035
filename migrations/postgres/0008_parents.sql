-- What children need to know of parents: the ids that the target gave them.

create table id_map (
    migration   text not null,
    system      text not null,
    object      text not null,
    -- By hash: keys may be longer than a B-tree takes.
    key_hash    bytea not null,
    record_key  text not null,
    to_object   text not null,
    target_id   text not null,
    run_id      text not null,
    updated_at  timestamptz not null default now(),
    primary key (migration, system, object, key_hash)
);
comment on table id_map is 'The ids that the target gave to records whose children look them up by id. It outlives runs: later ones, and retries, find parents here.';
comment on column id_map.system is 'What tells the target from any other: ids of one system mean nothing in another.';
comment on column id_map.object is 'The object of the migration file that moved the record.';
comment on column id_map.record_key is 'The key in the source, as text.';
comment on column id_map.to_object is 'The target''s object or table.';
comment on column id_map.run_id is 'The run that moved the record last.';
create index id_map_by_target on id_map (system, to_object, target_id);
