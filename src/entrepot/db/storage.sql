-- Storage: where bytes lie, what is thrown away and when, and who works in the background. The third
-- part of the schema.

-- A large blob's bytes lie in pieces, mostly in one. Each is an object of the store, written once and
-- from its beginning; an upload that comes in several requests has a piece for each. The row comes
-- before the first byte, so that a crash leaves nothing in the store that no row knows.
create table piece (
    name        text primary key,   -- of the object in the store; random
    object      text not null,      -- the upload's id, which blob.object keeps
    number      integer,            -- its place among the pieces; null while it is written
    size        integer not null default 0,
    key         text,               -- the master key that wraps its data key; null: not encrypted
    data_key    blob,
    started_at  real not null
);
create index piece_object on piece (object, number);
create index piece_open on piece (started_at) where number is null;
create index piece_key on piece (key);

insert into piece (name, object, number, size, started_at)
    select object, object, 0, size, created_at from blob where object is not null;
insert into piece (name, object, number, size, started_at)
    select id, id, 0, size, touched_at from upload where content is null and size > 0;

-- Garbage are names of pieces from now on.
alter table garbage add column size integer not null default 0;
alter table garbage add column why text not null default '';

-- The master key of content that lies encrypted in a row; null where it is not.
alter table blob add column key text;
alter table manifest add column key text;
alter table signing_key add column key text;
alter table manifest add column size integer not null default 0;
update manifest set size = length(content);

-- Since when no manifest of the repository needs the blob, as far as is known; the collector looks
-- again before it believes that.
alter table repository_blob add column idle_since real;
create index repository_blob_idle on repository_blob (idle_since) where idle_since is not null;
update repository_blob set idle_since = unixepoch();

-- What was deleted, whole, until its time is up.
create table trash (
    id          integer primary key,
    repository  text not null,
    kind        text not null,      -- tag, manifest or repository
    reference   text not null,      -- the tag or digest; empty for a repository
    deleted_at  real not null,
    deleted_by  text not null,
    until       real not null
);
create index trash_until on trash (until);
create index trash_repository on trash (repository, id);

create table trash_tag (
    trash       integer not null references trash on delete cascade,
    name        text not null,
    digest      text not null,
    primary key (trash, name)
) without rowid;

create table trash_manifest (
    trash       integer not null references trash on delete cascade,
    digest      text not null,
    media_type  text not null,
    depth       integer not null,
    content     blob not null,
    key         text,
    created_at  real not null,
    primary key (trash, digest)
);

-- What trashed manifests need of their repository: it stays as long as they do.
create table trash_edge (
    repository  text not null,
    child       text not null,
    trash       integer not null references trash on delete cascade,
    primary key (repository, child, trash)
) without rowid;
create index trash_edge_trash on trash_edge (trash);

-- What a project takes, each blob counted once however many of its repositories link it.
create table project_blob (
    project     text not null,
    blob        integer not null references blob,
    links       integer not null,
    primary key (project, blob)
) without rowid;
create index project_blob_blob on project_blob (blob);

create table project_usage (
    project     text primary key,
    bytes       integer not null default 0,
    tags        integer not null default 0
) without rowid;
alter table project add column quota_tags integer;

-- Which tags and manifests go by themselves: rules for the repositories of a pattern.
create table retention (
    id          integer primary key,
    pattern     text not null unique,
    rules       text not null,      -- JSON
    created_at  real not null,
    created_by  text not null
);

-- Work in the background, done by whichever process holds the lease.
create table job (
    name        text primary key,
    state       text not null,      -- waiting, running or failed
    holder      text not null default '',
    lease_until real not null default 0,
    next_at     real not null default 0,
    started_at  real,
    ended_at    real,
    done        integer not null default 0,
    total       integer,
    note        text not null default '',
    cursor      text not null default '',   -- where to go on after an interruption
    error       text not null default ''
) without rowid;
