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
create index piece_key on piece (key) where key is not null;

insert into piece (name, object, number, size, started_at)
    select object, object, 0, size, created_at from blob where object is not null;

-- Garbage are names of pieces from now on.
alter table garbage add column size integer not null default 0;
alter table garbage add column why text not null default '';

-- What cannot be deleted is tried again later, and holds up nothing else.
alter table garbage add column tries integer not null default 0;
alter table garbage add column trouble text not null default '';
alter table garbage add column later real not null default 0;
create index garbage_later on garbage (later);

-- Uploads under way begin anew: of one that was cut, the file has bytes that the row does not know.
insert into garbage (object, size, why)
    select id, size, 'its upload was begun by an earlier version' from upload where content is null
    on conflict do nothing;
delete from upload where content is null and size > 0;

-- The master key of content that lies encrypted in a row; null where it is not.
alter table blob add column key text;
alter table upload add column key text;
alter table manifest add column key text;
alter table signing_key add column key text;
create index blob_key on blob (key) where key is not null;
create index manifest_key on manifest (key) where key is not null;
alter table manifest add column size integer not null default 0;
update manifest set size = length(content);

-- Since when no manifest of the repository needs the blob, as far as is known; the collector looks
-- again before it believes that.
alter table repository_blob add column idle_since real;
create index repository_blob_idle on repository_blob (idle_since) where idle_since is not null;
update repository_blob set idle_since = unixepoch();

-- Manifests that maybe nothing keeps: no tag, no index, no subject. Looked at again, too.
create table idle_manifest (
    manifest    integer primary key references manifest on delete cascade,
    since       real not null,
    why         text not null       -- untagged; or orphaned, by the end of its index or subject
);
create index idle_manifest_since on idle_manifest (why, since);
insert into idle_manifest (manifest, since, why) select id, unixepoch(), 'untagged' from manifest;

-- What was deleted, until its time is up.
create table trash (
    id          integer primary key autoincrement,
    repository  text not null,
    kind        text not null,      -- tag, manifest or repository
    reference   text not null,      -- the tag or digest; empty for a repository
    digest      text not null,      -- what the tag pointed to; the manifest's own
    deleted_at  real not null,
    deleted_by  text not null,
    why         text not null,
    until       real not null
);
create index trash_until on trash (until);
create index trash_repository on trash (repository, kind, digest);

-- A deleted manifest lies, with its tags and links, in a hidden repository of its own: called team/#17
-- for row 17 of the trash, which nobody can ask for. So it is kept by the very rows, and under the
-- very rules, that keep everything else. A deleted repository is hidden as it stands.
alter table repository add column trash integer references trash;
create unique index repository_trash on repository (trash) where trash is not null;

-- What a project takes, each blob counted once however many of its repositories link it.
create table project_blob (
    project     text not null,
    blob        integer not null references blob,
    links       integer not null,   -- in how many of its repositories, hidden ones included
    primary key (project, blob)
) without rowid;
create index project_blob_blob on project_blob (blob);

create table project_usage (
    project     text primary key,
    bytes       integer not null default 0, -- of blobs and manifests
    tags        integer not null default 0  -- of repositories that are not hidden
) without rowid;
alter table project add column quota_tags integer;

-- JSON: patterns of tags that nobody moves or deletes.
alter table project add column immutable text not null default '[]';

insert into project_blob (project, blob, links)
    select substr(r.name, 1, instr(r.name || '/', '/') - 1), x.blob, count(*)
    from repository_blob x join repository r on r.id = x.repository group by 1, 2;
insert into project_usage (project, bytes, tags)
    select project, sum(bytes), sum(tags) from (
        select p.project, b.size as bytes, 0 as tags
            from project_blob p join blob b on b.id = p.blob
        union all
        select substr(r.name, 1, instr(r.name || '/', '/') - 1), m.size, 0
            from manifest m join repository r on r.id = m.repository
        union all
        select substr(r.name, 1, instr(r.name || '/', '/') - 1), 0, 1
            from tag t join repository r on r.id = t.repository
    ) as part group by project;

-- When a manifest was pulled last, by tag or digest.
create table manifest_use (
    manifest    integer primary key references manifest on delete cascade,
    at          real not null
);

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
    about       text not null,
    every       real,               -- seconds between two runs; null: only when asked for
    state       text not null default 'waiting',    -- or running, or failed
    holder      text not null default '',
    lease_until real not null default 0,
    next_at     real,
    asked       integer not null default 0,
    started_at  real,
    ended_at    real,
    succeeded_at real,
    took        real,
    failures    integer not null default 0,         -- since the last success
    done        integer not null default 0,
    total       integer,
    note        text not null default '',
    cursor      text not null default '',   -- where to go on after an interruption
    error       text not null default ''
) without rowid;

-- What takes long to measure, as it was last found.
create table gauge (
    name        text primary key,
    value       real not null
) without rowid;

-- What did not match its digest is served no more, and kept for a while for whoever looks into it.
create table quarantine (
    id          integer primary key,
    kind        text not null,      -- blob or manifest
    digest      text not null,
    repository  integer,            -- of a manifest
    size        integer not null,
    why         text not null,
    repositories text not null,     -- JSON: names, some of them
    found_at    real not null,
    until       real not null,
    content     blob,               -- what lay in the row
    key         text
);
create index quarantine_until on quarantine (until);
create index quarantine_digest on quarantine (digest);

create table quarantined_piece (
    name        text primary key,
    quarantine  integer not null references quarantine on delete cascade,
    data_key    blob,
    key         text,
    number      integer not null,
    size        integer not null
);
create index quarantined_piece_of on quarantined_piece (quarantine);
