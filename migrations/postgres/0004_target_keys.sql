-- Target keys as hashes, of objects in which a key may come twice.

create table target_keys (
    run_id      text not null,
    object      text not null,
    chunk       bigint not null,
    position    bigint not null,
    hash        bytea not null,
    source_key  text not null,
    rank        text collate "C",
    primary key (run_id, object, chunk, position)
);
comment on table target_keys is 'Hashed target keys; once all are read, only those that occur more than once are kept.';
comment on column target_keys.position is 'The record''s place in its chunk, from 0.';
comment on column target_keys.rank is 'The watermark as text that sorts like it; the highest is the latest.';
create index target_keys_by_hash on target_keys (run_id, object, hash);
