-- What children need of parents: the ids that the target gave them, and something in the place of those that are not there.

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

create table placeholders (
    placeholder_id   bigint generated always as identity primary key,
    run_id           text not null references runs (id),
    object           text not null,
    system           text not null,
    to_object        text not null,
    key_hash         bytea not null,
    target_key       text not null,
    target_id        text,
    child_object     text not null,
    child_key        text not null,
    made_at          timestamptz,
    replaced_at      timestamptz,
    replaced_by_run  text,
    created_at       timestamptz not null default now(),
    unique (run_id, object, key_hash)
);
comment on table placeholders is 'Records that were made in the target because children miss them. They are counted apart from the books.';
comment on column placeholders.object is 'The object of the migration file whose record it stands for.';
comment on column placeholders.target_key is 'The value of the target''s key field by which children find it.';
comment on column placeholders.child_object is 'With child_key: a record that asked for it.';
comment on column placeholders.made_at is 'Null while it is being made.';
comment on column placeholders.replaced_at is 'When the real record took its place.';
create index placeholders_by_target on placeholders (system, to_object, target_id) where replaced_at is null;
