-- What children need to know of parents: the ids that the target gave them.

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
