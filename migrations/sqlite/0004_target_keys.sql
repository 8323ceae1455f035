-- Target keys as hashes, of objects in which a key may come twice.

create table target_keys (
    run_id      text not null,
    object      text not null,
    chunk       integer not null,
    position    integer not null,
    hash        blob not null,
    source_key  text not null,
    rank        text,
    primary key (run_id, object, chunk, position)
) strict;
create index target_keys_by_hash on target_keys (run_id, object, hash);
