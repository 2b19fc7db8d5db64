-- The whole schema on one page. Times are seconds since 1970; digests are written algorithm:hex.

create table repository (
    id          integer primary key,
    name        text not null unique,
    listed      integer not null default 0, -- whether it holds a manifest
    created_at  real not null
);
create index repository_listed on repository (listed, name);

-- What is known of some content, whoever links it. A rowid table: content in the leaves of a
-- table without rowids costs more on every insert.
create table blob (
    id          integer primary key,
    digest      text not null unique,
    size        integer not null,
    content     blob,               -- a small blob lies here
    object      text,               -- a larger one lies in the blob store, under this name
    created_at  real not null,
    check ((content is null) <> (object is null))
);

-- A blob is served in the repositories that link it, and in no other.
create table repository_blob (
    repository  integer not null references repository,
    blob        integer not null references blob,
    primary key (repository, blob)
) without rowid;
create index repository_blob_blob on repository_blob (blob);
create unique index blob_object on blob (object) where object is not null;

create table manifest (
    id            integer primary key,
    repository    integer not null references repository,
    digest        text not null,
    media_type    text not null,
    artifact_type text,
    subject       text,             -- the digest that this manifest refers to
    annotations   text,             -- JSON, kept where there is a subject: referrers show them
    depth         integer not null, -- 0 for an image; an index is one above its deepest child
    content       blob not null,
    created_at    real not null,
    unique (repository, digest)
);
create index manifest_subject on manifest (repository, subject, id) where subject is not null;

-- What a manifest cannot be served without; also what it would miss, where sparse is allowed.
create table edge (
    repository  integer not null,
    child       text not null,
    manifest    integer not null references manifest,
    primary key (repository, child, manifest)
) without rowid;
create index edge_manifest on edge (manifest);

create table tag (
    repository  integer not null references repository,
    name        text not null,
    digest      text not null,
    moved_at    real not null,
    primary key (repository, name)
) without rowid;
create index tag_digest on tag (repository, digest);

create table upload (
    id          text primary key,
    repository  text not null,      -- its name: an upload alone makes no repository
    algorithm   text not null,
    size        integer not null default 0,
    digest      text,               -- of those bytes, where the process knew it
    content     blob,               -- a few bytes lie here, more in the object named by the id
    touched_at  real not null
);
create index upload_touched on upload (touched_at, id);

-- Objects that no row names any more. The row goes when the object has gone.
create table garbage (
    object      text primary key
) without rowid;

-- The log of changes: one row for whatever changes a repository, in the same transaction.
create table change (
    id          integer primary key,
    at          real not null,
    actor       text not null,
    kind        text not null,
    repository  text not null,
    reference   text not null,
    old         text,
    new         text
);
