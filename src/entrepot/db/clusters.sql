-- Clusters: what runs in those that are connected, and so is kept. The fourth part of the schema.

create table cluster (
    name        text primary key,
    reported_by text not null,      -- who alone reports under this name
    created_at  real not null,
    seen_at     real not null
) without rowid;

-- An image of a container, as the workload has it. A report writes only what has changed since the
-- one before; so a cluster that falls silent is believed to run for ever what it said last.
create table workload_image (
    id          integer primary key,
    cluster     text not null references cluster on delete cascade,
    namespace   text not null,
    kind        text not null,
    workload    text not null,
    container   text not null,
    image       text not null,      -- as it is written there
    digest      text not null,      -- what the tag was when it was pulled; empty where nobody knows
    repository  text not null,      -- empty where it is of another registry
    tag         text not null,      -- empty where none is written
    pinned      integer not null,   -- whether it is pulled by its digest, and needs no tag
    state       text not null,      -- running, waiting or rollback
    first_seen  real not null,
    last_seen   real,               -- null while the cluster reports it
    until       real,               -- from then on it is kept no more
    unique (cluster, namespace, kind, workload, container, image, digest)
);
create index workload_image_repository on workload_image (repository) where repository <> '';
create index workload_image_until on workload_image (until) where until is not null;
