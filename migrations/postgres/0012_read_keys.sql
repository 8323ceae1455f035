-- Target keys while an object's are being read, packed: a row per chunk and first byte of the hash. The repeated ones go to target_keys.

create table read_keys (
    run_id      text not null,
    object      text not null,
    chunk       bigint not null,
    bucket      bigint not null,
    keys        bytea not null,
    primary key (run_id, object, chunk, bucket)
);
comment on table read_keys is 'Hashed target keys while they are read; thrown away once all are.';
comment on column read_keys.bucket is 'The first byte of the hashes.';
comment on column read_keys.keys is 'Hash, position, source key and rank of each record, packed.';
create index read_keys_by_bucket on read_keys (run_id, object, bucket, chunk);
comment on table target_keys is 'Hashed target keys that occur more than once.';
