-- What children need of parents: the ids that the target gave them, and something in the place of those that are not there.

create table id_map (
    migration   text not null,
    system      text not null,
    object      text not null,
    key_hash    blob not null,
    record_key  text not null,
    to_object   text not null,
    target_id   text not null,
    run_id      text not null,
    updated_at  text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    primary key (migration, system, object, key_hash)
) strict;
create index id_map_by_target on id_map (system, to_object, target_id);

-- Records that were made because children miss them.
create table placeholders (
    placeholder_id   integer primary key autoincrement,
    run_id           text not null references runs (id),
    object           text not null,
    system           text not null,
    to_object        text not null,
    key_hash         blob not null,
    target_key       text not null,
    target_id        text,
    child_object     text not null,
    child_key        text not null,
    made_at          text,
    replaced_at      text,
    replaced_by_run  text,
    created_at       text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    unique (run_id, object, key_hash)
) strict;
create index placeholders_by_target on placeholders (system, to_object, target_id) where replaced_at is null;
