-- What a tag pointed to, and why it moved. The fifth part of the schema.

-- Why: as whoever did it says, or the rule that did.
alter table change add column reason text not null default '';

-- Which row of the trash: of a repository that was deleted or came back as a whole.
alter table change add column trash integer;

-- The moves of a tag, in order; with an empty reference, what happened to a repository as a whole.
create index change_reference on change (repository, reference, id);
